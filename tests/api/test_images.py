"""/api/image, /api/images, /api/project and /api/similarity."""

from __future__ import annotations

import base64

import pytest

from projects.models import Image, Project
from projects.services.label_list import get_or_create_labels
from projects.services.labels import label_images
from tests.drawings import picture_bytes

from .conftest import Script, upload

PICTURE = picture_bytes("red circle", 90)


@pytest.mark.parametrize("root", ["api", "rs/api"])
@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("cat.jpg", "cat.jpg"),
        ("cat.jpg/", "cat.jpg"),
        ("shelf/row%202/c%20at.jpg", "shelf/row 2/c at.jpg"),
        ("%E7%8C%AB/%F0%9F%90%88.jpg", "猫/🐈.jpg"),
        ("a%2Fb.jpg", "a/b.jpg"),
        ("no-extension", "no-extension"),
        ("100%25%20%3F%23.jpg", "100% ?#.jpg"),
    ],
)
def test_an_image_is_stored_fetched_and_deleted_by_its_name(
    script, project, encoder_folder, root, sent, stored
):
    path = f"/{root}/image/{project.pk}/{sent}"
    answer = script.bytes(path, PICTURE)
    assert (answer.status_code, answer.json()) == (200, {"name": stored, "result": "added"})
    image = Image.objects.get(project=project, name=stored)
    assert (image.embedding_state, image.state) == ("embedded", "dataset")
    fetched = script.get(path)
    assert (fetched.status_code, b"".join(fetched.streaming_content)) == (200, PICTURE)
    assert fetched["Content-Type"] == "image/jpeg"
    assert "sandbox" in fetched["Content-Security-Policy"]
    assert script.get(f"/{root}/images/{project.pk}/").json() == [stored]
    assert script.delete(path).status_code == 200
    assert script.get(path).status_code == 404
    assert script.get(f"/{root}/images/{project.pk}").json() == []


def test_base64_is_stored_as_its_bytes(script, project, encoder_folder):
    body = {"base64": base64.b64encode(PICTURE).decode()}
    assert script.send(f"/api/image/{project.pk}/cat.jpg", body).status_code == 200
    fetched = script.get(f"/api/image/{project.pk}/cat.jpg")
    assert b"".join(fetched.streaming_content) == PICTURE


def test_an_image_of_the_project_is_no_body_for_a_new_one(script, project):
    answer = script.send(f"/api/image/{project.pk}/cat.jpg", {"imageName": "dog.jpg"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_body")


def test_without_preprocess_the_worker_embeds_it(script, project, encoder_folder):
    answer = script.bytes(f"/api/image/{project.pk}/cat.jpg?preprocess=False", PICTURE)
    assert answer.status_code == 200
    assert Image.objects.get().embedding_state == "pending"


def test_an_embedded_image_has_its_thumbnail(script, owner_client, project, encoder_folder):
    script.bytes(f"/api/image/{project.pk}/cat.jpg", PICTURE)
    image = Image.objects.get()
    answer = owner_client.get(f"/projects/{project.pk}/images/{image.pk}/thumbnail")
    assert answer["Content-Type"] == "image/jpeg"


def test_the_same_bytes_are_stored_once_and_the_answer_names_them(script, project, encoder_folder):
    script.bytes(f"/api/image/{project.pk}/cat.jpg", PICTURE)
    answer = script.bytes(f"/api/image/{project.pk}/copy.jpg", PICTURE)
    assert answer.json() == {"name": "cat.jpg", "result": "duplicate"}
    assert Image.objects.count() == 1


def test_another_image_of_a_taken_name_gets_a_number(script, project, encoder_folder):
    for seed, name in ((1, "cat.jpg"), (2, "cat (2).jpg")):
        answer = script.bytes(f"/api/image/{project.pk}/cat.jpg", picture_bytes("red circle", seed))
        assert answer.json()["name"] == name


def test_a_deleted_image_that_is_sent_again_comes_back(script, project, encoder_folder):
    path = f"/api/image/{project.pk}/cat.jpg"
    for _ in range(2):
        assert script.bytes(path, PICTURE).json() == {"name": "cat.jpg", "result": "added"}
        script.delete(path)
    assert Image.objects.count() == 1


def test_a_name_that_is_too_long_is_refused(script, project, encoder_folder):
    answer = script.bytes(f"/api/image/{project.pk}/{'x' * 256}", PICTURE)
    assert (answer.status_code, answer.json()["code"]) == (400, "image_name")


def test_an_image_that_did_not_change_is_not_sent_again(script, project, encoder_folder):
    path = f"/api/image/{project.pk}/cat.jpg"
    script.bytes(path, PICTURE)
    etag = script.get(path)["ETag"]
    assert script.get(path, HTTP_IF_NONE_MATCH=etag).status_code == 304


@pytest.mark.parametrize("path", ["/api/project", "/api/project/", "/rs/api/project"])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
def test_a_project_is_made(script, owner, path, kind):
    answer = script.post(path, '{"name": "Pets"}', content_type=kind)
    assert answer.status_code == 200
    assert Project.objects.get(owner=owner, pk=answer.json()["id"]).name == "Pets"


@pytest.mark.parametrize(
    "body", ["{}", '{"name": ""}', '{"name": 7}', '{"name": null}', "[]", "null", "7", "{", ""]
)
def test_a_project_without_a_name_is_refused(script, owner, body):
    answer = script.post("/api/project", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "code"}
    assert not Project.objects.filter(owner=owner).exists()


def similar(script: Script, project: Project, query: str = "", content: bytes = PICTURE) -> list:
    answer = script.bytes(f"/api/similarity?project={project.pk}{query}", content)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_similar_images_come_nearest_first(script, drawn):
    found = similar(script, drawn)
    scores = [each["score"] for each in found]
    assert len(found) == 10
    assert scores == sorted(scores, reverse=True)
    assert [each["image"][:10] for each in found[:4]] == ["red-circle"] * 4


def test_limit_and_threshold_bound_the_similar_images(script, drawn):
    everything = similar(script, drawn, "&limit=1000")
    assert len(everything) == 24
    assert similar(script, drawn, "&limit=3") == everything[:3]
    middle = everything[5]["score"]
    assert similar(script, drawn, f"&limit=1000&threshold={middle}") == [
        each for each in everything if each["score"] >= middle
    ]


def test_similar_images_by_name_never_hold_the_image_itself(script, drawn):
    name = "red-circle-000.jpg"
    answer = script.send(f"/api/similarity?project={drawn.pk}&limit=1000", {"imageName": name})
    assert len(answer.json()) == 23
    assert name not in [each["image"] for each in answer.json()]


def test_similar_images_can_be_narrowed_to_labels(script, drawn, owner):
    drawn.multi_label = True
    drawn.save()
    [tiny] = get_or_create_labels(drawn, owner, ["tiny"])
    chosen = drawn.images.filter(name__contains="circle-00") | drawn.images.filter(
        name="blue-square-000.jpg"
    )
    label_images(drawn, owner, list(chosen.values_list("pk", flat=True)), tiny)
    found = similar(script, drawn, "&labels=TINY&limit=100")
    assert len(found) == 5
    both = similar(script, drawn, "&labels=tiny&labels=red%20circle&and=True&limit=100")
    assert len(both) == 4
    either = similar(script, drawn, "&labels=tiny&labels=red%20circle&limit=100")
    assert len(either) == 5


def test_an_unknown_label_is_named(script, drawn):
    answer = script.bytes(f"/api/similarity?project={drawn.pk}&labels=dog", PICTURE)
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_label")


def test_an_unlabeled_image_is_similar_too_and_a_deleted_one_is_not(script, drawn, owner):
    upload(drawn, owner, [("new.jpg", picture_bytes("red circle", 91))])
    assert "new.jpg" in [each["image"] for each in similar(script, drawn)]
    script.delete(f"/api/image/{drawn.pk}/new.jpg")
    assert "new.jpg" not in [each["image"] for each in similar(script, drawn)]


def test_a_project_without_images_has_no_similar_ones(script, project, encoder_folder):
    assert similar(script, project) == []
