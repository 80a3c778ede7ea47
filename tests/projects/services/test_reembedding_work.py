"""What can happen to a worker that re-embeds: kills, errors, encoders it cannot load, messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from projects.models import Image, Project, Reembedding
from projects.services import (
    encoders,
    reading,
    reembedding_work,
)
from projects.services.embeddings import STOPPED
from projects.services.reembedding_work import begin_turn, claim, left_alone, to_do
from projects.services.reembeddings import cancel, start
from similarity.errors import EncoderUnavailable
from tests.projects.plain_encoder import PlainEncoder
from tests.projects.reembedding import (
    NEW,
    Killed,
    add,
    asked_after,
    by,
    encoder_of,
    end_leases,
    final_state,
    kill_after,
    new,
    old,
    photos,
    work,
)

__all__ = ["add", "new", "old", "photos"]


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
    assert encoder_of(project) == ("efficientnet-lite0-int8", "test-1"), "its lease still holds"
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
        work(run, asked_to_stop=asked_after(1))
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
