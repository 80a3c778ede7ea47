"""Changing the encoder: the old vectors serve until one transaction switches to the new ones."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from projects.errors import Conflict, Refusal
from projects.models import Embedding, Image, Project, Reembedding
from projects.services import (
    batches,
    collections,
    embeddings,
    encoders,
    purge,
    reading,
    reembedding_work,
    suggestions,
)
from projects.services.embeddings import STOPPED, embed_claimed
from projects.services.labels import get_or_create_labels, label_images
from projects.services.progress import retry_failed
from projects.services.purge import VECTORS_KEPT_FOR, purge_old_vectors
from projects.services.queries import query_of_bytes
from projects.services.reembedding_work import begin_turn, claim, left_alone, to_do, work_on
from projects.services.reembeddings import cancel, choices_for, start, status_of
from projects.services.trash import trash_images
from projects.services.undo import undo
from projects.services.uploads import add_files, start_upload
from similarity.errors import EncoderUnavailable
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


# --- the switch ------------------------------------------------------------------------------


def test_every_image_gets_the_new_vector_and_the_project_switches(photos, project, owner, new):
    run = start(project, owner, NEW)
    before = project.revision
    assert not work(run)
    assert encoder_of(project) == (NEW, "test-2")
    assert project.revision > before
    assert (run.state, run.embedded, run.lost) == ("done", 70, 0)
    assert (run.from_encoder, run.from_version) == ("efficientnet-lite0", "test-1")
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
    assert work(run, asked_to_stop=_after(2))
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


def _after(chunks: int):
    """Ask to stop after so many chunks; the question comes before each one."""
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > chunks

    return stop


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


# --- kills, cancelling, starting again -------------------------------------------------------


def test_a_killed_worker_loses_nothing_and_repeats_at_most_one_chunk(
    photos, project, owner, new, monkeypatch
):
    with transaction.atomic():
        work(start(project, owner, NEW))
        undisturbed = final_state(project)
        transaction.set_rollback(True)
    new.sizes.clear()

    run = start(project, owner, NEW)
    with monkeypatch.context() as patch:
        kill_after(1, patch)
        with pytest.raises(Killed):
            work(run)
    assert by(new).count() == 32
    assert not work(run), "what is left is not held any more but for the killed one's chunk"
    assert encoder_of(project) == ("efficientnet-lite0", "test-1"), "its lease still holds"
    end_leases()
    assert not work(run)
    assert sum(new.sizes) == 70 + 32
    assert final_state(project) == undisturbed


def test_an_image_that_kills_its_worker_three_times_fails_with_the_switch_and_the_rest_go_on(
    photos, project, owner, new, monkeypatch
):
    poison = photos[5]
    real = reembedding_work.read_and_embed

    def reading_that_dies(images, encoder):
        if poison.pk in {image.pk for image in images}:
            raise Killed
        return real(images, encoder)

    monkeypatch.setattr(reembedding_work, "read_and_embed", reading_that_dies)
    run = start(project, owner, NEW)
    deaths = 0
    for _ in range(8):
        try:
            work(run)
        except Killed:
            deaths += 1
        end_leases()
    poison.refresh_from_db()
    assert deaths == 3
    assert (run.state, run.lost, run.embedded) == ("done", 1, 69)
    assert (poison.embedding_state, poison.failure_reason) == ("failed", STOPPED)


def test_an_error_in_a_chunk_is_logged_and_counts_as_an_attempt(
    photos, project, owner, monkeypatch, caplog
):
    run = start(project, owner, NEW)
    with monkeypatch.context() as patch:
        patch.setattr(PlainEncoder, "preprocess", lambda *_: 1 / 0)
        work(run, asked_to_stop=_after(1))
    assert "ZeroDivisionError" in caplog.text
    assert Image.objects.filter(attempts=1).count() == 32
    end_leases()
    assert not work(run)
    assert encoder_of(project) == (NEW, "test-2")


def test_a_full_disk_marks_nothing(photos, project, owner, monkeypatch):
    run = start(project, owner, NEW)
    for _ in range(4):
        with monkeypatch.context() as patch:
            patch.setattr(reading, "read_image", lambda *_, **__: (_ for _ in ()).throw(OSError(5)))
            with pytest.raises(OSError, match="5"):
                work(run)
    assert set(Image.objects.values_list("attempts", "lease_until")) == {(0, None)}
    assert not run.failures.exists()


def test_cancelled_it_keeps_what_is_done_and_started_again_it_goes_on_there(
    photos, project, owner, old, new
):
    run = start(project, owner, NEW)
    assert work(run, asked_to_stop=_after(1))
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


# --- uploads meanwhile -----------------------------------------------------------------------


def test_images_uploaded_meanwhile_are_embedded_by_the_old_encoder_first_and_then_by_the_new(
    photos, project, owner, add, old, new
):
    run = start(project, owner, NEW)
    assert work(run, asked_to_stop=_after(1))
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
    work(run, asked_to_stop=_after(1))
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


# --- encoders that cannot be loaded ----------------------------------------------------------


def test_an_encoder_that_cannot_be_loaded_is_one_sentence_and_touches_no_image(
    photos, project, owner, old, monkeypatch
):
    def unavailable(name, **_):
        raise EncoderUnavailable("weights_unavailable", "Get the weights.")

    monkeypatch.setattr(encoders, "load_encoder", unavailable)
    run = start(project, owner, "open_clip:not/there")
    before = list(Image.objects.values())
    assert not work(run)
    assert (run.state, run.problem, run.embedded) == ("failed", "Get the weights.", 0)
    project.refresh_from_db()
    assert project.encoder_problem == ""
    assert list(Image.objects.values()) == before
    assert start(project, owner, "open_clip:not/there").pk != run.pk, "it can be tried again"


def test_an_encoder_whose_loading_kills_the_worker_fails_after_three_times(
    photos, project, owner, monkeypatch
):
    def out_of_memory(name, **_):
        raise Killed

    monkeypatch.setattr(encoders, "load_encoder", out_of_memory)
    run = start(project, owner, "open_clip:too/large")
    for _ in range(3):
        with pytest.raises(Killed):
            work(run)
        assert not work(run), "the lease of the killed one still holds"
        Reembedding.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert not work(run)
    assert (run.state, run.problem) == ("failed", reembedding_work.LOADING_STOPPED)


# --- messages --------------------------------------------------------------------------------


def test_of_two_messages_with_one_turn_the_first_wins(project, owner, new):
    run = start(project, owner, NEW)
    assert begin_turn(run.pk, 0) == run
    assert begin_turn(run.pk, 0) is None
    assert begin_turn(run.pk, 1) == run
    cancel(project, owner)
    assert begin_turn(run.pk, 2) is None


def test_what_a_living_worker_holds_is_not_left_alone(photos, project, owner):
    run = start(project, owner, NEW)
    assert left_alone() == [run]
    claim(run)
    assert left_alone() == []
    end_leases()
    assert left_alone() == [run]
    Project.objects.update(deleted_at=timezone.now())
    assert left_alone() == []


def test_claims_hold_each_image_once(photos, project, owner):
    run = start(project, owner, NEW)
    first, second, third = claim(run), claim(run), claim(run)
    assert [len(first), len(second), len(third)] == [32, 32, 6]
    assert {image.pk for image in [*first, *second, *third]} == {image.pk for image in photos}
    assert claim(run) == []
    assert to_do(run).count() == 70


def test_progress_counts_what_is_through(photos, project, owner):
    assert status_of(project) is None
    run = start(project, owner, NEW)
    assert status_of(project).is_loading
    work(run, asked_to_stop=_after(2))
    status = status_of(project)
    assert (status.encoder, status.done, status.total) == (NEW, 64, 70)
    assert not status.is_loading
    work(run)
    assert status_of(project) is None


# --- what is kept ----------------------------------------------------------------------------


def age(run: Reembedding, days: float) -> None:
    Reembedding.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=days))


def test_old_vectors_are_kept_for_going_back_and_then_purged(photos, project, owner, old, new):
    run = start(project, owner, NEW)
    work(run)
    days = VECTORS_KEPT_FOR.days
    age(run, days - 0.1)
    assert purge_old_vectors() == 0
    project.refresh_from_db()
    assert old.name in {choice.name for choice in choices_for(project)}
    age(run, days + 0.1)
    assert purge_old_vectors() == 70
    assert vectors(old) == {}
    assert len(vectors(new)) == 70
    assert purge_old_vectors() == 0
    assert collections.collection(Project.objects.get()).vectors.shape == (70, 48)


def test_a_sweep_purges_a_part_and_the_next_one_goes_on(photos, project, owner, old, monkeypatch):
    monkeypatch.setattr(purge, "CHUNK", 20)
    monkeypatch.setattr(purge, "VECTORS_A_SWEEP", 40)
    run = start(project, owner, NEW)
    work(run)
    age(run, VECTORS_KEPT_FOR.days + 1)
    assert [purge_old_vectors() for _ in range(3)] == [40, 30, 0]
    assert vectors(old) == {}


def test_vectors_of_a_cancelled_one_are_purged_too(photos, project, owner, old, new):
    work(start(project, owner, NEW), asked_to_stop=_after(1))
    age(cancel(project, owner), VECTORS_KEPT_FOR.days + 1)
    assert purge_old_vectors() == 32
    assert len(vectors(old)) == 70


def test_vectors_of_a_running_one_are_not_purged(photos, project, owner, old, new):
    first = start(project, owner, NEW)
    work(first)
    age(first, VECTORS_KEPT_FOR.days + 1)
    start(project, owner, old.name)
    assert purge_old_vectors() == 0


def test_having_gone_back_and_forth_each_vector_is_kept_from_its_last_use(
    photos, project, owner, old, new
):
    first = start(project, owner, NEW)
    work(first)
    back = start(project, owner, old.name)
    work(back)
    age(first, VECTORS_KEPT_FOR.days + 1)
    assert purge_old_vectors() == 0
    age(back, VECTORS_KEPT_FOR.days + 1)
    assert purge_old_vectors() == 70
    assert vectors(new) == {}


def test_a_project_without_a_change_is_never_purged(photos, old):
    assert purge_old_vectors() == 0
    assert len(vectors(old)) == 70
