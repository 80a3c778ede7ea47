"""Errors are JSON of a sentence and a code, whoever makes them and whatever is sent."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from projects.models import Project

from .conftest import Script


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/rs/api", "/rs/api/", "/api/nothing", "/api/v2/projects", "/api/image/x/y",
     "/api/v1/projects/abc", f"/api/v1/projects/{'9' * 10_000}", "/api/v1/projects/1/images/1/2",
     "/rs/api/%ff%fe", "/api/\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_an_address_that_is_none_is_a_404_in_json(db, path, method):
    answer = getattr(Script(), method)(path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["/api/similarity-labels", "/api/v1/projects", "/api/image/1/a"])
@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS", "FOO"])
def test_a_method_that_is_none_is_a_405_in_json(script, path, method):
    answer = script.generic(method, path)
    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "POST" in answer["Allow"]


def test_a_host_that_is_not_ours_is_refused_in_json(script):
    answer = script.get("/api/v1/projects", HTTP_HOST="evil.example.com")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "code"}


@pytest.mark.parametrize("debug", [False, True])
def test_a_mistake_of_ours_is_a_500_without_a_traceback(script, settings, debug, monkeypatch):
    settings.DEBUG = debug

    def broken(*_: object) -> None:
        raise RuntimeError("a secret path /srv/labeling")

    monkeypatch.setattr(Project.objects, "visible_to", broken)
    answer = script.get("/api/v1/projects")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert b"secret" not in answer.content


def test_a_busy_database_is_a_503_that_says_when_to_come_again(script, monkeypatch):
    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(Project.objects, "visible_to", locked)
    answer = script.get("/api/v1/projects")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "*/*", "nonsense", ""])
def test_what_a_client_says_it_accepts_changes_nothing(script, accept):
    answer = script.get("/api/v1/projects", HTTP_ACCEPT=accept)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"


def test_an_encoder_that_cannot_be_loaded_is_a_503(script, drawn):
    Project.objects.update(encoder_version="another")
    answer = script.bytes(f"/api/similarity-labels?project={drawn.pk}", b"GIF89a")
    assert answer.status_code == 503
