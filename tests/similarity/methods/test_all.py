"""What every method promises, and odd things all of them must bear."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.methods import (
    DEFAULT_METHOD,
    METHODS,
    ClassMeans,
    Graph,
    Head,
    Method,
    NeighbourVote,
    targets_of,
)
from similarity.methods.base import shares

from ..made import groups, one_hot, unit

EACH = [
    NeighbourVote(),
    ClassMeans(),
    Head(),
    Head(most_exact=1, landmarks=6),
    Graph(),
    Graph(k=4, most_nodes=15),
]
each = pytest.mark.parametrize("method", EACH, ids=repr)


def test_methods_are_found_by_the_names_they_carry() -> None:
    assert DEFAULT_METHOD in METHODS
    assert all(made().name == name for name, made in METHODS.items())


def test_targets_have_a_column_a_label_and_leave_unknown_ids_out() -> None:
    targets = targets_of([{7, 3}, (), [9], {3, 8}], [3, 7, 9])
    assert targets.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert targets.dtype == np.float32
    assert targets_of([], [1, 2]).shape == (0, 2)


def test_shares_are_the_softmax_and_nothing_gets_no_share() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((5, 4)).astype(np.float32)
    rows[0, 1] = rows[1] = -np.inf
    found = shares(rows, temperature=0.1)
    for row, line in zip(rows, found, strict=True):
        weights = [float(np.exp(value / 0.1)) for value in row]
        total = sum(weights) or 1.0
        np.testing.assert_allclose(line, [weight / total for weight in weights], rtol=1e-5)
    assert shares(np.zeros((2, 0), np.float32), temperature=0.1).shape == (2, 0)


@each
def test_groups_are_told_apart_by_all_and_by_the_others(method: Method) -> None:
    vectors, group = groups(np.random.default_rng(0), [20, 20, 20], noise=0.1)
    fitted = method.fit(vectors[:30], one_hot(group[:30], 3), pool=vectors[30:])
    asked = fitted.scores(vectors[30:])
    assert asked.shape == (30, 3)
    assert asked.dtype == np.float32
    np.testing.assert_array_equal(asked.argmax(axis=1), group[30:])
    np.testing.assert_array_equal(fitted.leave_one_out().argmax(axis=1), group[:30])


@each
def test_rows_are_those_rows_of_all_in_the_order_asked(method: Method) -> None:
    vectors, group = groups(np.random.default_rng(1), [9, 7, 5], noise=0.6)
    fitted = method.fit(vectors, one_hot(group))
    rows = np.array([20, 3, 11, 4])
    np.testing.assert_allclose(
        fitted.leave_one_out(rows), fitted.leave_one_out()[rows], rtol=1e-5, atol=1e-6
    )
    assert fitted.leave_one_out(rows[:0]).shape == (0, 3)


@each
@pytest.mark.parametrize(
    "case",
    ["one image", "one label", "nothing labeled", "all the same", "zeros", "unused label", "many"],
)
def test_odd_projects_give_scores_from_0_to_1(method: Method, case: str) -> None:
    rng = np.random.default_rng(2)
    vectors, group = groups(rng, [8, 4], noise=0.4)
    targets = one_hot(group)
    if case == "one image":
        vectors, targets = vectors[:1], targets[:1, :1] * 0 + 1
    elif case == "one label":
        targets = np.ones((12, 1), np.float32)
    elif case == "nothing labeled":
        targets = targets * 0
    elif case == "all the same":
        vectors = vectors[:1].repeat(12, axis=0)
    elif case == "zeros":
        vectors = vectors * (np.arange(12) % 3 > 0)[:, np.newaxis].astype(np.float32)
    elif case == "unused label":
        targets = np.hstack((targets, targets[:, :1] * 0))
    else:
        targets = (rng.random((12, 5)) < 0.4).astype(np.float32)  # several labels, or none
    fitted = method.fit(vectors, targets, pool=None if case == "zeros" else vectors[:0])
    queries = np.vstack((vectors, np.zeros((1, 16)))).astype(np.float32)
    for found in (fitted.scores(queries), fitted.leave_one_out()):
        assert found.shape[1] == targets.shape[1]
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 1 + 1e-6
        assert not found[:, ~targets.any(axis=0)].any()


@each
def test_the_only_image_of_a_label_is_not_given_that_label_by_the_others(method: Method) -> None:
    vectors, group = groups(np.random.default_rng(3), [10, 10, 1], noise=0.3)
    left_out = method.fit(vectors, one_hot(group)).leave_one_out()
    assert left_out[group == 2, 2].tolist() == [0.0]


@each
def test_a_lone_image_left_out_is_told_nothing(method: Method) -> None:
    fitted = method.fit(np.eye(1, 8, dtype=np.float32), np.ones((1, 1), np.float32))
    assert fitted.leave_one_out().tolist() == [[0.0]]


@each
def test_images_with_several_labels_get_all_of_them(method: Method) -> None:
    group = np.tile(np.arange(3), 12)
    targets = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)[group]
    rng = np.random.default_rng(4)
    vectors = unit(np.eye(3, 16)[group] + rng.normal(scale=0.05, size=(36, 16)))
    left_out = method.fit(vectors, targets).leave_one_out()
    first = left_out[group == 0]
    assert first[:, :2].min() > 2 * first[:, 2].max()
