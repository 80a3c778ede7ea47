"""How long vectors of another encoder than the project's are kept."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from projects.models import Project, Reembedding
from projects.services import (
    collections,
    purge,
)
from projects.services.purge import VECTORS_KEPT_FOR, purge_old_vectors
from projects.services.reembeddings import cancel, choices_for, start
from tests.projects.reembedding import (
    NEW,
    add,
    asked_after,
    new,
    old,
    photos,
    vectors,
    work,
)

__all__ = ["add", "new", "old", "photos"]


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
    work(start(project, owner, NEW), asked_to_stop=asked_after(1))
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
