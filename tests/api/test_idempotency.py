"""Idempotency-Key: a repeated request gives the first answer and does nothing twice."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone

from projects.models import Image, KeptAnswer, Project, Upload
from projects.services import kept_answers
from tests.drawings import picture_bytes

from .conftest import Script, token_of

LIST = "/api/v1/projects"
KEY = {"HTTP_IDEMPOTENCY_KEY": "k-1"}


def test_a_repeated_request_gives_the_first_answer_and_does_nothing(script, owner):
    first = script.send(LIST, {"name": "Pets"}, **KEY)
    again = script.send(LIST, {"name": "Pets"}, **KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again["Content-Type"] == "application/json"
    assert (first.get("Idempotent-Replay"), again["Idempotent-Replay"]) == (None, "true")
    assert Project.objects.filter(owner=owner).count() == 1


def test_without_a_key_or_with_another_it_is_done_again(script, owner):
    for more in ({}, {}, KEY, {"HTTP_IDEMPOTENCY_KEY": "k-2"}):
        script.send(LIST, {"name": "Pets"}, **more)
    assert Project.objects.filter(owner=owner).count() == 4


@pytest.mark.parametrize(
    ("path", "body"), [(LIST, {"name": "Cats"}), ("/api/project", {"name": "Pets"})]
)
def test_the_same_key_for_another_request_is_a_422(script, owner, path, body):
    script.send(LIST, {"name": "Pets"}, **KEY)
    answer = script.send(path, body, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Project.objects.filter(owner=owner).count() == 1


def test_the_same_key_of_another_token_or_person_is_another_one(script, owner, stranger):
    script.send(LIST, {"name": "Pets"}, **KEY)
    for other in (owner, stranger):
        answer = Script(token_of(other)).send(LIST, {"name": "Pets"}, **KEY)
        assert "Idempotent-Replay" not in answer
    assert Project.objects.count() == 3


def test_a_session_has_keys_of_its_own(owner_client, script, owner):
    for client in (script, owner_client, owner_client):
        client.post(LIST, '{"name": "Pets"}', content_type="application/json", **KEY)
    assert Project.objects.filter(owner=owner).count() == 2


def test_a_refusal_is_given_again_too(script, project):
    path = f"{LIST}/{project.pk}/labels"
    first = script.send(path, {"name": ""}, **KEY)
    assert first.status_code == 400
    assert script.send(path, {"name": ""}, **KEY)["Idempotent-Replay"] == "true"


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "a b", "é"])
def test_a_key_that_is_none_is_refused(script, key):
    answer = script.send(LIST, {"name": "Pets"}, HTTP_IDEMPOTENCY_KEY=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key")


def test_reading_takes_no_notice_of_it(script):
    script.get(LIST, **KEY)
    assert not KeptAnswer.objects.exists()


def test_compatible_calls_have_it_too(script, project, encoder_folder):
    path = f"/api/image/{project.pk}/cat.jpg"
    script.bytes(path, picture_bytes("red circle", 1), **KEY)
    again = script.bytes(path, picture_bytes("red circle", 1), **KEY)
    assert again.json() == {"name": "cat.jpg", "result": "added"}
    assert Image.objects.count() == 1


def test_a_form_is_the_same_whatever_its_boundary(script, project):
    def send(content: bytes, boundary: str):
        from django.test.client import encode_multipart

        body = encode_multipart(boundary, {"file": SimpleUploadedFile("a.jpg", content)})
        kind = f"multipart/form-data; boundary={boundary}"
        return script.post(f"{LIST}/{project.pk}/uploads", body, content_type=kind, **KEY)

    content = picture_bytes("red circle", 1)
    first, again = send(content, "one"), send(content, "two")
    assert first.status_code == 201
    assert again.content == first.content
    assert Upload.objects.count() == 1
    assert send(picture_bytes("red circle", 2), "one").status_code == 422


def test_a_request_that_failed_by_our_mistake_may_be_repeated(script, owner, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(Project.objects, "create", broken)
        assert script.send(LIST, {"name": "Pets"}, **KEY).status_code == 500
    assert script.send(LIST, {"name": "Pets"}, **KEY).status_code == 201


def test_a_request_whose_answer_was_lost_with_the_server_is_not_done_again(script, owner, token):
    script.send(LIST, {"name": "Pets"}, **KEY)
    KeptAnswer.objects.update(status=None, created_at=timezone.now() - timedelta(hours=1))
    answer = script.send(LIST, {"name": "Pets"}, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "interrupted")
    assert Project.objects.filter(owner=owner).count() == 1


def test_one_that_is_still_at_work_is_a_409_that_says_when_to_ask(script, owner, monkeypatch):
    monkeypatch.setattr(kept_answers, "WAIT_FOR", 0.1)
    script.send(LIST, {"name": "Pets"}, **KEY)
    KeptAnswer.objects.update(status=None)
    answer = script.send(LIST, {"name": "Pets"}, **KEY)
    assert (answer.status_code, answer.json()["code"]) == (409, "in_progress")
    assert answer["Retry-After"] == "1"


def test_answers_are_kept_for_a_day(script, owner):
    script.send(LIST, {"name": "Pets"}, **KEY)
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert kept_answers.purge_kept_answers() == 1
    script.send(LIST, {"name": "Pets"}, **KEY)
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotent-Replay" not in script.send(LIST, {"name": "Pets"}, **KEY)


@pytest.mark.django_db(transaction=True)
def test_of_many_equal_requests_at_once_one_is_done(owner, monkeypatch):
    secret = token_of(owner)
    create = Project.objects.create

    def slowly(**fields: object) -> Project:
        time.sleep(0.2)
        return create(**fields)

    monkeypatch.setattr(Project.objects, "create", slowly)
    answers = []

    def ask() -> None:
        answers.append(Script(secret).send(LIST, {"name": "Pets"}, **KEY))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replay" in answer for answer in answers) == 5
    assert Project.objects.count() == 1
