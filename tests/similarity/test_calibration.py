"""Promised probabilities: the curves, and how far they lie from what comes of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from similarity.calibration import (
    LEAST_FOR_STEPS,
    LEAST_LABELED,
    Calibration,
    calibrate,
    calibration_error,
    certainty,
    error_by_chance,
)


def drawn(seed: int, n: int, *, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Certainties, and whether they were right as often as they say, to a power."""
    rng = np.random.default_rng(seed)
    sure = rng.random(n)
    return sure, rng.random(n) < sure**power


def stepped(n: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A truth that jumps where no logistic curve can follow: flat, then flat."""
    sure = np.linspace(0, 1, n)
    rng = np.random.default_rng(0)
    return sure, rng.random(n) < np.where(sure < 0.9, low, high)


def test_certainty_is_the_lead_of_the_best_over_the_second() -> None:
    scores = np.array([[0.5, 0.9, 0.2], [0.4, 0.4, 0.1], [0, 0, 0]], np.float32)
    np.testing.assert_allclose(certainty(scores), [0.4, 0.0, 0.0], atol=1e-7)
    assert certainty(scores[:, :1]).tolist() == pytest.approx([0.5, 0.4, 0.0])
    assert certainty(scores[:0]).shape == (0,)


@pytest.mark.parametrize("n", [1, 5, LEAST_LABELED - 1])
def test_few_labeled_images_promise_the_smoothed_share_whatever_the_certainty(n: int) -> None:
    sure, right = drawn(n, n)
    found = calibrate(sure, right)
    assert found.kind == "prior"
    share = (right.sum() + 1) / (n + 2)
    np.testing.assert_allclose(found.probability(np.array([-1.0, 0.3, 2.0])), share)


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong_never_promises_certainty(right: bool) -> None:
    found = calibrate(np.linspace(0, 1, 98), np.full(98, right))
    assert found.probability(np.array([1.0])).tolist() == pytest.approx([0.99 if right else 0.01])


def test_nothing_labeled_promises_half() -> None:
    found = calibrate(np.zeros(0), np.zeros(0, np.bool_))
    assert found.probability(np.array([0.7])).tolist() == [0.5]


@pytest.mark.parametrize("seed", range(30))
def test_the_curve_never_falls_and_stays_within_0_and_1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(LEAST_LABELED, 500))
    sure, right = drawn(seed, n, power=float(rng.choice([0.1, 1, 8])))
    sure = np.round(sure ** rng.choice([0.2, 1, 15]), int(rng.choice([1, 2, 9])))
    if seed % 5 == 0:
        right = ~right  # the surest are wrong
    found = calibrate(sure, right)
    assert found.labeled == n
    at = found.probability(np.linspace(-0.5, 1.5, 400))
    assert (np.diff(at) >= -1e-12).all()
    assert at.min() > 0
    assert at.max() < 1


def test_the_surest_being_wrong_makes_the_curve_flat_at_the_share() -> None:
    sure = np.linspace(0, 1, 100)
    right = sure < 0.6
    found = calibrate(sure, right)
    np.testing.assert_allclose(found.probability(sure), (right.sum() + 1) / 102, atol=0.01)


def plain_loss(x: np.ndarray, goals: np.ndarray, slope: float, offset: float) -> float:
    p = 1 / (1 + np.exp(-(slope * x + offset)))
    return float(-(goals * np.log(p) + (1 - goals) * np.log(1 - p)).sum() + slope**2 / 4)


@pytest.mark.parametrize("seed", range(40))
def test_the_logistic_curve_is_the_one_of_least_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sure = rng.random(60) ** rng.choice([1, 5])
    right = rng.random(60) < np.clip(sure * rng.choice([0.3, 1, 3]), 0.02, 0.98)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = calibrate(sure, right)
    assert found.kind == "platt"
    good = int(right.sum())
    goals = np.where(right, (good + 1) / (good + 2), 1 / (60 - good + 2))
    x = (sure - sure.mean()) / sure.std()
    inner = np.flatnonzero((found.levels > goals.min()) & (found.levels < goals.max()))[[0, -1]]
    logits = np.log(found.levels[inner] / (1 - found.levels[inner]))
    ends = (found.knots[inner] - sure.mean()) / sure.std()
    slope = float((logits[1] - logits[0]) / (ends[1] - ends[0]))
    offset = float(logits[0] - slope * ends[0])
    least = plain_loss(x, goals, slope, offset)
    for by in (-0.05, 0.05):
        assert slope + by < 0 or plain_loss(x, goals, slope + by, offset) > least
        assert plain_loss(x, goals, slope, offset + by) > least


@pytest.mark.parametrize("seed", range(200))
def test_one_far_outlier_or_a_clean_split_breaks_nothing(seed: int) -> None:
    # Whole Newton steps ran away on such draws, into overflow and probabilities of 0 or 1.
    rng = np.random.default_rng(seed)
    n = int(rng.integers(20, 150))
    sure = rng.random(n) ** 20
    right = sure > rng.random() * sure.max() if seed % 2 else rng.random(n) < sure**0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        at = calibrate(sure, right).probability(np.linspace(0, 1, 50))
    assert ((at > 0) & (at < 1)).all()


def test_a_clean_split_is_promised_but_never_for_certain() -> None:
    sure = np.linspace(0, 1, 100)
    found = calibrate(sure, sure > 0.5).probability(np.array([0.0, 1.0]))
    assert 0.01 < found[0] < 0.1
    assert 0.9 < found[1] < 0.99


def plain_isotonic(y: list[float], weight: list[float]) -> list[float]:
    """max over starts of min over ends of the mean between: the best rising curve."""

    sums, sizes = (np.cumsum([0, *each]) for each in (np.multiply(y, weight), weight))
    start, end = np.arange(len(y))[:, np.newaxis], np.arange(1, len(y) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (sums[end] - sums[start]) / (sizes[end] - sizes[start])
    return [float(mean[: i + 1, i:].min(axis=1).max()) for i in range(len(y))]


@pytest.mark.parametrize("digits", [1, 9])
def test_steps_are_the_best_rising_ones_pulled_toward_the_average(digits: int) -> None:
    sure, right = stepped(LEAST_FOR_STEPS, 0.3, 1.0)
    sure = np.round(sure, digits)  # one digit: many of the same certainty
    found = calibrate(sure, right)
    assert found.kind == "isotonic"
    values = np.unique(sure)
    shares = [float(right[sure == value].mean()) for value in values]
    counts = [float((sure == value).sum()) for value in values]
    steps = np.array(plain_isotonic(shares, counts))
    knots, levels = [], []
    for level in np.unique(np.round(steps, 9)):
        there = np.isin(sure, values[np.isclose(steps, level)])
        knots.append(sure[there].mean())
        levels.append((right[there].sum() + 2 * right.mean()) / (there.sum() + 2))
    np.testing.assert_allclose(found.knots, knots)
    np.testing.assert_allclose(found.levels, levels)


def test_images_of_one_certainty_get_one_promise() -> None:
    # Taken one by one, wrong before right, they were two steps at the same place.
    sure = np.repeat([0.0, 1.0], [150, 150])
    right = np.concatenate((np.arange(150) % 3 == 0, np.arange(150) % 5 > 0))
    found = calibrate(sure, right)
    assert len(np.unique(found.knots)) == len(found.knots)
    np.testing.assert_allclose(found.probability(np.array([0.0, 1.0])), [1 / 3, 0.8], atol=0.01)


def test_steps_are_taken_only_from_enough_images_on_and_only_where_they_predict_better() -> None:
    few = stepped(LEAST_FOR_STEPS - 1, 0.3, 1.0)
    assert calibrate(*few).kind == "platt"
    rng = np.random.default_rng(1)
    sure = rng.normal(size=3_000)
    smooth = rng.random(3_000) < 1 / (1 + np.exp(-2 * sure))
    assert calibrate(sure, smooth).kind == "platt"


def test_between_knots_the_curve_is_straight_and_outside_flat() -> None:
    curve = Calibration(np.array([0.2, 0.6]), np.array([0.5, 0.9]), "isotonic", 300)
    at = np.array([[0.0, 0.2], [0.4, 0.7]])
    np.testing.assert_allclose(curve.probability(at), [[0.5, 0.5], [0.7, 0.9]])


@pytest.mark.parametrize("power", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("n", [400, 2_000])
def test_it_learns_how_often_the_sure_are_right(n: int, power: float) -> None:
    sure, right = drawn(1, n, power=power)
    asked, truth = drawn(2, 20_000, power=power)
    assert calibration_error(calibrate(sure, right).probability(asked), truth) < 0.05


@pytest.mark.parametrize("bins", [1, 4, 10])
def test_the_calibration_error_is_its_plain_definition(bins: int) -> None:
    rng = np.random.default_rng(bins)
    promised = np.append(rng.random(300), [0.0, 1.0, 0.25, 0.5])
    right = rng.random(304) < promised**2
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = (promised >= low) & ((promised < high) | (high == 1))
        if inside.any():
            error += inside.sum() / 304 * abs(promised[inside].mean() - right[inside].mean())
    assert calibration_error(promised, right, bins=bins) == pytest.approx(error)


def test_nothing_asked_has_no_error() -> None:
    assert calibration_error(np.zeros(0), np.zeros(0, np.bool_)) == 0.0
    assert error_by_chance(np.zeros(0)) == 0.0


def test_the_error_by_chance_is_that_of_true_promises() -> None:
    rng = np.random.default_rng(0)
    promised = rng.random(400) ** 0.3
    simulated = [calibration_error(promised, rng.random(400) < promised) for _ in range(500)]
    assert error_by_chance(promised) == pytest.approx(np.mean(simulated), rel=0.05)
    assert error_by_chance(np.array([0.0, 1.0])) == 0.0
