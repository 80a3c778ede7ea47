"""Suggestions for many images at once, jobs for what takes long, and saving what was confirmed."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from projects import tasks
from projects.api.v1 import suggestions as view
from projects.models import Image, ImageLabel, Job
from projects.services import jobs
from projects.services.undo import undo
from tests.drawings import KINDS, picture_bytes

from .conftest import upload


@pytest.fixture
def base(drawn) -> str:
    return f"/api/v1/projects/{drawn.pk}"


def files(number: int) -> list[SimpleUploadedFile]:
    return [
        SimpleUploadedFile(f"{at}.jpg", picture_bytes(KINDS[at % 6], 200 + at))
        for at in range(number)
    ]


def test_many_names_are_answered_at_once_as_one_by_one(script, base, drawn):
    names = list(drawn.images.values_list("name", flat=True))
    answer = script.send(f"{base}/suggestions", {"images": names, "threshold": 0, "explain": True})
    assert answer.status_code == 200
    assert answer.json()["job"] is None
    results = answer.json()["results"]
    assert [each["image"] for each in results] == names
    for result in results[::5]:
        alone = script.send(
            f"/api/similarity-labels?project={drawn.pk}&threshold=0&explain=1",
            {"imageName": result["image"]},
        ).json()
        assert (result["suggestions"], result["hits"]) == (alone["suggestions"], alone["hits"])


def test_files_are_answered_and_not_stored(script, base, drawn):
    answer = script.post(f"{base}/suggestions", {"file": files(8), "use_first": "true"})
    results = answer.json()["results"]
    assert [each["suggestions"][0]["label"] for each in results] == [
        KINDS[at % 6] for at in range(8)
    ]
    assert Image.objects.filter(project=drawn).count() == 24


def test_one_bad_image_has_an_error_of_its_own(script, base, drawn):
    sent = [*files(1), SimpleUploadedFile("bad.jpg", b"hello"), *files(1)]
    results = script.post(f"{base}/suggestions", {"file": sent}).json()["results"]
    assert [each.get("code") for each in results] == [None, "not_an_image", None]
    names = ["red-circle-000.jpg", "missing.jpg"]
    results = script.send(f"{base}/suggestions", {"images": names}).json()["results"]
    assert [each.get("code") for each in results] == [None, "image_not_found"]


def test_a_thousand_files_fit_one_request_and_one_more_does_not(script, base, drawn):
    def sent(number):
        return {"file": [SimpleUploadedFile(f"{at}.jpg", b"x") for at in range(number)]}

    answer = script.post(f"{base}/suggestions", sent(1000))
    assert [each["code"] for each in answer.json()["results"]] == ["not_an_image"] * 1000
    assert script.post(f"{base}/suggestions", sent(1001)).status_code in {400, 413}


def test_an_image_that_waits_for_its_embedding_is_embedded_for_the_answer(script, base, drawn):
    path = f"/api/image/{drawn.pk}/new.jpg?preprocess=false"
    script.bytes(path, picture_bytes("red circle", 33))
    results = script.send(f"{base}/suggestions", {"images": ["new.jpg"]}).json()["results"]
    assert results[0]["suggestions"][0]["label"] == "red circle"


def test_the_number_of_queries_does_not_grow_with_the_images(
    script, base, drawn, django_assert_max_num_queries
):
    names = list(drawn.images.values_list("name", flat=True))
    with django_assert_max_num_queries(30):
        script.send(f"{base}/suggestions", {"images": names})


def finish(job_id: int) -> Job:
    while jobs.work_on(Job.objects.get(pk=job_id), seconds=60):
        pass
    return Job.objects.get(pk=job_id)


def test_what_does_not_fit_into_the_time_becomes_a_job(script, base, drawn, monkeypatch):
    whole = script.post(f"{base}/suggestions", {"file": files(40)}).json()["results"]
    monkeypatch.setattr(view, "SECONDS_AT_ONCE", 0.0)
    answer = script.post(f"{base}/suggestions", {"file": files(40)})
    assert answer.status_code == 202
    assert answer.json()["results"] == whole[:16]
    job = answer.json()["job"]
    assert (job["state"], job["done"], job["total"]) == ("waiting", 16, 40)
    assert answer["Location"].endswith(f"{base}/jobs/{job['id']}")
    stored = [row["stored"] for row in Job.objects.get().items if "stored" in row]
    assert len(stored) == 24
    assert jobs.work_on(Job.objects.get(), seconds=0)
    told = script.get(f"{base}/jobs/{job['id']}").json()
    assert (told["state"], told["done"], told["results"]) == ("running", 32, whole[:32])
    finish(job["id"])
    told = script.get(f"{base}/jobs/{job['id']}").json()
    assert (told["state"], told["done"], told["results"]) == ("done", 40, whole)
    assert told["finished_at"]
    assert not any(default_storage.exists(name) for name in stored)
    assert script.get(f"{base}/jobs").json()["results"][0]["id"] == job["id"]


def test_a_job_can_be_asked_for_at_once(script, base, drawn):
    names = list(drawn.images.values_list("name", flat=True))
    answer = script.send(f"{base}/suggestions", {"images": names, "wait": False})
    assert (answer.status_code, answer.json()["results"]) == (202, [])
    tasks.run_job(answer.json()["job"]["id"])
    told = script.get(f"{base}/jobs/{answer.json()['job']['id']}").json()
    assert (
        told["results"] == script.send(f"{base}/suggestions", {"images": names}).json()["results"]
    )


def test_a_job_that_ends_its_worker_three_times_has_failed(script, base, drawn):
    script.send(f"{base}/suggestions", {"images": ["a.jpg"], "wait": False})
    Job.objects.update(attempts=3)
    job = finish(Job.objects.get().pk)
    assert (job.state, job.error) == ("failed", jobs.STOPPED)


def test_an_encoder_of_the_workers_only_makes_a_job_of_files(script, base, drawn, monkeypatch):
    monkeypatch.setattr("projects.services.queries.needs_worker", lambda _project: True)
    answer = script.post(f"{base}/suggestions", {"file": files(2)})
    assert (answer.status_code, answer.json()["job"]["total"]) == (202, 2)
    one = script.bytes(
        f"/api/similarity-labels?project={drawn.pk}", picture_bytes("red circle", 34)
    )
    assert (one.status_code, one.json()["code"]) == (503, "encoder_in_worker")
    named = script.send(
        f"/api/similarity-labels?project={drawn.pk}", {"imageName": "red-circle-000.jpg"}
    )
    assert named.status_code == 200
    job = finish(answer.json()["job"]["id"])
    assert [each["suggestions"][0]["label"] for each in job.results] == list(KINDS[:2])


@pytest.mark.parametrize(
    "body",
    [{}, {"images": []}, {"images": "a"}, {"images": [1]}, {"images": ["a"] * 1001},
     {"images": ["a"], "results": 0}, {"images": ["a"], "results": 101},
     {"images": ["a"], "results": "5"},
     {"images": ["a"], "threshold": -1}, {"images": ["a"], "threshold": "30"},
     {"images": ["a"], "use_first": "yes"}, {"images": ["\ud800"]}],
)  # fmt: skip
def test_a_wrong_request_is_refused(script, base, drawn, body):
    answer = script.send(f"{base}/suggestions", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_project_without_labels_says_what_to_do(script, project, encoder_folder):
    answer = script.send(f"/api/v1/projects/{project.pk}/suggestions", {"images": ["a"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_labeled_images")


def test_confirmed_suggestions_are_saved_with_their_scores_in_one_act(script, base, drawn, owner):
    new = [(f"{at}.jpg", picture_bytes(KINDS[at], 300 + at)) for at in range(6)]
    upload(drawn, owner, new)
    names = [name for name, _ in new]
    results = script.send(f"{base}/suggestions", {"images": names, "threshold": 0}).json()[
        "results"
    ]
    answer = script.send(f"{base}/suggestions/commit", {"results": results})
    assert answer.status_code == 200, answer.content
    for at, result in enumerate(results):
        given = ImageLabel.objects.get(image__name=names[at])
        assert (given.label.name, given.source) == (KINDS[at], "suggestion")
        assert given.score == result["suggestions"][0]["score"]
    undo(drawn, owner)
    assert not ImageLabel.objects.filter(image__name__in=names).exists()


def test_nothing_confirmed_is_said_so(script, base, drawn):
    body = {"results": [{"image": "red-circle-000.jpg", "suggestions": []}]}
    answer = script.send(f"{base}/suggestions/commit", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "nothing_suggested")


def test_similar_images_of_one_by_its_name(script, base, drawn):
    answer = script.get(f"{base}/similar?image=red-circle-000.jpg&limit=3")
    same = script.send(
        f"/api/similarity?project={drawn.pk}&limit=3", {"imageName": "red-circle-000.jpg"}
    )
    assert answer.json() == {"results": same.json()}
    assert script.get(f"{base}/similar").status_code == 400
    assert script.get(f"{base}/similar?image=x").status_code == 404


@pytest.mark.parametrize("method", ["head", "class_means", "graph", "auto"])
def test_another_method_scores_the_labels(script, base, drawn, method):
    names = list(drawn.images.values_list("name", flat=True))
    asked = {"images": names, "threshold": 0, "explain": True}
    vote = script.send(f"{base}/suggestions", asked).json()["results"]
    other = script.send(f"{base}/suggestions", asked | {"method": method}).json()["results"]
    assert [each["hits"] for each in other] == [each["hits"] for each in vote]
    assert [each["suggestions"] for each in other] != [each["suggestions"] for each in vote]
    labels = {each["image"]: each["suggestions"][0]["label"] for each in other}
    right = [name for name in names if labels[name].replace(" ", "-") == name[: -len("-000.jpg")]]
    assert len(right) >= 20
    for result in other:
        scores = [each["score"] for each in result["suggestions"]]
        assert scores == sorted(scores, reverse=True)


def test_a_labeled_image_is_not_judged_by_its_own_label(script, base, drawn):
    image = drawn.images.filter(is_labeled=True).first()
    right = image.image_labels.get().label.name
    wrong = drawn.labels.exclude(name=right).first()
    image.image_labels.update(label=wrong)
    drawn.raise_revision()
    asked = {"images": [image.name], "use_first": True, "method": "head"}
    (result,) = script.send(f"{base}/suggestions", asked).json()["results"]
    assert result["suggestions"][0]["label"] == right


def test_a_job_keeps_the_method(script, base, drawn):
    names = list(drawn.images.values_list("name", flat=True))
    asked = {"images": names, "threshold": 0, "method": "head"}
    at_once = script.send(f"{base}/suggestions", asked).json()["results"]
    job = script.send(f"{base}/suggestions", asked | {"wait": False}).json()["job"]
    assert finish(job["id"]).results == at_once


def test_a_form_takes_a_method_and_an_unknown_one_is_a_400(script, base, drawn):
    sent = {"file": files(2), "use_first": "true", "method": "class_means"}
    results = script.post(f"{base}/suggestions", sent).json()["results"]
    assert [each["suggestions"][0]["label"] for each in results] == [KINDS[0], KINDS[1]]
    for wrong in ("magic", ""):
        answer = script.send(f"{base}/suggestions", {"images": ["a"], "method": wrong})
        assert answer.status_code == 400
