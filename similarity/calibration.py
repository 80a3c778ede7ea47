"""Scores to the probability of being right, learned from labeled images left out in turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]

LEAST_LABELED = 20
"""Below, no curve can be told from another and the prior is kept."""
LEAST_FOR_STEPS = 200
"""Below, steps follow chance: 0.053 of calibration error by the logistic curve against 0.058 at 100
labeled images of clothing, and no better anywhere."""
_FOLDS = 5
_PRIOR = 2.0
"""Images' worth of belief in the average that a step of the isotonic curve starts with. Without it
a step of three right images would promise certainty."""


def certainty(scores: FloatArray) -> Doubles:
    """How far the best score of each row is ahead of the second, 0..1.

    Ranks right before wrong better than the best score alone: where two labels score high, one of
    them is wrong.

    Args:
        scores: float32 (n, labels), labels at least 1.
    """
    if scores.shape[1] == 1:
        return scores[:, 0].astype(np.float64)
    best = np.partition(scores, -2, axis=1)[:, -2:].astype(np.float64)
    ahead: Doubles = best[:, 1] - best[:, 0]
    return ahead


@dataclass(frozen=True)
class Calibration:
    """A rising curve from certainty to the probability of being right.

    ``knots`` rise, ``levels`` do not fall; between knots the curve is straight, outside it is flat.
    """

    knots: Doubles
    levels: Doubles
    kind: str
    """``platt``, ``isotonic`` or ``prior``."""
    labeled: int
    """Images it was learned from."""

    def probability(self, certainties: Doubles) -> Doubles:
        """Return the probability of being right for each certainty, 0..1, same shape."""
        found: Doubles = np.interp(certainties, self.knots, self.levels)
        return found


def calibrate(certainties: Doubles, right: NDArray[np.bool_]) -> Calibration:
    """Fit a curve to labeled images that were left out in turn.

    From 200 images on, both a logistic curve (Platt) and a rising step curve (isotonic) are tried
    on folds, and the one that predicts the folds better (log loss) is fitted to all; below, the
    logistic curve. With fewer than 20 images the curve is flat at the smoothed share that was
    right.

    Args:
        certainties: float64 (n,), see ``certainty``.
        right: bool (n,), whether the best label of that row was right.

    Cost: 10 ms at 1,500 rows. Source: Platt, "Probabilistic outputs for support vector machines",
    1999 (with its smoothed goals); Zadrozny and Elkan, "Transforming classifier scores into
    accurate multiclass probability estimates", 2002.
    """
    n = len(certainties)
    if n < LEAST_LABELED or right.all() or not right.any():
        share = (right.sum() + 1.0) / (n + 2.0)
        return Calibration(np.zeros(1), np.full(1, share), "prior", n)
    fits: dict[str, _Fit] = {"platt": _platt}
    if n >= LEAST_FOR_STEPS:
        fits["isotonic"] = _isotonic
    losses = {kind: _loss(fit, certainties, right) for kind, fit in fits.items()}
    kind = min(losses, key=lambda each: (losses[each], each != "platt"))
    knots, levels = fits[kind](certainties, right)
    return Calibration(knots, levels, kind, n)


_Fit: TypeAlias = Callable[[Doubles, NDArray[np.bool_]], tuple[Doubles, Doubles]]


def _loss(fit: _Fit, certainties: Doubles, right: NDArray[np.bool_]) -> float:
    """Mean log loss over folds that take every fifth image in the order of certainty."""
    fold = np.empty(len(certainties), np.int64)
    fold[np.argsort(certainties, kind="stable")] = np.arange(len(certainties)) % _FOLDS
    total = 0.0
    for number in range(_FOLDS):
        inside = fold != number
        knots, levels = fit(certainties[inside], right[inside])
        p = np.clip(np.interp(certainties[~inside], knots, levels), 1e-4, 1 - 1e-4)
        total -= float(np.where(right[~inside], np.log(p), np.log(1 - p)).sum())
    return total / len(certainties)


def _platt(certainties: Doubles, right: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """A logistic curve, drawn through 65 knots."""
    middle, spread = float(certainties.mean()), max(float(certainties.std()), 1e-6)
    good = int(right.sum())
    goals = np.where(right, (good + 1.0) / (good + 2.0), 1.0 / (len(right) - good + 2.0))
    slope, offset = _logistic((certainties - middle) / spread, goals)
    if slope < 0.0:
        # A falling curve would call the surest the worst: few images can look so by chance.
        slope, offset = 0.0, float(np.log(goals.mean() / (1.0 - goals.mean())))
    knots = np.linspace(certainties.min(), certainties.max(), _PLATT_KNOTS)
    levels = _sigmoid(slope * (knots - middle) / spread + offset)
    # A single image far above the others would be promised to be right for certain.
    return knots, np.clip(levels, goals.min(), goals.max())


def _logistic(x: Doubles, goals: Doubles) -> tuple[float, float]:
    """Slope and offset of least log loss, by Newton's method."""
    slope, offset = 0.0, float(np.log(goals.mean() / (1.0 - goals.mean())))
    loss = _logistic_loss(x, goals, slope, offset)
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(slope * x + offset)
        weights = p * (1 - p)
        slope_by, offset_by = ((p - goals) * x).sum() + _PULL * slope, (p - goals).sum()
        a, b = (weights * x * x).sum() + _PULL, (weights * x).sum()
        c = weights.sum() + 1e-9
        size = a * c - b * b
        step = (c * slope_by - b * offset_by) / size, (a * offset_by - b * slope_by) / size
        # Halved where it overshoots: far out the curve is flat and a whole step leads astray.
        for part in _PARTS:
            tried = slope - part * step[0], offset - part * step[1]
            loss_there = _logistic_loss(x, goals, *tried)
            if loss_there < loss:
                break
        else:
            return slope, offset
        (slope, offset), loss = tried, loss_there
    return slope, offset


def _logistic_loss(x: Doubles, goals: Doubles, slope: float, offset: float) -> float:
    z = slope * x + offset
    # A weak pull of the slope to zero: separable images would send it to infinity.
    return float((np.logaddexp(0.0, z) - goals * z).sum()) + _PULL / 2 * slope**2


def _sigmoid(z: Doubles) -> Doubles:
    found: Doubles = np.exp(-np.logaddexp(0.0, -z))
    return found


_NEWTON_STEPS = 25
_PARTS = (1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125)
_PULL = 0.5
_PLATT_KNOTS = 65


def _isotonic(certainties: Doubles, right: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
    """The best rising steps (pool adjacent violators), each pulled toward the average."""
    # Images of one certainty are one step from the start: no curve can tell them apart.
    x, place, counts = np.unique(certainties, return_inverse=True, return_counts=True)
    good = np.bincount(place, right)
    average = float(right.mean())
    steps: list[list[float]] = []  # sum of right, number, sum of certainties
    for step in zip(good.tolist(), counts.tolist(), (x * counts).tolist(), strict=True):
        steps.append([float(each) for each in step])
        while len(steps) > 1 and steps[-2][0] * steps[-1][1] >= steps[-1][0] * steps[-2][1]:
            last = steps.pop()
            steps[-1] = [a + b for a, b in zip(steps[-1], last, strict=True)]
    knots = np.array([total / number for _, number, total in steps])
    levels = np.array([(hits + _PRIOR * average) / (n + _PRIOR) for hits, n, _ in steps])
    return knots, np.maximum.accumulate(levels)


def calibration_error(probabilities: Doubles, right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Return the expected calibration error: how far promise and truth lie apart, 0..1.

    Over bins of equal width, the distance between mean probability and share of right ones,
    weighted by how many fall into the bin. Source: Naeini, Cooper and Hauskrecht, "Obtaining well
    calibrated probabilities using Bayesian binning", 2015.
    """
    if not len(probabilities):
        return 0.0
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    promised = np.bincount(place, weights=probabilities, minlength=bins)
    kept = np.bincount(place, weights=right.astype(np.float64), minlength=bins)
    return float(np.abs(promised - kept).sum() / len(probabilities))


def error_by_chance(probabilities: Doubles, *, bins: int = 10) -> float:
    """Return what ``calibration_error`` would be on average if every probability were true, 0..1.

    A share of few images strays from its probability by luck; what is measured beyond this is
    miscalibration. Each bin's sum is taken as normal: its mean distance is sqrt(2 / pi) deviations.
    """
    if not len(probabilities):
        return 0.0
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    variances = np.bincount(place, probabilities * (1.0 - probabilities), bins)
    return float(np.sqrt(2.0 / np.pi * variances).sum() / len(probabilities))
