"""Images to vectors and thumbnails: bad files, other threads, and a missing encoder."""

from __future__ import annotations

import os

import numpy as np
import pytest
from celery.signals import worker_process_init
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connections
from django.test.utils import CaptureQueriesContext
from PIL import Image as Picture

from projects.models import Batch, Embedding, Image
from projects.services import embeddings, encoders, reading
from projects.services.embeddings import STOPPED, claim, embed_claimed, work_off
from projects.services.progress import remove_failed, retry_failed
from projects.services.undo import undo
from projects.services.uploads import add_files, start_upload
from similarity.errors import EncoderUnavailable
from tests.drawings import picture_bytes
from tests.projects.plain_encoder import PlainEncoder

from .waiting import cut, end_leases, states


def test_images_get_unit_vectors_thumbnails_and_a_new_revision(uploaded, encoder, project):
    images = uploaded(20)
    before = project.revision
    work_off(seconds=60)
    assert states() == ["embedded"] * 20
    assert sorted(encoder.sizes) == [4, 16]
    project.refresh_from_db()
    assert project.revision > before
    assert project.encoder_version == "test-1"
    for image in images:
        row = Embedding.objects.get(image=image)
        vector = np.frombuffer(row.vector, "<f4")
        assert vector.shape == (12,)
        assert np.isclose(np.linalg.norm(vector), 1)
        with default_storage.open(image.file_name) as file:
            expected = encoder.embed([reading.read_image(file.file, short_side=32)])[0]
        np.testing.assert_array_equal(vector, expected)
        with default_storage.open(image.thumbnail_name) as file, Picture.open(file) as thumbnail:
            assert (thumbnail.format, max(thumbnail.size)) == ("JPEG", 60)


def test_one_bad_file_fails_by_itself_and_shifts_nobody(uploaded, encoder):
    good = [picture_bytes("blue square", n) for n in range(2)]
    bad = cut(picture_bytes("red circle"))
    first, broken, last = uploaded(a=good[0], b=bad, c=good[1])
    work_off(seconds=60)
    assert states() == ["embedded", "failed", "embedded"]
    broken.refresh_from_db()
    assert "cut off" in broken.failure_reason
    for image, content in ((first, good[0]), (last, good[1])):
        vector = np.frombuffer(image.embeddings.get().vector, "<f4")
        expected = encoder.embed([reading.read_image(content, short_side=32)])[0]
        np.testing.assert_array_equal(vector, expected)


def test_a_file_that_is_gone_fails_with_that_reason(uploaded, encoder):
    [image] = uploaded(1)
    default_storage.delete(image.file_name)
    work_off(seconds=60)
    image.refresh_from_db()
    assert image.failure_reason == reading.GONE


def test_working_twice_changes_nothing(uploaded, encoder):
    uploaded(3)
    work_off(seconds=60)
    before = list(Embedding.objects.values())
    work_off(seconds=60)
    assert list(Embedding.objects.values()) == before


def test_what_another_worker_wrote_in_the_meantime_stays(uploaded, encoder):
    images = uploaded(2)
    mine = claim()
    end_leases()
    Image.objects.filter(pk=images[0].pk).update(embedding_state="embedded", lease_until=None)
    embed_claimed(mine, encoder)
    assert states() == ["embedded", "embedded"]
    assert [row.image_id for row in Embedding.objects.all()] == [images[1].pk]


def test_an_image_deleted_while_it_is_read_is_no_error(uploaded, encoder):
    images = uploaded(2)
    mine = claim()
    images[0].delete()
    embed_claimed(mine, encoder)
    assert states() == ["embedded"]


def test_read_again_a_thumbnail_is_made_only_where_there_is_none(uploaded, encoder):
    """Also not where an earlier release made a WebP."""
    old, gone, there = uploaded(3)
    work_off(seconds=60)
    default_storage.delete(old.thumbnail_name)
    default_storage.save(old.old_thumbnail_name, ContentFile(b"webp"))
    default_storage.delete(gone.thumbnail_name)
    readings = reading.read_and_embed(list(Image.objects.order_by("id")), encoder)
    assert [bool(each.thumbnail) for each in readings] == [False, True, False]
    assert not default_storage.exists(old.thumbnail_name)
    assert default_storage.exists(gone.thumbnail_name)
    assert default_storage.exists(there.thumbnail_name)


def test_the_number_of_queries_does_not_grow_with_the_images(uploaded, encoder):
    def queries_for(number: int) -> int:
        first = Image.objects.count()
        upload_more = {
            f"n{first + n}": picture_bytes("red circle", first + n) for n in range(number)
        }
        uploaded(**upload_more)
        with CaptureQueriesContext(connections["default"]) as captured:
            work_off(seconds=60)
        return len(captured)

    queries_for(1)  # notes the version of the encoder
    few = queries_for(3)
    assert queries_for(40) == few


@pytest.mark.parametrize("is_thread_safe", [False, True])
def test_several_threads_give_each_image_the_vector_it_has_alone(
    uploaded, encoder, monkeypatch, is_thread_safe
):
    monkeypatch.setattr(PlainEncoder, "is_thread_safe", is_thread_safe)
    monkeypatch.setattr(reading, "THREADS", 4)
    images = uploaded(30, bad=cut(picture_bytes("red circle")))
    readings = reading.read_and_embed(images, encoder)
    assert [each.image for each in readings] == images
    for image, each in zip(images[:30], readings, strict=False):
        with default_storage.open(image.file_name) as file:
            alone = encoder.embed([reading.read_image(file.file, short_side=32)])[0]
        np.testing.assert_array_equal(each.vector, alone)
    assert readings[30].vector is None
    assert readings[30].failure


def test_an_unexpected_error_counts_as_an_attempt_and_is_logged(
    uploaded, encoder, monkeypatch, caplog
):
    [image] = uploaded(1)
    monkeypatch.setattr(
        PlainEncoder, "preprocess", lambda *_: (_ for _ in ()).throw(ZeroDivisionError())
    )
    work_off(seconds=60)
    image.refresh_from_db()
    assert image.failure_reason == STOPPED
    assert "ZeroDivisionError" in caplog.text


def test_a_full_disk_marks_nothing_failed(uploaded, encoder, monkeypatch):
    uploaded(2)
    monkeypatch.setattr(
        reading, "make_thumbnail", lambda _: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    for _ in range(5):
        with pytest.raises(OSError, match="No space"):
            work_off(seconds=60)
    monkeypatch.undo()
    assert set(Image.objects.values_list("embedding_state", "attempts")) == {("pending", 0)}


def test_a_worker_gives_each_call_one_core_and_the_web_server_all(
    encoder_folder, settings, monkeypatch
):
    """Several calls run at once in a worker; torch takes one at a time, and so every core."""
    monkeypatch.setattr(encoders, "_loaded", {})
    monkeypatch.setattr(encoders, "_calls_at_once", False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    settings.ENCODER_FOLDER = encoder_folder

    def cores() -> int:
        encoders._loaded.clear()
        encoder = encoders.encoder_named("efficientnet-lite0-int8")
        return encoder._session.get_session_options().intra_op_num_threads

    assert cores() == 2
    worker_process_init.send(sender=None)
    assert cores() == 1
    assert encoders._threads("open_clip:ViT-B-32/laion2b") == 2


def test_without_the_encoder_images_wait_and_the_project_says_why(uploaded, monkeypatch, project):
    uploaded(2)
    tries = []

    def unavailable(name, **_):
        tries.append(name)
        raise EncoderUnavailable("weights_unavailable", "Get the weights.")

    monkeypatch.setattr(encoders, "_loaded", {})
    monkeypatch.setattr(encoders, "load_encoder", unavailable)
    work_off(seconds=60)
    project.refresh_from_db()
    assert project.encoder_problem == "Get the weights."
    assert set(Image.objects.values_list("embedding_state", "attempts")) == {("pending", 0)}
    assert embeddings.waiting() == 0
    work_off(seconds=60)
    assert len(tries) == 1, "only the sweep tries again"
    monkeypatch.setattr(encoders, "load_encoder", lambda name, **_: PlainEncoder())
    work_off(seconds=60, retry_encoders=True)
    project.refresh_from_db()
    assert project.encoder_problem == ""
    assert states() == ["embedded", "embedded"]


def test_vectors_of_two_versions_are_never_mixed(uploaded, encoder, project):
    project.encoder, project.encoder_version = encoder.name, "older"
    project.save()
    uploaded(1)
    work_off(seconds=60)
    project.refresh_from_db()
    assert "version older" in project.encoder_problem
    assert states() == ["pending"]
    assert project.encoder_version == "older"


def test_failed_images_can_be_tried_again(uploaded, encoder, project):
    images = uploaded(a=cut(picture_bytes("red circle")), b=cut(picture_bytes("blue square")))
    work_off(seconds=60)
    assert retry_failed(project, [images[0].pk]) == 1
    assert states() == ["pending", "failed"]
    assert retry_failed(project) == 1
    assert set(Image.objects.values_list("embedding_state", "failure_reason", "attempts")) == {
        ("pending", "", 0)
    }


def test_failed_images_can_be_removed_and_that_is_undone(uploaded, encoder, project, owner):
    uploaded(a=cut(picture_bytes("red circle")), b=cut(picture_bytes("blue square")))
    work_off(seconds=60)
    assert remove_failed(project, owner) == 2
    assert project.images.kept().count() == 0
    undo(project, owner)
    assert project.images.in_dataset().count() == 2


def test_a_failed_image_under_review_leaves_it_when_removed(encoder, project, owner):
    batch = Batch.objects.create(project=project, kind="uploaded")
    upload = start_upload(project, owner, kind="files", batch=batch)
    add_files(upload, [("a.jpg", ContentFile(cut(picture_bytes("red circle"))))])
    work_off(seconds=60)
    assert remove_failed(project, owner) == 1
    assert batch.items.count() == 0
    assert project.images.kept().count() == 0


def test_no_hostile_file_crashes_or_stops_the_worker(shared_data, project, owner, encoder):
    upload = start_upload(project, owner, kind="folder")
    files = sorted(path for path in (shared_data / "hostile").rglob("*") if path.is_file())
    results = []
    for at in range(0, len(files), 40):
        results += add_files(
            upload,
            [
                (str(path.relative_to(shared_data)), ContentFile(path.read_bytes()))
                for path in files[at : at + 40]
            ],
        )
    work_off(seconds=600)
    assert len(results) == len(files)
    assert "pending" not in states()
    assert all(result.reason for result in results if result.outcome == "refused")
    for image in Image.objects.failed():
        assert image.failure_reason.endswith("."), image.name
        assert image.failure_reason != STOPPED
    assert Image.objects.embedded().count() == Embedding.objects.count() > 50
