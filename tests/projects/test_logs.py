"""What is written to logs as JSON, and what is not found in it whatever is sent."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.test import Client

from projects import tasks
from projects.logs import Discreet, JsonFormatter, TextFormatter, knowing
from projects.models import Image, Project
from projects.services.tokens import create_token

SECRETS = ("kitten-photo", "hunter2", "grand-mother")


class Written(io.StringIO):
    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def requests(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["message"] == "request"]


@pytest.fixture
def written() -> Iterator[Written]:
    """Everything that is logged, at every level, as the console's handler writes it."""
    stream = Written()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Discreet())
    loggers = [logging.getLogger(name) for name in ("", "projects", "django", "celery")]
    loggers += [
        logging.getLogger(name)
        for name in ("projects.middleware.requests", "projects.task_records", "django.request")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_a_request_is_a_line_with_its_view_person_project_and_time(
    written, owner_client, owner, project
):
    owner_client.get(f"/projects/{project.pk}/")
    (line,) = written.requests()
    assert line["view"] == "project"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert (line["user"], line["project"]) == (owner.pk, project.pk)
    assert line["ms"] > 0
    assert line["level"] == "INFO"


def test_the_id_of_a_request_is_taken_and_given_back(written, db, client):
    answer = client.get("/healthz", HTTP_X_REQUEST_ID="proxy-made-0001")
    assert answer["X-Request-ID"] == "proxy-made-0001"
    assert written.requests()[0]["request_id"] == "proxy-made-0001"


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 65, 'in"jected', "new\nline-new-line", "ü" * 9]
)
def test_an_id_that_is_none_is_made_anew(written, client, sent):
    answer = client.get("/healthz", HTTP_X_REQUEST_ID=sent)
    assert answer["X-Request-ID"] != sent
    assert len(answer["X-Request-ID"]) == 32


def test_no_line_holds_a_file_name_a_token_a_password_or_a_query(
    written, owner, owner_client, project, picture, settings
):
    settings.DEBUG = False
    _, token = create_token(owner, name="hunter2", scope="write")
    script = Client(headers={"X-Auth-token": token}, raise_request_exception=False)
    photo = SimpleUploadedFile("kitten-photo.jpg", picture("red circle", 1))
    uploads = f"/api/v1/projects/{project.pk}/uploads"
    sent = {"file": photo, "path": "grand-mother/kitten-photo.jpg"}
    assert script.post(uploads, sent).status_code == 201
    image = Image.objects.get(project=project)
    assert image.path == "grand-mother/kitten-photo.jpg"
    by_name = f"/api/image/{project.pk}"
    script.get(f"{by_name}/{image.name}?token={token}")
    script.get(f"{by_name}/kitten-photo-that-is-none.jpg?q=hunter2")
    script.delete(f"{by_name}/kitten-photo/../../hunter2")
    script.post(uploads, b"not a form, hunter2", content_type="multipart/form-data")
    owner_client.get(f"/projects/{project.pk}/?q=kitten-photo")
    owner_client.get("/media/kitten-photo.jpg")
    Client().post("/sign-in/", {"username": "grand-mother", "password": "hunter2"})
    Client(enforce_csrf_checks=True).post("/sign-in/?next=/hunter2", {"password": "hunter2"})
    Client().get("/enter/hunter2/")
    Client().get("/", HTTP_HOST="hunter2.example.com")
    script.get("/api/v1/projects", headers={"X-Auth-token": "hunter2-hunter2"})
    text = written.getvalue()
    assert len(written.requests()) >= 11
    for secret in (*SECRETS, token, token[:6]):
        assert secret not in text


def test_an_error_is_told_by_type_and_place_without_its_message(
    written, owner, project, monkeypatch
):
    def broken(*_: object) -> None:
        raise IntegrityError("Key (project_id, name)=(3, kitten-photo.jpg) already exists.")

    monkeypatch.setattr(Project.objects, "visible_to", broken)
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    assert client.get("/?q=hunter2").status_code == 500
    line = next(line for line in written.lines if "error" in line)
    assert line["error"]["type"] == "django.db.utils.IntegrityError"
    assert any(place.endswith(" broken") for place in line["error"]["at"])
    assert line["request_id"] == written.requests()[0]["request_id"]
    assert not any(secret in written.getvalue() for secret in SECRETS)


def test_a_task_tells_its_name_time_and_the_request_behind_it(written, db):
    with knowing(request_id="asked-for-by-me"):
        tasks.embed_pending.apply(headers={"labeling_request_id": "asked-for-by-me"})
    line = next(line for line in written.lines if line["message"] == "task")
    assert line["task"] == "projects.tasks.embed_pending"
    assert line["outcome"] == "done"
    assert line["request_id"] == "asked-for-by-me"
    assert line["task_id"]
    assert line["ms"] >= 0


def test_a_task_that_fails_tells_neither_message_nor_file(written, db, monkeypatch):
    def broken(**_: object) -> None:
        raise OSError(28, "No space left", "/data/kitten-photo.jpg")

    monkeypatch.setattr(tasks.embeddings, "work_off", broken)
    tasks.embed_pending.apply(throw=False)
    assert next(line for line in written.lines if line["message"] == "task")["outcome"] == "error"
    raised = next(line for line in written.lines if "error" in line)
    assert raised["error"]["errno"] == 28
    assert "kitten-photo" not in written.getvalue()


def test_facts_end_with_their_block():
    record = logging.makeLogRecord({"msg": "hello"})
    with knowing(request_id="a"), knowing(task="b"):
        inner = json.loads(JsonFormatter().format(record))
    assert (inner["request_id"], inner["task"]) == ("a", "b")
    assert "request_id" not in json.loads(JsonFormatter().format(record))


def test_lines_for_people_hold_the_facts_too():
    record = logging.makeLogRecord({"msg": "request", "facts": {"view": "project", "ms": 3}})
    assert TextFormatter("%(message)s").format(record) == "request view=project ms=3"
