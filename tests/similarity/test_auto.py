"""Choosing a method by what it would have said of the images labeled so far."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.auto import CANDIDATES, LEAST_FOR_HEAD, LEAST_LABELED, MOST_ASKED, Choice, choose
from similarity.methods import Graph, Head, NeighbourVote

from .made import groups, one_hot, unit

VOTE = NeighbourVote()


@pytest.mark.parametrize("counts", [[1], [40], [1] * 40, [5, 4], [2, 2, 1]])
def test_it_stays_with_the_vote_where_nothing_can_be_counted(counts: list[int]) -> None:
    # One image; one label; a label an image; fewer than ten that others could know.
    vectors, group = groups(np.random.default_rng(0), counts, dim=64)
    choice = choose(vectors, one_hot(group))
    assert choice.method == VOTE
    assert choice.fewer_corrections == 0.0


@pytest.mark.parametrize("seed", range(15))
def test_below_thirty_only_what_is_surely_better_takes_the_place_of_the_vote(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(LEAST_LABELED, LEAST_FOR_HEAD))
    vectors, group = groups(rng, [n // 3, n // 3, n - 2 * (n // 3)], noise=0.7)
    choice = choose(vectors, one_hot(group))
    if choice.method != VOTE:
        better = choice.wrong_by_vote - choice.wrong
        assert better > 2 * np.sqrt(better)


@pytest.mark.parametrize("seed", range(5))
def test_from_thirty_on_the_head_is_taken_where_nothing_is_surely_better(seed: int) -> None:
    vectors, group = groups(np.random.default_rng(seed), [20, 20, 20], noise=0.2, dim=64)
    assert choose(vectors, one_hot(group)).method == Head()


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_are_those_of_the_images_left_out(seed: int) -> None:
    vectors, group = groups(np.random.default_rng(seed), [25, 15, 10, 1], noise=0.6)
    targets = one_hot(group)
    choice = choose(vectors, targets)
    known = group != 3  # a label with one image is left out of the count

    def wrong(method: object) -> int:
        left_out = method.fit(vectors, targets).leave_one_out()  # type: ignore[attr-defined]
        return int((left_out.argmax(axis=1) != group)[known].sum())

    assert choice.labeled == 50
    assert choice.wrong == wrong(choice.method)
    assert choice.wrong_by_vote == wrong(VOTE)


def test_something_surely_better_than_the_head_is_taken() -> None:
    # Twins of one label, in the midst of others: the nearest image knows, the rest mislead.
    rng = np.random.default_rng(0)
    one = unit(rng.normal(size=(60, 4)))
    vectors = unit(np.repeat(one, 2, axis=0) + rng.normal(scale=0.01, size=(120, 4)))
    targets = one_hot(np.repeat(np.arange(60) % 2, 2))
    choice = choose(vectors, targets)
    assert isinstance(choice.method, NeighbourVote | Graph)
    assert choice.wrong < 0.7 * choice.wrong_by_vote


@pytest.mark.parametrize("n", [12, 25, 40, 80, 200])
def test_it_is_never_worse_than_the_vote_by_more_than_a_point(n: int) -> None:
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        counts = rng.integers(20, 120, 8).tolist()
        vectors, group = groups(rng, counts, noise=0.35, dim=48)
        labeled, asked = np.arange(n), np.arange(n, len(group))
        targets = one_hot(group[labeled], 8)
        right = [
            np.mean(
                method.fit(vectors[labeled], targets, pool=vectors[asked])
                .scores(vectors[asked])
                .argmax(axis=1)
                == group[asked]
            )
            for method in (choose(vectors[labeled], targets, pool=vectors[asked]).method, VOTE)
        ]
        gains.append(right[0] - right[1])
    assert np.mean(gains) > -0.01


def test_images_with_several_labels_count_where_the_best_is_among_them() -> None:
    rng = np.random.default_rng(1)
    group = np.tile(np.arange(3), 20)
    targets = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], np.float32)[group]
    vectors = unit(np.eye(3, 16)[group] + rng.normal(scale=0.1, size=(60, 16)))
    choice = choose(vectors, targets)
    assert choice.labeled == 60
    assert choice.wrong == 0


def test_no_more_are_left_out_than_needed() -> None:
    vectors, group = groups(np.random.default_rng(0), [MOST_ASKED, 200], noise=0.1)
    assert choose(vectors, one_hot(group)).labeled == MOST_ASKED


def test_odd_vectors_are_borne() -> None:
    targets = one_hot(np.tile([0, 1], 20))
    for vectors in (np.zeros((40, 8), np.float32), np.eye(1, 8, dtype=np.float32).repeat(40, 0)):
        choice = choose(vectors, targets)
        assert choice.method in CANDIDATES
        assert 0 < choice.wrong <= 40


def test_fewer_corrections_are_those_of_the_vote_that_are_spared() -> None:
    assert Choice(Head(), 100, wrong=15, wrong_by_vote=20).fewer_corrections == 25.0
    assert Choice(Head(), 100, wrong=3, wrong_by_vote=0).fewer_corrections == 0.0
    assert Choice(VOTE, LEAST_LABELED - 1, wrong=0, wrong_by_vote=5).fewer_corrections == 0.0
