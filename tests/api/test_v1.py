"""Our own calls: projects, labels, images, uploads, exports."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from projects.models import Act, Image, ImageLabel, Label, Project
from projects.services import archives
from projects.services.labels import get_or_create_labels, mark_rest_absent
from projects.services.undo import undo
from tests.drawings import KINDS, picture_bytes

from .conftest import upload


@pytest.fixture
def base(project) -> str:
    return f"/api/v1/projects/{project.pk}"


def test_projects_are_made_listed_changed_and_deleted(script, owner):
    made = script.send("/api/v1/projects", {"name": "Pets", "multi_label": True}).json()
    assert (made["name"], made["multi_label"], made["role"]) == ("Pets", True, "owner")
    path = f"/api/v1/projects/{made['id']}"
    assert script.get("/api/v1/projects").json() == {"results": [made], "next": None}
    changed = script.patch(path, '{"name": "Cats"}', content_type="application/json").json()
    assert (changed["name"], changed["multi_label"]) == ("Cats", True)
    assert script.get(path).json() == changed
    assert script.delete(path).status_code == 204
    assert script.get(path).status_code == 404
    assert script.get("/api/v1/projects").json()["results"] == []


def test_a_project_counts_its_images(script, drawn, base):
    told = script.get(base).json()
    assert (told["images"], told["labeled"], told["encoder"]) == (24, 24, "efficientnet-lite0-int8")


def test_a_list_comes_in_parts_that_miss_nothing(script, owner):
    for number in range(7):
        Project.objects.create(name=f"P{number}", owner=owner)
    url, seen = "/api/v1/projects?limit=3", []
    while url:
        part = script.get(url).json()
        seen += [each["name"] for each in part["results"]]
        assert len(part["results"]) <= 3
        url = part["next"]
    assert seen == [f"P{number}" for number in range(7)]


@pytest.mark.parametrize("cursor", ["x", "%00", "YWZ0ZXIgeA", "é", "YWZ0ZXIg" + "OTk5" * 20])
def test_a_cursor_that_is_none_is_refused(script, base, cursor):
    for path in ("/api/v1/projects", f"{base}/labels", f"{base}/images", f"{base}/jobs"):
        answer = script.get(f"{path}?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


def test_labels_are_made_renamed_merged_and_deleted(script, base, project):
    cat = script.send(f"{base}/labels", {"name": "cat", "color": "#0090FF"}).json()
    assert (cat["name"], cat["color"], cat["images"]) == ("cat", "#0090ff", 0)
    dog = script.send(f"{base}/labels", {"name": "dog"}).json()
    again = script.send(f"{base}/labels", {"name": "CAT"})
    assert (again.status_code, again.json()["code"]) == (409, "label_exists")
    path = f"{base}/labels/{cat['id']}"
    kitten = script.patch(path, '{"name": "kitten"}', content_type="application/json").json()
    assert kitten["name"] == script.get(path).json()["name"] == "kitten"
    assert [each["name"] for each in script.get(f"{base}/labels").json()["results"]] == [
        "kitten",
        "dog",
    ]
    assert script.send(f"{path}/merge", {"into": dog["id"]}).json()["name"] == "dog"
    assert script.get(path).status_code == 404
    assert script.delete(f"{base}/labels/{dog['id']}").status_code == 204
    assert not Label.objects.live().filter(project=project).exists()


def test_a_label_cannot_be_merged_into_itself(script, base):
    cat = script.send(f"{base}/labels", {"name": "cat"}).json()
    answer = script.send(f"{base}/labels/{cat['id']}/merge", {"into": cat["id"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "label_merge")


def test_labels_of_images_are_set_added_and_removed(script, base, drawn, owner):
    drawn.multi_label = True
    drawn.save()
    path, name = f"{base}/images/labels", "red-circle-000.jpg"

    def change(labels: list[str], mode: str) -> list[str]:
        body = {"changes": [{"image": name, "labels": labels}], "mode": mode}
        answer = script.send(path, body)
        assert answer.status_code == 200, answer.content
        told = script.get(f"{base}/images/by-name/{name}").json()
        return sorted(each["label"] for each in told["labels"])

    assert change(["cat", "dog"], "set") == ["cat", "dog"]
    assert change(["Owl"], "add") == ["Owl", "cat", "dog"]
    assert change(["CAT", "unheard of"], "remove") == ["Owl", "dog"]
    assert change([], "set") == []
    assert not Label.objects.filter(name="unheard of").exists()
    sources = ImageLabel.objects.filter(image__name=name).values_list("source", flat=True)
    assert set(sources) <= {"api"}
    undo(drawn, owner)
    assert Image.objects.get(name=name).image_labels.count() == 2


def test_unknown_labels_are_made_and_told(script, base, drawn):
    body = {"changes": [{"image": "red-circle-000.jpg", "labels": ["cat"]}]}
    answer = script.send(f"{base}/images/labels", body).json()
    assert answer["created_labels"] == ["cat"]
    assert answer["images"] == 1
    assert answer["revision"] == Project.objects.get(pk=drawn.pk).revision


def test_many_changes_are_one_act_and_all_or_nothing(script, base, drawn, owner):
    names = list(drawn.images.values_list("name", flat=True))
    changes = [{"image": name, "labels": ["thing"]} for name in names]
    before = Act.objects.count()
    bad = script.send(f"{base}/images/labels", {"changes": [*changes, changes[0]]})
    missing = {"image": "missing.jpg", "labels": ["thing"]}
    worse = script.send(f"{base}/images/labels", {"changes": [*changes, missing]})
    assert (bad.status_code, bad.json()["code"]) == (400, "image_twice")
    assert (worse.status_code, worse.json()["code"]) == (404, "image_not_found")
    assert "missing.jpg" in worse.json()["error"]
    assert not Label.objects.filter(name="thing").exists()
    assert Act.objects.count() == before
    assert script.send(f"{base}/images/labels", {"changes": changes}).json()["images"] == 24
    assert Act.objects.count() == before + 1
    undo(drawn, owner)
    assert not Label.objects.live().filter(name="thing").exists()


def test_the_number_of_queries_does_not_grow_with_the_changes(
    script, base, drawn, django_assert_max_num_queries
):
    names = list(drawn.images.values_list("name", flat=True))
    changes = [{"image": name, "labels": ["thing"]} for name in names]
    with django_assert_max_num_queries(40):
        script.send(f"{base}/images/labels", {"changes": changes})


def test_a_single_label_project_takes_one_label_an_image(script, base, drawn):
    change = {"image": "red-circle-000.jpg", "labels": ["cat", "dog"]}
    answer = script.send(f"{base}/images/labels", {"changes": [change]})
    assert (answer.status_code, answer.json()["code"]) == (400, "one_label_only")


@pytest.mark.parametrize(
    "body",
    [{}, [], {"changes": []}, {"changes": {}}, {"changes": [1]}, {"changes": [{"image": "a"}]},
     {"changes": [{"image": 1, "labels": []}]}, {"changes": [{"image": "a", "labels": "cat"}]},
     {"changes": [{"image": "a", "labels": [1]}]}, {"changes": [{"image": "a", "labels": [""]}]},
     {"changes": [{"image": "a", "labels": ["c"]}], "mode": "SET"}, "text", 7, None],
)  # fmt: skip
def test_changes_of_the_wrong_kind_are_refused(script, base, drawn, body):
    answer = script.send(f"{base}/images/labels", body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_a_wrong_field_is_named_with_the_way_to_it(script, base, drawn):
    changes = [{"image": "a", "labels": []}, {"image": "b", "labels": [1]}]
    answer = script.send(f"{base}/images/labels", {"changes": changes})
    assert answer.json()["error"].startswith("changes[1].labels[0]: ")


def test_images_are_listed_by_the_grids_filters(script, base, drawn, owner):
    def names(query: str) -> list[str]:
        return [each["name"] for each in script.get(f"{base}/images{query}").json()["results"]]

    upload(drawn, owner, [("new.jpg", picture_bytes("red circle", 31))])
    assert len(names("")) == 25
    assert names("?show=unlabeled") == ["new.jpg"]
    assert len(names("?label=red%20circle&label=blue%20square")) == 8
    assert len(names("?name=circle-00")) == 4
    assert names("?sort=-name&limit=1") == ["yellow-stripes-003.jpg"]
    assert script.get(f"{base}/images?label=unheard").status_code == 404
    for query in ("?show=x", "?lable=cat", "?since=yesterday", "?sort=size", "?limit=0"):
        assert script.get(f"{base}/images{query}").status_code == 400


def test_images_come_in_parts_that_miss_nothing(script, base, drawn):
    url, seen = f"{base}/images?limit=7&sort=-time", []
    while url:
        part = script.get(url).json()
        seen += [each["name"] for each in part["results"]]
        url = part["next"]
    assert sorted(seen) == sorted(drawn.images.values_list("name", flat=True))


def test_an_image_tells_absent_labels_from_unknown_ones(script, base, drawn, owner):
    drawn.multi_label = True
    drawn.save()
    name = "red-circle-000.jpg"
    mark_rest_absent(drawn, owner, [drawn.images.get(name=name).pk])
    get_or_create_labels(drawn, owner, ["made later"])
    told = script.get(f"{base}/images/by-name/{name}").json()
    assert set(told["absent"]) == set(KINDS) - {"red circle"}
    rows = script.get(f"{base}/images").json()["results"]
    assert {row["name"] for row in rows if row["absent"]} == {name}


def test_an_image_tells_all_about_itself(script, base, drawn):
    told = script.get(f"{base}/images/by-name/red-circle-000.jpg").json()
    assert (told["width"], told["height"], told["embedding"]) == (200, 160, "embedded")
    assert told["path"] == "red circle/red-circle-000.jpg"
    [label] = told["labels"]
    assert (label["label"], label["is_default"], label["source"]) == ("red circle", True, "import")


@pytest.mark.parametrize("path", ["", "/labels", "/images", "/images?limit=3", "/export"])
def test_a_list_that_did_not_change_is_not_sent_again(script, base, drawn, owner, path):
    path = f"{base}{path}" if path else "/api/v1/projects"
    etag = script.get(path)["ETag"]
    unchanged = script.get(path, HTTP_IF_NONE_MATCH=etag)
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
    other = f"{path.partition('?')[0]}?{'name=red' if 'export' in path else 'limit=7'}"
    assert script.get(other)["ETag"] != etag
    body = {"changes": [{"image": "red-circle-000.jpg", "labels": ["cat"]}]}
    script.send(f"{base}/images/labels", body)
    assert script.get(path, HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_a_fresh_upload_changes_the_version_of_the_list(script, base, drawn):
    etag = script.get(f"{base}/images")["ETag"]
    path = f"/api/image/{drawn.pk}/new.jpg?preprocess=false"
    script.bytes(path, picture_bytes("red circle", 32))
    assert script.get(f"{base}/images", HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_many_files_are_uploaded_at_once(script, base, project):
    files = [
        SimpleUploadedFile("a.jpg", picture_bytes("red circle", 1)),
        SimpleUploadedFile("b.jpg", picture_bytes("red circle", 1)),
        SimpleUploadedFile("c.txt", b"hello"),
    ]
    form = {"file": files, "path": ["cats/a.jpg", "b.jpg", "c.txt"], "label_by_folder": "true"}
    answer = script.post(f"{base}/uploads", form)
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert [each["outcome"] for each in told["results"]] == ["added", "duplicate", "refused"]
    assert (told["added"], told["duplicate"], told["refused"]) == (1, 1, 1)
    assert told["results"][0]["image"] == "a.jpg"
    assert Image.objects.get().image_labels.get().label.name == "cats"
    one = script.get(f"{base}/uploads/{told['id']}").json()
    assert one["state"] == "done"
    results = script.get(f"{base}/uploads/{told['id']}/results").json()["results"]
    assert results == told["results"]
    assert script.get(f"{base}/uploads").json()["results"] == [one]


def test_a_zip_is_unpacked_by_the_worker(script, base, project):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jpg", picture_bytes("red circle", 1))
    answer = script.post(
        f"{base}/uploads/zip", {"file": SimpleUploadedFile("a.zip", file.getvalue())}
    )
    assert (answer.status_code, answer.json()["state"]) == (202, "unpacking")
    archives.unpack(project.uploads.get(), seconds=10)
    assert script.get(f"{base}/uploads/{answer.json()['id']}").json()["added"] == 1


@pytest.mark.parametrize(
    ("path", "form", "code"),
    [
        ("", {}, "bad_form"),
        ("", {"file": "text"}, "bad_form"),
        ("", {"path": "a"}, "bad_form"),
        ("/zip", {}, "bad_form"),
        ("/zip", {"file": SimpleUploadedFile("a.zip", b"hello")}, "not_a_zip"),
    ],
)
def test_a_form_of_the_wrong_kind_is_refused(script, base, path, form, code):
    answer = script.post(f"{base}/uploads{path}", form)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_an_upload_that_is_no_form_is_a_415(script, base):
    for kind in ("application/json", "application/octet-stream", "text/plain"):
        assert script.post(f"{base}/uploads", b"{}", content_type=kind).status_code == 415
    broken = script.post(f"{base}/uploads", b"x", content_type="multipart/form-data; boundary=")
    assert broken.status_code == 400


@pytest.mark.parametrize("path", ["", "/labels", "/images", "/export", "/jobs/1", "/similar"])
def test_a_parameter_that_is_mistyped_is_named(script, base, path):
    answer = script.get(f"{base}{path}?treshold=3")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
    assert "treshold" in answer.json()["error"]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_labels_are_exported(script, base, drawn, kind):
    answer = script.get(f"{base}/export?format={kind}&name=circle")
    text = b"".join(answer.streaming_content).decode()
    rows = json.loads(text) if kind == "json" else text.strip().splitlines()[1:]
    assert len(rows) == 4
    assert script.get(f"{base}/export?format=xml").status_code == 400


def test_an_export_is_split_into_training_and_validation(script, base, drawn):
    answer = script.get(f"{base}/export?validation=25&format=json")
    rows = json.loads(b"".join(answer.streaming_content))
    assert {row["split"] for row in rows} <= {"train", "validation"}
    assert (
        "split"
        not in json.loads(b"".join(script.get(f"{base}/export?format=json").streaming_content))[0]
    )
    for wrong in ("0", "51", "some", "2.5"):
        refused = script.get(f"{base}/export?validation={wrong}")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_validation")
