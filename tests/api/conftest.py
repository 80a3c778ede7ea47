"""A script with its token, and projects it asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client

from projects.models import ApiToken, Project
from projects.services import usage
from projects.services.embeddings import write_readings
from projects.services.encoders import encoder_for
from projects.services.reading import Reading, read_and_embed
from projects.services.tokens import create_token
from projects.services.uploads import add_files, finish_upload, start_upload


class Script(Client):
    """A client that sends a token, and JSON unless told otherwise."""

    def __init__(self, secret: str = "", **more: Any) -> None:
        super().__init__(raise_request_exception=False, **more)
        self.secret = secret

    def request(self, **environ: Any) -> Any:
        if self.secret:
            environ.setdefault("HTTP_X_AUTH_TOKEN", self.secret)
        return super().request(**environ)

    def send(self, path: str, body: Any = None, **more: Any) -> Any:
        """POST JSON."""
        return self.post(path, json.dumps(body), content_type="application/json", **more)

    def bytes(self, path: str, content: bytes, kind: str = "application/octet-stream", **more: Any):
        return self.post(path, content, content_type=kind, **more)


def token_of(user: User, scope: str = "write", **more: Any) -> str:
    return create_token(user, name="test", scope=scope, **more)[1]


@pytest.fixture(autouse=True)
def _count_anew() -> Iterator[None]:
    usage.forget_counts()
    yield
    usage.forget_counts()


@pytest.fixture
def secret(owner: User) -> str:
    return token_of(owner)


@pytest.fixture
def token(secret: str) -> ApiToken:
    return ApiToken.objects.get()


@pytest.fixture
def script(secret: str) -> Script:
    """A script of the owner that may write."""
    return Script(secret)


_vectors: dict[str, Any] = {}
"""Of drawn pictures, by content hash: embedding the same ones for each test takes half a second."""


def upload(project: Project, owner: User, files: list[tuple[str, bytes]], **more: Any) -> None:
    """Upload files as a person does, and embed them as the worker does, without thumbnails."""
    started = start_upload(project, owner, kind="files", **more)
    results = add_files(started, [(path, ContentFile(content)) for path, content in files])
    finish_upload(started)
    project.refresh_from_db()
    images = [result.image for result in results]
    fresh = [image for image in images if image.content_hash not in _vectors]
    encoder = encoder_for(project)
    for reading in read_and_embed(fresh, encoder):
        _vectors[reading.image.content_hash] = reading.vector
    write_readings([Reading(each, vector=_vectors[each.content_hash]) for each in images], encoder)
    project.refresh_from_db()


@pytest.fixture
def drawn(project: Project, owner: User, encoder_folder: Path, drawn_pictures: Path) -> Project:
    """A project of 24 drawn pictures of 6 kinds, each labeled by its kind and embedded."""
    files = sorted(drawn_pictures.glob("*/*.jpg"))
    given = [(f"{file.parent.name}/{file.name}", file.read_bytes()) for file in files]
    upload(project, owner, given, label_by_folder=True)
    return project
