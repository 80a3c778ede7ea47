"""How good suggestions would be on images whose labels are known: draw some, ask about the rest."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from similarity.acceptance import accept_within
from similarity.auto import choose
from similarity.calibration import (
    calibrate,
    calibration_error,
    certainty,
    error_by_chance,
)
from similarity.methods import ClassMeans, Graph, Head, Method, NeighbourVote
from similarity.sampling import evenly

ALLOWED = (0.01, 0.02, 0.05, 0.1)
BINS = 10
COMPARED: Mapping[str, Method | None] = {
    "neighbours, k 1": NeighbourVote(1),
    "neighbours, k 5": NeighbourVote(5),
    "neighbours, k 10": NeighbourVote(10),
    "neighbours, k 20": NeighbourVote(20),
    "class means": ClassMeans(),
    "head": Head(),
    "graph": Graph(),
    "auto": None,
}
"""What is compared, by the name it is printed under; None is what ``similarity.auto`` chooses."""

MOST_CHECKED = 2_000
"""Labeled images that are left out in turn, as in a project."""
MOST_POOL = 2_000
"""Images without a label that a method may learn from, as in a project."""

IntArray = NDArray[np.int64]


class Accepted(NamedTuple):
    """What accepting unseen came to: the share of the suggestions taken, and how many were wrong.

    ``wrong`` is the share of those taken, 0.0 where none was.
    """

    allowed: float
    taken: float
    wrong: float

    @property
    def kept(self) -> bool:
        """Whether the realised error stayed within the allowed one."""
        return self.wrong <= self.allowed


class Reliability(NamedTuple):
    """Sums over bins of equal width of the promised probability, each float64 (bins,)."""

    images: NDArray[np.float64]
    promised: NDArray[np.float64]
    right: NDArray[np.float64]


class Outcome(NamedTuple):
    """How one method did on the images that a draw left without a label."""

    accuracy: float
    """Share whose best label was right."""
    calibration_error: float
    error_by_chance: float
    """What that would be on so few images if every promise were true."""
    accepted: tuple[Accepted, ...]
    """One for each allowed error."""
    reliability: Reliability


class Spread(NamedTuple):
    """The mean of some draws, the least and the greatest."""

    mean: float
    low: float
    high: float


def drawn_per_label(labels: IntArray, each: int, rng: np.random.Generator) -> IntArray:
    """Draw ``each`` images of every label, rows in rising order.

    A label with fewer than ``each`` + 1 images keeps one to be asked about and gives the others; a
    label with a single image gives that.

    Args:
        labels: int64 (n,).
        each: at least 1.
    """
    rows = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        rows.append(rng.permutation(own)[: max(1, min(each, len(own) - 1))])
    return np.sort(np.concatenate(rows))


def drawn_at_random(labels: IntArray, number: int, rng: np.random.Generator) -> IntArray:
    """Draw ``number`` images whatever their label, as a person meets them; rows in rising order.

    Raises:
        ValueError: ``number`` below 1, or none would be left to ask about.
    """
    if not 1 <= number < len(labels):
        raise ValueError(f"{number} of {len(labels)} images cannot be drawn: some must be left")
    return np.sort(rng.permutation(len(labels))[:number])


def outcome(
    method: Method | None,
    vectors: NDArray[np.float32],
    labels: IntArray,
    *,
    labeled: IntArray,
    allowed: Sequence[float] = ALLOWED,
) -> Outcome:
    """Label some images, suggest for all others as a project would, and compare with the truth.

    The probability of being right and what may be accepted are learned from the labeled images
    alone, each left out in turn. An image whose label none of the labeled ones has counts as wrong.

    Args:
        method: None to choose it from the labeled images.
        vectors: float32 (n, dim), centered unit rows.
        labels: int64 (n,), the true label of each.
        labeled: int64 (m,), rows that are labeled; at least one row must be left.
        allowed: shares that may be wrong among what is accepted, 0..1.

    Cost: that of the method; for None some two seconds of one core.
    """
    asked = np.setdiff1d(np.arange(len(labels)), labeled)
    known = np.unique(labels[labeled])
    targets = (labels[labeled][:, np.newaxis] == known).astype(np.float32)
    pool = vectors[asked[evenly(len(asked), MOST_POOL)]]
    used = method or choose(vectors[labeled], targets, pool=pool).method
    fitted = used.fit(vectors[labeled], targets, pool=pool)
    rows = evenly(len(labeled), MOST_CHECKED)
    left_out = fitted.leave_one_out(rows)
    checked, borne_out = certainty(left_out), targets[rows, left_out.argmax(axis=1)] > 0
    scores = fitted.scores(vectors[asked])
    sure, right = certainty(scores), known[scores.argmax(axis=1)] == labels[asked]
    promised = calibrate(checked, borne_out).probability(sure)
    taken = []
    for share in allowed:
        accepted = accept_within(sure, promised, checked=checked, right=borne_out, allowed=share)
        taken.append(_accepted(share, sure >= accepted.least, right))
    return Outcome(
        accuracy=float(right.mean()),
        calibration_error=calibration_error(promised, right, bins=BINS),
        error_by_chance=error_by_chance(promised, bins=BINS),
        accepted=tuple(taken),
        reliability=reliability(promised, right),
    )


def _accepted(allowed: float, taken: NDArray[np.bool_], right: NDArray[np.bool_]) -> Accepted:
    number = int(taken.sum())
    wrong = int((taken & ~right).sum())
    return Accepted(allowed, number / len(right), wrong / number if number else 0.0)


def reliability(promised: NDArray[np.float64], right: NDArray[np.bool_]) -> Reliability:
    """Sum promise and truth over the bins of ``calibration_error``.

    Args:
        promised: float64 (n,), probabilities 0..1.
        right: bool (n,).
    """
    place = np.minimum((promised * BINS).astype(np.int64), BINS - 1)
    return Reliability(
        np.bincount(place, minlength=BINS).astype(np.float64),
        np.bincount(place, promised, BINS).astype(np.float64),
        np.bincount(place, right, BINS).astype(np.float64),
    )


def pooled(parts: Sequence[Reliability]) -> Reliability:
    """Add up the bins of several draws."""
    return Reliability(
        images=np.sum([each.images for each in parts], axis=0),
        promised=np.sum([each.promised for each in parts], axis=0),
        right=np.sum([each.right for each in parts], axis=0),
    )


def spread(values: Sequence[float]) -> Spread:
    """Return mean, least and greatest of at least one value."""
    return Spread(float(np.mean(values)), min(values), max(values))


class Setting(NamedTuple):
    """How many images are labeled: ``number`` of every label, or ``number`` in all at random."""

    number: int
    per_label: bool

    def __str__(self) -> str:
        return f"{self.number} a label" if self.per_label else f"{self.number} random"

    def drawn(self, labels: IntArray, rng: np.random.Generator) -> IntArray:
        """Draw the rows that are labeled."""
        draw = drawn_per_label if self.per_label else drawn_at_random
        return draw(labels, self.number, rng)

    def possible(self, labels: IntArray) -> bool:
        """Whether it draws what it says for some label, and leaves something to ask about."""
        if self.per_label:
            return int(np.bincount(labels).max(initial=0)) > self.number
        return len(labels) > self.number


def outcomes(
    vectors: NDArray[np.float32],
    labels: IntArray,
    setting: Setting,
    *,
    draws: int,
    rng: np.random.Generator,
    methods: Mapping[str, Method | None] = COMPARED,
) -> dict[str, list[Outcome]]:
    """Compare methods on the same draws; one outcome a draw for each.

    Args:
        vectors: float32 (n, dim), centered unit rows.
        labels: int64 (n,), the true label of each.
        setting: one that is ``possible``.
        draws: at least 1.
        rng: the same one gives the same draws.
        methods: None to choose from the labeled images.
    """
    found: dict[str, list[Outcome]] = {name: [] for name in methods}
    for _ in range(draws):
        labeled = setting.drawn(labels, rng)
        for name, method in methods.items():
            found[name].append(outcome(method, vectors, labels, labeled=labeled))
    return found
