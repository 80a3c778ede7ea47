"""Ticks under review follow a label that is merged into another."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models import Batch, BatchEdit, Label, Project
from projects.services import batches, edits
from projects.services.label_list import merge_labels
from projects.services.undo import redo, undo
from tests.reviews import make_image, make_label, near

pytestmark = pytest.mark.django_db


@pytest.fixture
def labels(project: Project) -> list[Label]:
    return [make_label(project, name) for name in ("kitten", "cat", "dog")]


@pytest.fixture
def batch(project: Project, labels: list[Label]) -> Batch:
    rng = np.random.default_rng(1)
    images = [make_image(project, near(0, rng)) for _ in range(3)]
    return batches.create_from_images(project, project.owner, [image.pk for image in images])


def pinned(batch: Batch) -> list[tuple[int, str, bool]]:
    rows = BatchEdit.objects.filter(item__batch=batch).order_by("item__position", "label__name")
    return [(row.item.position, row.label.name, row.ticked) for row in rows]


def test_a_pinned_tick_follows_its_label_and_comes_back_on_undo(
    project: Project, labels: list[Label], batch: Batch
) -> None:
    kitten, cat, _ = labels
    first, second, _ = batch.items.all()
    edits.set_tick(batch, project.owner, first.pk, kitten, ticked=True)
    edits.set_tick(batch, project.owner, second.pk, cat, ticked=True)
    before = pinned(batch)
    merge_labels(project, project.owner, [kitten], cat)
    after = [(position, "cat", ticked) for position, _, ticked in before]
    assert pinned(batch) == after
    undo(project, project.owner)
    assert pinned(batch) == before
    redo(project, project.owner)
    assert pinned(batch) == after


def test_a_decision_about_the_label_itself_is_kept(
    project: Project, labels: list[Label], batch: Batch
) -> None:
    Project.objects.update(multi_label=True)
    batch.refresh_from_db()
    kitten, cat, _ = labels
    item = batch.items.first()
    assert item
    edits.set_tick(batch, project.owner, item.pk, kitten, ticked=True)
    edits.set_tick(batch, project.owner, item.pk, cat, ticked=False)
    merge_labels(project, project.owner, [kitten], cat)
    assert (item.position, "cat", False) in pinned(batch)


def test_a_set_tick_wins_over_a_removed_one_of_another_merged_label(
    project: Project, labels: list[Label], batch: Batch
) -> None:
    Project.objects.update(multi_label=True)
    batch.refresh_from_db()
    kitten, cat, dog = labels
    item = batch.items.first()
    assert item
    edits.set_tick(batch, project.owner, item.pk, kitten, ticked=False)
    edits.set_tick(batch, project.owner, item.pk, dog, ticked=True)
    merge_labels(project, project.owner, [kitten, dog], cat)
    assert (item.position, "cat", True) in pinned(batch)
