"""A threshold for each label, chosen from what leaving one labeled image out at a time shows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PRIOR_EXAMPLES = 30
"""Examples of a label at which its own best threshold counts as much as the common one. Of the ways
tried on playing cards, clothing and food with 20 to 200 labeled images (0, 3, 10, 30,
60 and 100 of these, pooled gains, a choice by cross-validation) one of the best: micro-F1 from 0.4
points below one common threshold (cards, where all labels are alike) to 0.5 above it (clothing,
where they are not). With 0, 20 images of clothing lost 22 points.
Measured by: benchmarks/thresholds.py."""

_STEPS = 100  # thresholds tried: 1 %, 2 % ... 100 %; at 0 % everything would be ticked


class Thresholds(NamedTuple):
    """``common`` is the best single threshold, 0..1. ``per_label`` is float32 (L,) in 0..1, in
    steps of 0.001 as scores are. ``examples`` is int64 (L,), how many images carry each label.
    """

    common: float
    per_label: NDArray[np.float32]
    examples: NDArray[np.int64]


def choose_thresholds(
    scores: NDArray[np.float32], truth: NDArray[np.int8], *, otherwise: float = 0.3
) -> Thresholds:
    """Choose a threshold for each label, near a common one while the label has few examples.

    The common threshold c is the one with the best micro-F1 over all labels. Label l, with p_l
    examples and a best threshold t_l of its own by F1, gets (p_l t_l + 30 c) / (p_l + 30). Where
    several thresholds are equally good, the middle of their longest run counts, the lowest of
    equally long ones. A label that no threshold finds gets c.

    Args:
        scores: float32 (n, L) in 0..1, each row made without its own image's labels. Rounded to
            tenths of a percent, as `suggest.vote` does, and compared with ``>=``.
        truth: int8 (n, L): 1 carried, 0 absent, -1 unknown. Unknown ones count nowhere.
        otherwise: the common threshold where no threshold finds anything.

    Raises:
        ValueError: the arrays have different shapes.

    Cost: one pass, 25 ms for 1,000 x 100.
    Source: F1 after van Rijsbergen, Information Retrieval (1979), chapter 7; the shrinkage is ours.
    """
    if scores.shape != truth.shape:
        raise ValueError("scores and truth must have the same shape")
    found, wrong = _reaching(scores, truth == 1), _reaching(scores, truth == 0)
    examples = (truth == 1).sum(axis=0, dtype=np.int64)
    common = _best(found.sum(axis=0), wrong.sum(axis=0), int(examples.sum()), otherwise)
    own = [_best(*each, common) for each in zip(found, wrong, examples.tolist(), strict=True)]
    weight = examples / (examples + PRIOR_EXAMPLES)
    per_label = weight * np.array(own) + (1 - weight) * common
    return Thresholds(common, per_label.round(3).astype(np.float32), examples)


def micro_f1(ticked: NDArray[np.bool_], truth: NDArray[np.int8]) -> float:
    """Return the F1 of all labels of all images counted together, 0..1; 0 where nothing is there.

    Args:
        ticked: bool (n, L).
        truth: int8 (n, L) as in `choose_thresholds`; unknown ones count nowhere.
    """
    right = int((ticked & (truth == 1)).sum())
    claimed = int((ticked & (truth >= 0)).sum()) + int((truth == 1).sum())
    return 2 * right / claimed if claimed else 0.0


def _reaching(scores: NDArray[np.float32], counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many counted scores of each label reach 1 %, 2 % ... 100 %, (L, 100)."""
    labels = scores.shape[1]
    # Whole tenths of a percent: 0.29 in float32 is a hair less than 29 %, and must reach it.
    steps = np.rint(scores.astype(np.float64) * 1000).astype(np.int64) // (1000 // _STEPS)
    places = np.clip(steps, 0, _STEPS) + (_STEPS + 1) * np.arange(labels)
    counts = np.bincount(places[counted], minlength=labels * (_STEPS + 1))
    at_least = counts.reshape(labels, _STEPS + 1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    return at_least[:, 1:].astype(np.int64)


def _best(
    found: NDArray[np.int64], wrong: NDArray[np.int64], examples: int, otherwise: float
) -> float:
    """Return the threshold with the best F1, ``otherwise`` where none finds anything."""
    f1 = 2 * found / np.maximum(1, found + wrong + examples)
    if not f1.any():
        return otherwise
    best = np.flatnonzero(f1 == f1.max())
    runs = np.split(best, np.flatnonzero(np.diff(best) > 1) + 1)
    return float(max(runs, key=len).mean() + 1) / _STEPS
