"""Measuring methods on images whose labels are known, on made arrays."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.calibration import calibration_error
from similarity.evaluate import (
    COMPARED,
    Accepted,
    Setting,
    drawn_at_random,
    drawn_per_label,
    outcome,
    outcomes,
    pooled,
    reliability,
    spread,
)
from similarity.methods import Head, NeighbourVote

from .made import groups, unit


def test_as_many_of_every_label_are_drawn_and_one_of_each_is_left() -> None:
    labels = np.array([2] * 9 + [0] * 4 + [1] * 1 + [3] * 2)
    drawn = drawn_per_label(labels, 5, np.random.default_rng(0))
    assert np.bincount(labels[drawn]).tolist() == [3, 1, 5, 1]
    assert drawn.tolist() == sorted(set(drawn.tolist()))


def test_a_draw_at_random_takes_the_number_and_leaves_some() -> None:
    labels = np.zeros(10, np.int64)
    drawn = drawn_at_random(labels, 9, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 9
    for number in (0, 10):
        with pytest.raises(ValueError, match="cannot be drawn"):
            drawn_at_random(labels, number, np.random.default_rng(0))


def test_the_same_rng_draws_the_same_and_another_something_else() -> None:
    labels = np.repeat(np.arange(4), 20)
    for setting in (Setting(5, True), Setting(30, False)):
        one, same, other = (setting.drawn(labels, np.random.default_rng(n)) for n in (1, 1, 2))
        assert one.tolist() == same.tolist()
        assert one.tolist() != other.tolist()


def test_a_setting_is_possible_where_a_label_gives_it_and_one_image_is_left() -> None:
    labels = np.array([0, 0, 0, 1])
    assert [Setting(n, True).possible(labels) for n in (1, 2, 3)] == [True, True, False]
    assert [Setting(n, False).possible(labels) for n in (3, 4)] == [True, False]


def test_accuracy_is_the_share_of_the_others_whose_nearest_has_their_label() -> None:
    vectors, labels = groups(np.random.default_rng(0), [20, 20, 20], noise=0.5)
    labeled = drawn_at_random(labels, 12, np.random.default_rng(1))
    others = [row for row in range(60) if row not in labeled]
    right = [
        labels[max(labeled, key=lambda known: float(vectors[row] @ vectors[known]))] == labels[row]
        for row in others
    ]
    found = outcome(NeighbourVote(1), vectors, labels, labeled=labeled)
    assert 0.3 < found.accuracy < 1.0
    assert found.accuracy == pytest.approx(np.mean(right))


def test_a_label_that_nobody_gave_counts_as_wrong() -> None:
    vectors = unit(np.repeat(np.eye(3, 8), 10, axis=0))
    labels = np.repeat(np.arange(3), 10)
    labeled = np.array([0, 1, 2, 10, 11, 12])
    found = outcome(NeighbourVote(), vectors, labels, labeled=labeled)
    assert found.accuracy == pytest.approx(14 / 24)


def test_bins_bear_out_the_calibration_error_and_add_up_over_draws() -> None:
    rng = np.random.default_rng(3)
    promised = np.append(rng.random(500), [0.0, 1.0])
    right = rng.random(502) < promised**2
    whole = reliability(promised, right)
    error = np.abs(whole.promised - whole.right).sum() / whole.images.sum()
    assert error == pytest.approx(calibration_error(promised, right))
    parts = [reliability(promised[:200], right[:200]), reliability(promised[200:], right[200:])]
    for one, other in zip(pooled(parts), whole, strict=True):
        np.testing.assert_allclose(one, other)


def test_what_is_accepted_is_counted_over_all_that_were_asked_about() -> None:
    vectors, labels = groups(np.random.default_rng(0), [300, 300], noise=0.2)
    labeled = drawn_at_random(labels, 300, np.random.default_rng(1))
    found = outcome(Head(), vectors, labels, labeled=labeled, allowed=(0.0, 0.1))
    assert [each.allowed for each in found.accepted] == [0.0, 0.1]
    assert found.accepted[0] == Accepted(0.0, 0.0, 0.0)
    assert found.accepted[1].taken > 0.9
    assert found.accepted[1].kept
    assert not Accepted(0.01, 0.5, 0.02).kept


def test_every_method_sees_the_same_draws() -> None:
    vectors, labels = groups(np.random.default_rng(0), [30, 30, 30], noise=0.6)
    twice = {"one": NeighbourVote(), "other": NeighbourVote()}
    found = outcomes(
        vectors, labels, Setting(3, True), draws=4, rng=np.random.default_rng(0), methods=twice
    )
    accuracies = [each.accuracy for each in found["one"]]
    assert accuracies == [each.accuracy for each in found["other"]]
    assert len(set(accuracies)) > 1
    assert spread(accuracies) == (np.mean(accuracies), min(accuracies), max(accuracies))


@pytest.mark.parametrize("setting", [Setting(1, True), Setting(1, False), Setting(40, False)])
def test_all_methods_can_be_compared_whatever_is_labeled(setting: Setting) -> None:
    vectors, labels = groups(np.random.default_rng(0), [40, 5, 1])
    found = outcomes(vectors, labels, setting, draws=1, rng=np.random.default_rng(0))
    assert list(found) == list(COMPARED)
    for (each,) in found.values():
        assert 0 <= each.accuracy <= 1
        assert 0 <= each.calibration_error <= 1
        assert each.reliability.images.sum() == 46 - len(
            setting.drawn(labels, np.random.default_rng(0))
        )
