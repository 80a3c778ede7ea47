"""Changing the encoder: the old vectors serve until one transaction switches to the new ones."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from projects.errors import Conflict, Refusal
from projects.models import Image, Project, Reembedding
from projects.services import (
    batches,
    collections,
    embeddings,
    encoders,
    reading,
    reembedding_work,
    suggestions,
)
from projects.services.embeddings import embed_claimed
from projects.services.labels import get_or_create_labels, label_images
from projects.services.progress import retry_failed
from projects.services.queries import query_of_bytes
from projects.services.reembeddings import cancel, choices_for, start, status_of
from projects.services.trash import trash_images
from projects.services.undo import undo
from tests.drawings import KINDS, picture_bytes
from tests.projects.plain_encoder import PlainEncoder
from tests.projects.reembedding import (
    NEW,
    add,
    asked_after,
    by,
    encoder_of,
    new,
    old,
    photos,
    vectors,
    work,
)

__all__ = ["add", "new", "old", "photos"]


def test_every_image_gets_the_new_vector_and_the_project_switches(photos, project, owner, new):
    run = start(project, owner, NEW)
    before = project.revision
    assert not work(run)
    assert encoder_of(project) == (NEW, "test-2")
    assert project.revision > before
    assert (run.state, run.embedded, run.lost) == ("done", 70, 0)
    assert (run.from_encoder, run.from_version) == ("efficientnet-lite0-int8", "test-1")
    for image in photos[::23]:
        with default_storage.open(image.file_name) as file:
            expected = new.embed([reading.read_image(file.file, short_side=32)])[0]
        vector = np.frombuffer(by(new).get(image=image).vector, "<f4")
        np.testing.assert_array_equal(vector, expected)
    assert collections.collection(project).vectors.shape == (70, 48)


def test_old_vectors_serve_unchanged_until_the_switch(photos, project, owner, old):
    labels = get_or_create_labels(project, owner, ["circle", "square"])
    for at, label in enumerate(labels):
        label_images(project, owner, [photos[at].pk, photos[at + len(KINDS)].pk], label)
    batch = batches.next_batch(project, owner, 20)
    suggestions.search(batch)
    hits = dict(batch.items.values_list("image", "hits"))
    project.refresh_from_db()
    revision = project.revision

    run = start(project, owner, NEW)
    assert work(run, asked_to_stop=asked_after(2))
    assert by(encoders._loaded[NEW]).count() == 64
    project.refresh_from_db()
    assert project.revision == revision
    assert encoder_of(project) == (old.name, old.version)
    assert collections.collection(project).vectors.shape == (70, 12)
    assert suggestions.search(batch) == 0, "no stored hit is stale"
    collections.forget()
    batch.items.update(searched_revision=None)
    suggestions.search(batch)
    assert dict(batch.items.values_list("image", "hits")) == hits

    assert not work(run)
    assert suggestions.search(batch) == 20, "searched anew, since the revision moved"
    after = dict(batch.items.values_list("image", "hits"))
    assert after.keys() == hits.keys()
    assert after != hits


def test_an_empty_project_switches_at_once_and_its_first_images_use_the_new_encoder(
    project, owner, add, new, old
):
    assert not work(start(project, owner, NEW))
    assert encoder_of(project) == (NEW, "test-2")
    add(2)
    assert len(vectors(new)) == 2
    assert vectors(old) == {}


def test_images_in_the_trash_come_back_with_a_vector(photos, project, owner, new):
    trash_images(project, owner, [photos[0].pk])
    work(start(project, owner, NEW))
    undo(project, owner)
    assert photos[0].pk in vectors(new)
    assert collections.collection(Project.objects.get()).rows([photos[0].pk])[0] >= 0


def test_cancelled_it_keeps_what_is_done_and_started_again_it_goes_on_there(
    photos, project, owner, old, new
):
    run = start(project, owner, NEW)
    assert work(run, asked_to_stop=asked_after(1))
    kept = vectors(new)
    assert len(kept) == 32
    cancelled = cancel(project, owner)
    assert (cancelled.state, cancelled.cancelled_by, cancelled.embedded) == ("cancelled", owner, 32)
    assert not work(run)
    assert vectors(new) == kept
    assert encoder_of(project) == (old.name, old.version)

    new.sizes.clear()
    again = start(project, owner, NEW)
    assert again.pk != run.pk
    assert not work(again)
    assert sum(new.sizes) == 70 - 32
    assert encoder_of(project) == (NEW, "test-2")


def test_a_chunk_in_flight_is_kept_when_it_is_cancelled(photos, project, owner, new, monkeypatch):
    run = start(project, owner, NEW)
    real = reembedding_work.read_and_embed

    def meanwhile(images, encoder):
        cancel(project, owner)
        return real(images, encoder)

    monkeypatch.setattr(reembedding_work, "read_and_embed", meanwhile)
    assert not work(run)
    assert len(vectors(new)) == 32
    assert encoder_of(project)[0] != NEW


def test_started_twice_it_is_one(photos, project, owner):
    first = start(project, owner, NEW)
    assert start(project, owner, NEW) == first
    assert Reembedding.objects.count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Reembedding.objects.create(project=project, encoder="another")


def test_another_one_is_refused_while_one_runs(photos, project, owner):
    start(project, owner, NEW)
    with pytest.raises(Conflict, match="cancel it first"):
        start(project, owner, "open_clip:other/one")


def test_the_present_encoder_is_refused_unless_it_cannot_be_used(photos, project, owner):
    with pytest.raises(Refusal, match="already"):
        start(project, owner, project.encoder)
    assert project.encoder not in {choice.name for choice in choices_for(project)}
    project.encoder_problem = "Another version is installed."
    project.save()
    assert project.encoder in {choice.name for choice in choices_for(project)}
    assert start(project, owner, project.encoder)


def test_nothing_that_runs_cannot_be_cancelled(photos, project, owner):
    with pytest.raises(Conflict, match="any more"):
        cancel(project, owner)
    work(start(project, owner, NEW))
    with pytest.raises(Conflict, match="any more"):
        cancel(project, owner)


def test_another_version_of_the_same_encoder_is_a_change_like_any_other(
    photos, project, owner, old, add, monkeypatch
):
    newer = PlainEncoder(old.name, "test-9", side=3)
    monkeypatch.setitem(encoders._loaded, old.name, newer)
    [waiting] = add(1)
    assert "settings of the project" in project.encoder_problem
    assert not work(start(project, owner, old.name))
    assert encoder_of(project) == (old.name, "test-9")
    assert project.encoder_problem == ""
    embeddings.work_off(seconds=60)
    assert waiting.pk in vectors(newer)


def test_progress_counts_what_is_through(photos, project, owner):
    assert status_of(project) is None
    run = start(project, owner, NEW)
    assert status_of(project).is_loading
    work(run, asked_to_stop=asked_after(2))
    status = status_of(project)
    assert (status.encoder, status.done, status.total) == (NEW, 64, 70)
    assert not status.is_loading
    work(run)
    assert status_of(project) is None


# --- uploads meanwhile -----------------------------------------------------------------------


def test_images_uploaded_meanwhile_are_embedded_by_the_old_encoder_first_and_then_by_the_new(
    photos, project, owner, add, old, new
):
    run = start(project, owner, NEW)
    assert work(run, asked_to_stop=asked_after(1))
    fresh = add(3, embed=False)
    assert work(run), "it begins nothing while new images wait"
    assert len(vectors(new)) == 32
    embeddings.work_off(seconds=60)
    assert {image.pk for image in fresh} <= vectors(old).keys()
    assert collections.collection(project).rows([fresh[0].pk])[0] >= 0, "usable at once"
    assert not work(run)
    assert {image.pk for image in fresh} <= vectors(new).keys()
    assert run.embedded == 73


def test_a_chunk_read_by_the_old_encoder_before_the_switch_goes_to_the_new_one(
    photos, project, owner, add, old, new
):
    add(2, embed=False)
    late = embeddings.claim()
    work(start(project, owner, NEW))
    assert encoder_of(project) == (NEW, "test-2")
    embed_claimed(late, old)
    assert encoder_of(project) == (NEW, "test-2"), "the old one does not come back by itself"
    states = Image.objects.filter(pk__in=[image.pk for image in late])
    assert set(states.values_list("embedding_state", "attempts", "lease_until")) == {
        ("pending", 0, None)
    }
    embeddings.work_off(seconds=60)
    assert {image.pk for image in late} <= vectors(new).keys()


def test_a_vector_that_a_script_waited_for_during_the_switch_is_not_taken_for_the_new_encoders(
    photos, project, owner, new
):
    from projects.services.additions import add_image

    query = query_of_bytes(project, picture_bytes("red circle", 900, size=(60, 48)))
    work(start(project, owner, NEW))
    saved = add_image(project, owner, query)
    saved.image.refresh_from_db()
    assert saved.image.embedding_state == "pending"
    assert saved.image.pk not in vectors(new)


# --- images that cannot be read --------------------------------------------------------------


def test_a_missing_file_does_not_block_the_switch_fails_with_the_reason_and_can_be_retried(
    photos, project, owner, new
):
    with default_storage.open(photos[3].file_name) as file:
        content = file.read()
    default_storage.delete(photos[3].file_name)
    run = start(project, owner, NEW)
    work(run, asked_to_stop=asked_after(1))
    photos[3].refresh_from_db()
    assert photos[3].embedding_state == "embedded", "it serves until the switch"
    assert status_of(project).failed == 1
    work(run)
    photos[3].refresh_from_db()
    assert (run.state, run.lost, run.embedded) == ("done", 1, 69)
    assert photos[3].embedding_state == "failed"
    assert photos[3].failure_reason == reading.GONE
    default_storage.save(photos[3].file_name, ContentFile(content))
    assert retry_failed(project) == 1
    embeddings.work_off(seconds=60)
    assert photos[3].pk in vectors(new)


def test_going_back_gives_a_lost_image_its_vector_again(photos, project, owner, old, new):
    default_storage.delete(photos[3].file_name)
    work(start(project, owner, NEW))
    old.sizes.clear()
    work(start(project, owner, old.name))
    photos[3].refresh_from_db()
    assert (photos[3].embedding_state, photos[3].failure_reason) == ("embedded", "")
    assert encoder_of(project) == (old.name, old.version)
    assert old.sizes == [], "every vector was there"


def test_a_storage_that_is_away_changes_nothing(photos, project, owner, old):
    for image in photos:
        default_storage.delete(image.file_name)
    run = start(project, owner, NEW)
    assert not work(run)
    assert run.state == "failed"
    assert run.problem == f"No image could be read, so nothing was changed. {reading.GONE}"
    assert encoder_of(project) == (old.name, old.version)
    assert Image.objects.embedded().count() == 70


def test_an_image_deleted_while_it_is_read_is_no_error(photos, project, owner, monkeypatch):
    run = start(project, owner, NEW)
    real = reembedding_work.read_and_embed

    def meanwhile(images, encoder):
        Image.objects.filter(pk=photos[0].pk).delete()
        return real(images, encoder)

    monkeypatch.setattr(reembedding_work, "read_and_embed", meanwhile)
    assert not work(run)
    assert (run.state, run.embedded) == ("done", 69)
