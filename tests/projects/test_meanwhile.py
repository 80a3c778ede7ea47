"""Embedding while a zip is unpacked: at once, in a thread of its own, and only what is new."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from projects import tasks
from projects.models import Image, Upload
from projects.services import archives, encoders, meanwhile
from projects.services.meanwhile import EmbeddingMeanwhile
from projects.services.uploads import add_files, start_upload
from tests.drawings import picture_bytes
from tests.projects.plain_encoder import PlainEncoder
from tests.running import wait_until

# The thread has a connection of its own, which sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def encoder(monkeypatch) -> PlainEncoder:
    plain = PlainEncoder()
    monkeypatch.setattr(encoders, "_loaded", {plain.name: plain})
    return plain


@pytest.fixture
def zipped(project, owner) -> Upload:
    """An upload with a zip of six pictures, to be unpacked two at a time."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(6):
            archive.writestr(f"{number}.jpg", picture_bytes("red circle", number, size=(60, 48)))
    upload = start_upload(project, owner, kind="zip")
    archives.receive_archive(upload, ContentFile(file.getvalue()))
    return upload


def embedded() -> int:
    return Image.objects.embedded().count()


def test_the_first_images_have_their_vectors_before_the_last_are_unpacked(zipped, monkeypatch):
    monkeypatch.setattr(archives, "GROUP", 2)
    with EmbeddingMeanwhile(lambda: False) as beside:

        def after_group() -> None:
            beside.begin()
            wait_until(lambda: embedded() == Image.objects.count())

        assert not archives.unpack(zipped, seconds=60, after_group=after_group)
    assert embedded() == 6


def test_the_task_unpacks_embeds_and_asks_for_what_is_left(zipped, monkeypatch):
    asked = []
    monkeypatch.setattr(tasks.embed_pending, "delay", lambda: asked.append("embed"))
    monkeypatch.setattr(tasks.unpack_upload, "delay", lambda pk: asked.append(pk))
    tasks.unpack_upload(zipped.pk)
    zipped.refresh_from_db()
    assert zipped.state == Upload.State.DONE
    assert Image.objects.count() == 6
    assert asked == ["embed"]
    assert not any(thread.name == "embed" for thread in threading.enumerate())


def test_images_of_a_dead_worker_are_left_to_others(project, owner):
    upload = start_upload(project, owner, kind="files")
    files = [(f"{n}.jpg", ContentFile(picture_bytes("red circle", n))) for n in range(2)]
    add_files(upload, files)
    Image.objects.filter(name="0.jpg").update(
        attempts=1, lease_until=timezone.now() - timedelta(seconds=1)
    )
    with EmbeddingMeanwhile(lambda: False) as beside:
        beside.begin()
        wait_until(lambda: embedded() == 1)
    assert Image.objects.get(name="0.jpg").embedding_state == "pending"
    assert Image.objects.get(name="0.jpg").attempts == 1


def test_nothing_is_begun_when_the_worker_is_asked_to_stop(project, owner):
    upload = start_upload(project, owner, kind="files")
    add_files(upload, [("a.jpg", ContentFile(picture_bytes("red circle")))])
    with EmbeddingMeanwhile(lambda: True) as beside:
        beside.begin()
    assert embedded() == 0
    assert set(Image.objects.values_list("attempts", "lease_until")) == {(0, None)}


def test_a_full_disk_ends_it_and_is_logged_and_the_unpacking_goes_on(zipped, monkeypatch, caplog):
    def full(**_):
        raise OSError(28, "No space left")

    monkeypatch.setattr(meanwhile, "work_off", full)
    with EmbeddingMeanwhile(lambda: False) as beside:
        assert not archives.unpack(zipped, seconds=60, after_group=beside.begin)
    assert "No space left" in caplog.text
    assert Image.objects.pending().count() == 6
