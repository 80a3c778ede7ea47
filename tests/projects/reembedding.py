"""A project that is re-embedded: encoders, photos, and a worker that can be killed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from projects.models import Embedding, Image, Project, Reembedding
from projects.services import (
    embeddings,
    encoders,
    reembedding_work,
)
from projects.services.reembedding_work import work_on
from projects.services.uploads import add_files, start_upload
from tests.drawings import KINDS, picture_bytes
from tests.projects.plain_encoder import PlainEncoder

NEW = "open_clip:plain/colors"


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@pytest.fixture
def old(monkeypatch) -> PlainEncoder:
    """The encoder of before; the new one is loaded too."""
    both = [PlainEncoder(), PlainEncoder(NEW, "test-2", side=4)]
    monkeypatch.setattr(encoders, "_loaded", {each.name: each for each in both})
    return both[0]


@pytest.fixture
def new(old) -> PlainEncoder:
    return encoders._loaded[NEW]


@pytest.fixture
def add(project, owner):
    """`add(6)` uploads six pictures and has the worker embed them."""
    made = 0

    def run(number: int, *, embed: bool = True) -> list[Image]:
        nonlocal made
        upload = start_upload(project, owner, kind="files")
        seeds = range(made, made + number)
        files = [picture_bytes(KINDS[n % len(KINDS)], n, size=(60, 48)) for n in seeds]
        add_files(upload, [(f"{n}.jpg", ContentFile(f)) for n, f in zip(seeds, files, strict=True)])
        made += number
        if embed:
            embeddings.work_off(seconds=60)
        project.refresh_from_db()
        return list(Image.objects.filter(upload=upload).order_by("id"))

    return run


@pytest.fixture
def photos(add, new) -> list[Image]:
    return add(70)


def work(run: Reembedding, **knobs) -> bool:
    return work_on(run, **{"seconds": 60} | knobs)


def kill_after(chunks: int, monkeypatch) -> None:
    """Have the worker killed in the middle of the chunk after so many."""
    real, done = reembedding_work.read_and_embed, []

    def dying(images, encoder):
        readings = real(images, encoder)
        if len(done) == chunks:
            raise Killed
        done.append(images)
        return readings

    monkeypatch.setattr(reembedding_work, "read_and_embed", dying)


def end_leases() -> None:
    """What a killed worker leaves, some time later."""
    Image.objects.filter(lease_until__isnull=False).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def encoder_of(project: Project) -> tuple[str, str]:
    project.refresh_from_db()
    return project.encoder, project.encoder_version


def by(encoder: PlainEncoder):
    return Embedding.objects.filter(encoder=encoder.name, encoder_version=encoder.version)


def vectors(encoder: PlainEncoder) -> dict[int, bytes]:
    return {pk: bytes(v) for pk, v in by(encoder).values_list("image", "vector")}


def final_state(project: Project) -> tuple:
    """All that a re-embedding leaves."""
    images = list(
        project.images.order_by("id").values_list(
            "embedding_state", "failure_reason", "attempts", "lease_until"
        )
    )
    rows = by(encoders._loaded[NEW]).order_by("image").values_list("image__name", "vector")
    return encoder_of(project), images, [(name, bytes(vector)) for name, vector in rows]


def asked_after(chunks: int):
    """Ask to stop after so many chunks; the question comes before each one."""
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > chunks

    return stop
