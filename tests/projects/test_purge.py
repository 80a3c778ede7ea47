"""What the sweep clears away, and what it queues."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from projects import tasks
from projects.models import Image, Upload
from projects.services import purge
from projects.services.trash import trash_images
from projects.services.uploads import add_files, start_upload
from tests.drawings import picture_bytes


@pytest.fixture
def images(project, owner) -> list[Image]:
    upload = start_upload(project, owner, kind="files")
    files = [(f"{n}.jpg", ContentFile(picture_bytes("red circle", n))) for n in range(2)]
    return [result.image for result in add_files(upload, files)]


@pytest.fixture
def queued(monkeypatch) -> list[tuple]:
    """What a task puts into the queue: (task, arguments)."""
    said: list[tuple] = []
    for name in ("embed_pending", "unpack_upload"):
        task = getattr(tasks, name)
        monkeypatch.setattr(
            task, "delay", lambda *args, name=name, **kwargs: said.append((name, args, kwargs))
        )
    return said


def test_old_trash_goes_with_its_files_and_newer_trash_stays(project, owner, images):
    trash_images(project, owner, [image.pk for image in images])
    old = timezone.now() - purge.TRASH_KEPT_FOR - timedelta(hours=1)
    Image.objects.filter(pk=images[0].pk).update(trashed_at=old)
    assert purge.purge_trash() == 1
    assert list(Image.objects.all()) == [images[1]]
    assert not default_storage.exists(images[0].file_name)
    assert default_storage.exists(images[1].file_name)


def test_nothing_of_an_image_is_left_not_even_what_earlier_releases_made(project, owner, images):
    for name in images[0].stored_names[1:]:
        default_storage.save(name, ContentFile(b"small"))
    assert images[0].old_thumbnail_name in images[0].stored_names
    trash_images(project, owner, [images[0].pk])
    purge.remove(project.pk, list(Image.objects.filter(pk=images[0].pk)))
    assert not [name for name in images[0].stored_names if default_storage.exists(name)]


def test_bytes_that_were_uploaded_again_meanwhile_keep_their_file(project, owner, images):
    trash_images(project, owner, [images[0].pk])
    stale = list(Image.objects.filter(pk=images[0].pk))
    Image.objects.filter(pk=images[0].pk).update(state="dataset", trashed_at=None)
    purge.remove(project.pk, stale)
    assert Image.objects.filter(pk=images[0].pk).exists()
    assert default_storage.exists(images[0].file_name)


def test_abandoned_uploads_are_closed(project, owner):
    old = start_upload(project, owner, kind="files")
    new = start_upload(project, owner, kind="files")
    Upload.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    assert purge.close_abandoned_uploads() == 1
    new.refresh_from_db()
    assert new.state == "receiving"


def test_leftover_temporary_files_are_removed_when_they_are_old():
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    old, new = folder / "old.upload", folder / "new.upload"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7 * 86_400,) * 2)
    purge.remove_leftovers()
    assert not old.exists()
    assert new.exists()
    new.unlink()


def test_the_sweep_queues_what_nobody_holds(images, project, owner, queued):
    upload = start_upload(project, owner, kind="zip")
    Upload.objects.filter(pk=upload.pk).update(state="unpacking")
    tasks.sweep()
    assert queued == [
        ("unpack_upload", (upload.pk,), {}),
        ("embed_pending", (), {"retry_encoders": True}),
    ]
    queued.clear()
    later = timezone.now() + timedelta(seconds=30)
    Image.objects.update(lease_until=later)
    Upload.objects.update(lease_until=later)
    tasks.sweep()
    assert queued == []


def test_a_worker_with_more_than_it_can_take_wakes_another(images, queued, monkeypatch):
    monkeypatch.setattr(tasks.embeddings, "work_off", lambda **_: None)
    monkeypatch.setattr(tasks.embeddings, "CHUNK", 1)
    tasks.embed_pending()
    assert queued == [("embed_pending", (), {})]


def test_a_worker_that_leaves_nothing_queues_nothing(queued, db):
    tasks.embed_pending()
    assert queued == []
