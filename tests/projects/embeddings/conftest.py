"""A plain encoder in place of the real one, and pictures that wait for it."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile

from projects.models import Image
from projects.services import encoders
from projects.services.uploads import add_files, start_upload
from tests.drawings import picture_bytes
from tests.projects.plain_encoder import PlainEncoder


@pytest.fixture
def encoder(monkeypatch) -> PlainEncoder:
    plain = PlainEncoder()
    monkeypatch.setattr(encoders, "_loaded", {plain.name: plain})
    return plain


@pytest.fixture
def uploaded(project, owner):
    """`uploaded(6)` uploads six good pictures; `uploaded(a=bytes)` files of those names."""

    def run(number: int = 0, **files: bytes) -> list[Image]:
        upload = start_upload(project, owner, kind="files")
        drawn = {f"{n}": picture_bytes("red circle", n, size=(60, 48)) for n in range(number)}
        given = [(f"{name}.jpg", ContentFile(each)) for name, each in (drawn | files).items()]
        add_files(upload, given)
        return list(Image.objects.filter(upload=upload).order_by("id"))

    return run
