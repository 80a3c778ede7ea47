"""Database or disk away: 503 with Retry-After, a sentence, and nothing half written."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DataError, InterfaceError, OperationalError
from django.test import Client
from PIL import Image as Pillow

from projects.models import Image, Project, UploadResult
from projects.outages import outage_of
from projects.services.tokens import create_token

from ..outages import full_database, locked_database, missing_database, small_disk

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(owner) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    return client


@pytest.fixture
def script(owner) -> Client:
    _, token = create_token(owner, name="tests", scope="write")
    return Client(raise_request_exception=False, headers={"X-Auth-token": token})


def noise(megabytes: float) -> SimpleUploadedFile:
    """A photo that does not compress."""
    side = int((megabytes * 1_000_000 / 3) ** 0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "png")
    return SimpleUploadedFile("noise.png", stream.getvalue(), "image/png")


def assert_page(answer, sentence: str) -> None:
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert answer["Content-Type"].startswith("text/html")
    assert sentence in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def assert_json(answer, code: str) -> None:
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert answer.json()["code"] == code
    assert set(answer.json()) == {"error", "code"}


def test_a_database_that_is_locked_is_told_and_nothing_is_written(page, script, project):
    with locked_database():
        new = {"name": "Birds", "kind": "single"}
        assert_page(page.post("/projects/new", new), "The database is busy")
        assert_json(script.post("/api/v1/projects", new, "application/json"), "busy")
        module = page.post("/projects/new", new, headers={"Accept": "application/json"})
        assert_json(module, "busy")
    assert list(Project.objects.all()) == [project]
    assert script.post("/api/v1/projects", new, "application/json").status_code == 201


def test_a_database_without_room_is_told_and_keeps_what_it_acknowledged(script, project):
    address = f"/api/v1/projects/{project.pk}/labels"
    names = [f"{number} {'x' * 60}" for number in range(200)]
    written = []
    with full_database():
        for name in names:
            answer = script.post(address, {"name": name}, "application/json")
            if answer.status_code != 201:
                break
            written.append(name)
        assert_json(answer, "disk_full")
    assert set(project.labels.values_list("name", flat=True)) == set(written)
    assert script.post(address, {"name": name}, "application/json").status_code == 201


@pytest.mark.parametrize("path", ["/", "/profile", "/projects/1/tiles"])
def test_pages_say_so_when_the_database_is_gone(page, path):
    with missing_database():
        answer = page.get(path)
        assert_page(answer, "The database does not answer")
    assert page.get(path).status_code in {200, 404}


def test_scripts_are_told_when_the_database_is_gone(script):
    with missing_database():
        assert_json(script.get("/api/v1/projects"), "database_away")
        assert_json(
            script.post("/api/similarity-labels?project=1", b"x", "image/jpeg"), "database_away"
        )
    assert script.get("/api/v1/projects").status_code == 200


def test_a_session_that_cannot_be_saved_is_an_outage_too(owner):
    client = Client(raise_request_exception=False)
    owner.set_password("correct horse battery")
    owner.save()
    with locked_database():
        signed_in = client.post(
            "/sign-in/", {"username": "owner", "password": "correct horse battery"}
        )
    assert_page(signed_in, "The database is busy")
    assert "labeling_session" not in client.cookies


@pytest.mark.parametrize("megabytes", [1, 4], ids=["from memory", "from another disk"])
def test_a_full_disk_takes_no_photo_and_keeps_no_half_of_one(script, project, megabytes):
    photo = noise(megabytes)
    folder = Path(default_storage.path(str(project.pk)))
    uploads = f"/api/v1/projects/{project.pk}/uploads"
    with small_disk(folder, kilobytes=400):
        assert_json(script.post(uploads, {"file": photo}), "disk_full")
        assert [path for path in folder.rglob("*") if path.is_file()] == []
        assert not Image.objects.exists()
        assert not UploadResult.objects.exists()
    photo.seek(0)
    assert script.post(uploads, {"file": photo}).status_code == 201
    image = Image.objects.get()
    stored = Path(default_storage.path(image.file_name))
    assert stored.stat().st_size == photo.size
    assert stored.stat().st_mode & 0o777 == 0o644


def test_no_room_for_what_is_coming_in_is_told_before_the_view_is_asked(page, script, project):
    incoming = Path(django_settings.FILE_UPLOAD_TEMP_DIR)
    photo = noise(4)
    with small_disk(incoming, kilobytes=400):
        answer = script.post(f"/api/v1/projects/{project.pk}/uploads", {"file": photo})
        assert_json(answer, "disk_full")
        photo.seek(0)
        answer = page.post(f"/projects/{project.pk}/import", {"file": photo})
        assert_page(answer, "The server&#x27;s disk is full")
        assert list(incoming.iterdir()) == []
    assert not Image.objects.exists()


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (OperationalError("database is locked"), "busy"),
        (OperationalError("deadlock detected"), "busy"),
        (OperationalError("connection to server at 10.0.0.3 failed: refused"), "database_away"),
        (OperationalError("could not extend file: No space left on device"), "disk_full"),
        (InterfaceError("connection already closed"), "database_away"),
        (OSError(errno.ENOSPC, "No space left"), "disk_full"),
        (OSError(errno.EROFS, "Read-only file system"), "storage_away"),
        (PermissionError(errno.EACCES, "Permission denied"), "storage_away"),
    ],
)
def test_outages_are_told_apart(problem, code):
    outage = outage_of(problem)
    assert outage
    assert outage.code == code
    assert "10.0.0.3" not in str(outage)


@pytest.mark.parametrize(
    "problem",
    [DataError("too long"), FileNotFoundError(errno.ENOENT, "gone"), ValueError(), OSError("odd")],
)
def test_mistakes_of_ours_stay_mistakes(problem):
    assert outage_of(problem) is None
