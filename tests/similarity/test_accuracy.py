"""How many suggestions would be right, and whether the interval says how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.acceptance import RISK, _risk, checks_needed, share_of
from similarity.accuracy import Sample, expected_share, pooled_share
from similarity.calibration import calibrate


def test_the_share_is_the_mean_of_the_probabilities() -> None:
    certainties = np.linspace(0, 1, 200)
    found = expected_share(np.linspace(0.5, 1, 200), certainties, checked=certainties)
    assert found.share == pytest.approx(0.75)
    assert found.low < 0.75 < found.high


def test_of_nothing_anything_is_possible() -> None:
    none, some = np.zeros(0), np.full(3, 0.5)
    assert expected_share(none, none, checked=some) == (0, 0, 1)
    assert expected_share(some, some, checked=none) == (0, 0, 1)


def test_fewer_labeled_images_and_fewer_suggestions_widen_the_interval() -> None:
    rng = np.random.default_rng(0)

    def width(labeled: int, left: int) -> float:
        found = expected_share(np.full(left, 0.9), rng.random(left), checked=rng.random(labeled))
        return found.high - found.low

    assert width(400, 10_000) < width(100, 10_000) < width(25, 10_000)
    assert width(400, 10_000) < width(400, 20)


def test_labeled_images_that_are_all_surer_are_worth_little() -> None:
    left, like = np.linspace(0, 0.2, 500), np.linspace(0, 0.2, 200)
    surer = np.concatenate([np.linspace(0, 0.2, 10), np.linspace(0.8, 1, 190)])
    probabilities = np.full(500, 0.8)
    narrow = expected_share(probabilities, left, checked=like)
    wide = expected_share(probabilities, left, checked=surer)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_labeled_images_of_one_certainty_are_no_error() -> None:
    found = expected_share(np.full(50, 0.8), np.full(50, 0.3), checked=np.full(40, 0.3))
    assert found.low < 0.8 < found.high
    apart = expected_share(np.full(50, 0.8), np.full(50, 0.9), checked=np.full(40, 0.3))
    assert apart.high - apart.low > found.high - found.low


@pytest.mark.parametrize("labeled", [40, 100, 400])
def test_the_truth_lies_within_nine_times_of_ten_or_more(labeled: int) -> None:
    """Suggestions less sure than the labeled images, calibrated by those: 200 draws."""
    rng, within = np.random.default_rng(labeled), 0
    for _ in range(200):
        checked, left = rng.beta(3, 1.5, labeled), rng.beta(2, 2, 1_000)
        right = rng.random(labeled) < 0.4 + 0.6 * checked
        truth = (rng.random(len(left)) < 0.4 + 0.6 * left).mean()
        probabilities = calibrate(checked, right).probability(left)
        found = expected_share(probabilities, left, checked=checked)
        within += found.low <= truth <= found.high
    assert within >= 180


def test_one_sample_is_its_own_interval() -> None:
    assert pooled_share([Sample(500, 30, 28)]) == pytest.approx(share_of(28, 30))


def test_samples_count_with_the_size_of_their_group() -> None:
    found = pooled_share([Sample(9_000, 30, 30), Sample(1_000, 30, 15), Sample(50, 0, 0)])
    assert found.share == pytest.approx(0.95)
    assert found.high - found.low > share_of(57, 60).high - share_of(57, 60).low
    assert pooled_share([Sample(10, 0, 0)]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("number", "allowed", "missed"),
    [(100, 0.01, 0.0), (150, 0.02, 0.0), (5_000, 0.01, 0.0), (100, 0.05, 0.0)]
    + [(5_000, 0.01, 0.005), (5_000, 0.02, 0.01), (400, 0.05, 0.02)],
)
def test_the_checks_needed_are_the_least(number: int, allowed: float, missed: float) -> None:
    needed = checks_needed(number, allowed, missed=missed)
    assert needed
    assert _risk(missed * needed, needed, number, allowed) <= RISK
    assert _risk(missed * (needed - 1), needed - 1, number, allowed) > RISK


def test_where_more_are_missed_than_allowed_no_number_helps() -> None:
    assert checks_needed(1_000, 0.02, missed=0.03) is None
    # Three of 150 may be wrong, 1.5 are expected: chance alone makes it more, too often.
    assert checks_needed(150, 0.02, missed=0.01) is None
