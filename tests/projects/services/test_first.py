"""What a batch takes first, on made-up vectors."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from django.db import connection

from projects.errors import Refusal
from projects.models import Batch, Image, Project
from projects.services import batches, commits, edits, first
from projects.services.first import Order, how_many_first, images_in_order
from tests.reviews import make_image, make_label, near

pytestmark = pytest.mark.django_db


@pytest.fixture
def groups(project: Project) -> dict[int, int]:
    """Image id to group: 24 images of group 0, 12 of 1 and 6 of 2, not one is labeled."""
    rng = np.random.default_rng(0)
    counts = {0: 24, 1: 12, 2: 6}
    return {make_image(project, near(at, rng)).pk: at for at in counts for _ in range(counts[at])}


def images_of(batch) -> list[int]:
    return list(batch.items.order_by("position").values_list("image", flat=True))


def test_the_first_images_stand_for_every_group_the_largest_first(project, groups) -> None:
    chosen = images_in_order(project, 10, Order.TYPICAL)
    assert [groups[pk] for pk in chosen[:3]] == [0, 1, 2]
    assert len(set(chosen)) == 10
    assert images_in_order(project, 4, Order.TYPICAL) == chosen[:4]


def test_mixed_names_no_image(project, groups) -> None:
    assert images_in_order(project, 10, Order.MIXED) == []


def test_a_labeled_group_comes_after_the_others(project, groups) -> None:
    cat = make_label(project, "cat")
    make_image(project, near(0, np.random.default_rng(9)), cat)
    (chosen,) = images_in_order(project, 1, Order.TYPICAL)
    assert groups[chosen] == 1


def test_an_open_batch_counts_as_known_and_its_images_are_not_taken(project, groups) -> None:
    of_group_0 = [pk for pk, group in groups.items() if group == 0][:3]
    batches.create_from_images(project, project.owner, of_group_0)
    chosen = images_in_order(project, 42, Order.TYPICAL)
    assert groups[chosen[0]] == 1
    assert set(chosen) == set(groups) - set(of_group_0)


def test_staged_trashed_and_pending_images_neither_come_nor_count(project, groups) -> None:
    rng = np.random.default_rng(3)
    for state in (Image.State.STAGED, Image.State.TRASH):
        make_image(project, near(0, rng), state=state)
    make_image(project)
    chosen = images_in_order(project, 100, Order.TYPICAL)
    assert set(chosen) == set(groups)
    assert groups[chosen[0]] == 0


def test_images_left_without_a_label_come_after_all_new_ones(project, groups) -> None:
    batch = batches.next_batch(project, project.owner, 10, order=Order.TYPICAL)
    left = images_of(batch)
    commits.commit(batch, project.owner)
    assert not set(images_in_order(project, 100, Order.TYPICAL)) & set(left)
    second = images_of(batches.next_batch(project, project.owner, 40, order=Order.TYPICAL))
    assert set(second[:32]) == set(groups) - set(left)
    assert set(second[32:]) <= set(left)


def test_a_next_batch_takes_them_in_that_order(project, groups) -> None:
    chosen = images_in_order(project, 20, Order.TYPICAL)
    batch = batches.next_batch(project, project.owner, 20, order=Order.TYPICAL)
    assert images_of(batch) == chosen
    assert batch.kind == "next"


@pytest.mark.django_db(transaction=True)
def test_tabs_at_once_choose_the_same_and_share_no_image(project, groups) -> None:
    """The choice is made before the lock is held; what another tab took is made up for."""
    made: list[Batch] = []
    barrier = threading.Barrier(3)

    def take() -> None:
        try:
            barrier.wait()
            mine = Project.objects.get(pk=project.pk)
            made.append(batches.next_batch(mine, project.owner, 14, order=Order.TYPICAL))
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pk for batch in made for pk in images_of(batch)) == sorted(groups)


def test_the_least_certain_come_first(project, groups) -> None:
    """Group 3 lies between cat and dog; group 0 is all cat."""
    cat, dog = make_label(project, "cat"), make_label(project, "dog")
    rng = np.random.default_rng(4)
    for at, label in ((0, cat), (1, dog), (2, dog)):
        for _ in range(12):
            make_image(project, near(at, rng), label)
    between = near(0, rng, 0.0) + near(1, rng, 0.0)
    torn = [
        make_image(project, (v := between + rng.normal(scale=0.02, size=32)) / np.linalg.norm(v))
        for _ in range(4)
    ]
    chosen = images_in_order(project, 30, Order.UNCERTAIN)
    assert chosen[0] in {image.pk for image in torn}
    assert len(set(chosen)) == 30


def test_of_many_labeled_images_a_sample_votes(project, groups, monkeypatch) -> None:
    monkeypatch.setattr(first, "MOST_LABELED", 8)
    monkeypatch.setattr(first, "MOST_DOUBTED", 30)
    rng = np.random.default_rng(6)
    for at, name in enumerate(("cat", "dog")):
        label = make_label(project, name)
        for _ in range(20):
            make_image(project, near(at, rng), label)
    chosen = images_in_order(project, 40, Order.UNCERTAIN)
    assert len(set(chosen)) == 30
    # Groups 0 and 1 are labeled, and nobody votes for group 2 with one voice.
    assert groups[chosen[0]] == 2


def test_without_labels_the_least_certain_are_the_typical(project, groups) -> None:
    typical = images_in_order(project, 20, Order.TYPICAL)
    assert images_in_order(project, 20, Order.UNCERTAIN) == typical


def test_an_empty_project_names_nothing(project) -> None:
    for order in Order:
        assert images_in_order(project, 10, order) == []


def test_the_number_of_queries_does_not_grow(
    project, groups, django_assert_max_num_queries
) -> None:
    cat = make_label(project, "cat")

    def queries() -> int:
        images_in_order(project, 20, Order.UNCERTAIN)  # fills the collection
        with django_assert_max_num_queries(10) as counted:
            images_in_order(project, 20, Order.UNCERTAIN)
        return len(counted)

    few = queries()
    rng = np.random.default_rng(5)
    for at in range(30):
        make_image(project, near(at % 3, rng), *([cat] if at % 2 else []))
    project.refresh_from_db()
    assert queries() == few


def test_the_size_is_bounded_as_ever(project, groups) -> None:
    with pytest.raises(Refusal, match="10 to 100"):
        batches.next_batch(project, project.owner, 9, order=Order.TYPICAL)


def test_an_image_edited_by_hand_in_such_a_batch_is_labeled(project, groups) -> None:
    cat = make_label(project, "cat", "1")
    batch = batches.next_batch(project, project.owner, 10, order=Order.TYPICAL)
    item = batch.items.order_by("position").first()
    edits.set_tick(batch, project.owner, item.pk, cat, ticked=True)
    commits.commit(batch, project.owner)
    assert [image.pk for image in project.images.labeled()] == [item.image_id]


@pytest.mark.parametrize(("labels", "number"), [(0, 20), (6, 20), (7, 21), (20, 60), (500, 100)])
def test_how_many_first_follows_the_list_of_labels(labels: int, number: int) -> None:
    assert how_many_first(labels) == number
