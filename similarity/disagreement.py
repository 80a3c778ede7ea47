"""Labels that are likely wrong: images whose own label the other labeled images contradict."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from similarity.calibration import calibrate
from similarity.methods import Head, Method, Targets

FloatArray: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.int64]

JUDGE: Method = Head(ridge=1.0)
"""What says how well a label fits. Smoother than the head of suggestions (ridge 0.1), which bends
toward wrong labels too. Of the first 50 of 1,200 pictures of solar cells with 5 % of the labels
replaced, 88 % were replaced ones by this, 72 % by that, and 63 % by neighbours (decision 0046)."""
LEAST_LABELED = 20
"""Below, wrong labels cannot be told from unusual images."""
LEAST_PROBABILITY = 0.1
"""Less likely wrong than that is not worth a look."""
MOST_PROBABILITY = 0.95
"""Nothing is surer: of what came out above, 60 to 100 % were wrong (decision 0046)."""
_FLOOR = 0.05
"""Scores below are noise: 0.001 against 0.01 is not ten times as likely."""
_EVERY_ALIKE = 3
"""Without such ones, labels promised as wrong with 20 to 40 % were wrong up to twice as often, with
every second one half as often (decision 0046)."""
_LEAST_PLANTED = 0.1
"""Share of the planted labels that must lie above a place where the rate of wrong ones is read. Of
playing cards, which the judge hardly knows apart, 0.3 promised five times as many wrong labels as
there were, 0.1 three times as many."""
_LEAST_RATE = 0.03
"""Where all wrong labels are of one kind, none may stand as high as the highest planted ones, and
no rate could be read. Source: 3.3 % of the labels of ten well-known test sets are wrong (Northcutt,
Athalye and Mueller, "Pervasive label errors in test sets", 2021)."""
_FEWEST_PLANTED = 10
"""And at least so many, or all: of fewer, chance alone leaves none of the labels above."""


class Suspects(NamedTuple):
    """Labeled images whose label is likely wrong, the surest first; arrays of one length.

    ``rows`` are rows of the labeled images; ``given`` the column of the label that fits least,
    ``suggested`` the column of the best label the image does not carry; ``probabilities`` how
    likely the given one is wrong, 0..1.
    """

    rows: Rows
    given: Rows
    suggested: Rows
    probabilities: Doubles


def find_suspects(left_out: FloatArray, targets: Targets) -> Suspects:
    """Return the images whose label is wrong with a probability of at least 10 %.

    An image is judged by log((best score of a label it does not carry + 0.05) / (least score of
    one it carries + 0.05)). A label of each image is replaced by another, and that number computed
    again: since an image's scores do not come from its own label, this shows what wrong
    labels would look like. How often each value occurs there and here, with the share of wrong
    labels that explains the highest values here, gives the probability.

    A label that one image carries is not judged: nothing can speak for it.

    Args:
        left_out: float32 (n, labels) in 0..1, what the others say of each labeled image.
        targets: float32 (n, labels), see ``targets_of``.

    Ties: by row. Cost: 0.6 s at 10,000 images of 20 labels, 0.1 s at 1,500, beside the scores;
    measured on a busy machine.

    Source: the ratio as the normalized margin of Northcutt, Jiang and Chuang, "Confident learning",
    2021; the share of wrong labels as the mixture proportion of Blanchard, Lee and Scott,
    "Semi-supervised novelty detection", 2010.
    """
    judged = judged_labels(targets)
    rows = np.flatnonzero(judged.any(axis=1))
    if len(rows) < LEAST_LABELED:
        return _none()
    scores, judged, carried = left_out[rows], judged[rows], targets[rows] > 0
    given, suggested, doubt = _doubt(scores, judged, carried)
    probabilities = wrong_probabilities(doubt, _planted_doubt(scores, carried))
    listed = np.flatnonzero((probabilities >= LEAST_PROBABILITY) & (doubt > 0))
    order = listed[np.lexsort((listed, -doubt[listed]))]
    return Suspects(rows[order], given[order], suggested[order], probabilities[order])


def judged_labels(targets: Targets) -> NDArray[np.bool_]:
    """Return bool (n, labels): labels that images carry and that others can speak for or against.

    Not a label that one image carries, and none of an image that carries all.
    """
    judged: NDArray[np.bool_] = (targets > 0) & (targets.sum(axis=0) > 1)
    judged &= ~(targets > 0).all(axis=1, keepdims=True)
    return judged


def _none() -> Suspects:
    none = np.zeros(0, np.int64)
    return Suspects(none, none, none, np.zeros(0))


def _doubt(
    scores: FloatArray, judged: NDArray[np.bool_], carried: NDArray[np.bool_]
) -> tuple[Rows, Rows, Doubles]:
    """The label that fits least, the best other one, and how far that one is ahead."""
    given = np.where(judged, scores, np.inf).argmin(axis=1)
    suggested = np.where(carried, -np.inf, scores).argmax(axis=1)
    at = np.arange(len(scores))
    own, other = scores[at, given].astype(np.float64), scores[at, suggested].astype(np.float64)
    return given, suggested, np.log((other + _FLOOR) / (own + _FLOOR))


def _planted_doubt(scores: FloatArray, carried: NDArray[np.bool_]) -> Doubles:
    """The same with one label of each image replaced by one it does not carry.

    By any in turn, but by the likeliest one of every third image: people mix up what looks alike.
    """
    planted = carried.copy()
    likeliest = np.where(carried, -np.inf, scores).argmax(axis=1)
    for row, line in enumerate(carried):
        there, missing = np.flatnonzero(line), np.flatnonzero(~line)
        planted[row, there[row % len(there)]] = False
        alike = row % _EVERY_ALIKE == 0
        planted[row, likeliest[row] if alike else missing[row % len(missing)]] = True
    return _doubt(scores, planted, planted)[2]


def wrong_probabilities(doubt: Doubles, planted: Doubles) -> Doubles:
    """Return how likely each label is wrong, from the doubt of labels planted wrong.

    Of the images with some doubt, the share of wrong ones is (rate of wrong labels) x (how dense
    planted ones are there) / (how dense all are there); a rising curve between the two gives the
    densities' ratio. The rate is taken to be at least 3 %.

    Args:
        doubt: float64 (n,), of the labels as they are.
        planted: float64 (m,), of labels known to be wrong.
    """
    curve = calibrate(
        np.concatenate((doubt, planted)),
        np.concatenate((np.zeros(len(doubt), np.bool_), np.ones(len(planted), np.bool_))),
    )
    share = np.minimum(curve.probability(doubt), 1 - 1e-6)
    odds = share / (1 - share) * len(doubt) / len(planted)
    rate = max(wrong_rate(doubt, planted), _LEAST_RATE)
    found: Doubles = np.minimum(rate * odds, MOST_PROBABILITY)
    return found


def wrong_rate(doubt: Doubles, planted: Doubles) -> float:
    """Return the largest share of wrong labels that the doubts allow, 0..1.

    Above no place can there be more wrong labels than labels: where hardly a label as it is but
    most planted ones lie, few are wrong.
    """
    planted = np.sort(planted)
    above = max(round(_LEAST_PLANTED * len(planted)), min(_FEWEST_PLANTED, len(planted)))
    places = planted[: len(planted) - above + 1]
    beyond = len(planted) - np.searchsorted(planted, places, side="left")
    as_is = len(doubt) - np.searchsorted(np.sort(doubt), places, side="left")
    shares = (as_is + 0.5) / len(doubt) * len(planted) / (beyond + 0.5)
    return float(min(1.0, shares.min()))
