"""Choosing a method for one project by what it would have said of the images labeled so far."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from similarity.methods import ClassMeans, Graph, Head, Method, NeighbourVote, Targets
from similarity.sampling import evenly

MOST_ASKED = 1_000
"""Labeled images that are looked at and left out in turn. More would hardly change the choice, and
a dozen fits are to take less than a second together."""
MOST_POOL = 500
"""Images without a label that the graph gets while choosing."""
LEAST_LABELED = 10
"""Below, leaving one out says nothing: its label is then often gone from the project."""
LEAST_FOR_HEAD = 30
"""Below, the default vote is what others have to beat. With 10 and 20 random images of clothing the
head was right 3 and 1 points less often, with 50 and 80 3 and 4 points more."""
CERTAIN = 2.0
"""Standard errors by which a method must beat that one to take its place. Choosing the best of a
dozen by a bare count picks luck: on 5 images a label it took class means, worse by 1 point."""

_VOTE = NeighbourVote()
_HEAD = Head()
CANDIDATES: tuple[Method, ...] = (
    _HEAD,
    Head(ridge=0.03),
    Head(ridge=0.3),
    ClassMeans(),
    *(NeighbourVote(k, t) for k in (5, 10, 20) for t in (0.05, 0.1, 0.2)),
    Graph(),
)
"""From 30 images on the head is taken unless another is surely better: over four photo sets and 5
to 20 images a label it was never worse than the vote, and 3 points better on average (decision
0045)."""


@dataclass(frozen=True)
class Choice:
    """What was chosen, and the counts that say why."""

    method: Method
    labeled: int
    """Images the counts are over."""
    wrong: int
    """How many of them the chosen method gets wrong when each is left out."""
    wrong_by_vote: int
    """And the default vote."""

    @property
    def fewer_corrections(self) -> float:
        """Corrections expected less than with the vote, in percent; 0 where that is not known."""
        if self.labeled < LEAST_LABELED or not self.wrong_by_vote:
            return 0.0
        return 100.0 * (self.wrong_by_vote - self.wrong) / self.wrong_by_vote


def choose(
    vectors: NDArray[np.float32], targets: Targets, *, pool: NDArray[np.float32] | None = None
) -> Choice:
    """Pick the method, k and sharpness that would have been right most often.

    An image counts as right when its best-scored label is one that it carries. A label with one
    image is left out of the count: no method could know it.

    From 30 such images on the head is taken unless another is surely better, before that the vote.
    With one label there is nothing to be right about, and the vote alone says how near an image is.

    Args:
        vectors: float32 (n, dim), n at least 1, centered unit rows.
        targets: float32 (n, labels).
        pool: float32 (m, dim), images without a label, for the graph.

    Cost: under a second of one core, however many images are labeled: beyond 1,000, as many of them
    stand for all. Ties go to the earlier of ``CANDIDATES``.
    """
    some = evenly(len(vectors), MOST_ASKED)
    vectors, targets = vectors[some], targets[some]
    pool = None if pool is None else pool[evenly(len(pool), MOST_POOL)]
    rows = _asked(targets)
    if len(rows) < LEAST_LABELED or int(targets.any(axis=0).sum()) < 2:
        return Choice(_VOTE, len(rows), 0, 0)
    found = _left_out(vectors, targets, rows, pool)
    right = {method: _right(scores, targets[rows]) for method, scores in found}
    first: Method = _HEAD if len(rows) >= LEAST_FOR_HEAD else _VOTE
    best = first
    for method in CANDIDATES:
        if _surely_better(right[method], right[first]) and right[method].sum() > right[best].sum():
            best = method
    return Choice(best, len(rows), int((~right[best]).sum()), int((~right[_VOTE]).sum()))


def _asked(targets: Targets) -> NDArray[np.int64]:
    counts = targets.sum(axis=0)
    return np.flatnonzero((targets[:, counts > 1] > 0).any(axis=1))


def _left_out(
    vectors: NDArray[np.float32],
    targets: Targets,
    rows: NDArray[np.int64],
    pool: NDArray[np.float32] | None,
) -> Iterator[tuple[Method, NDArray[np.float32]]]:
    """What each of ``CANDIDATES`` says of rows that are left out; one search for all votes."""
    most = max(method.k for method in CANDIDATES if isinstance(method, NeighbourVote))
    voting = NeighbourVote(most).fit(vectors, targets)
    hits = voting.hits_of_others(rows)
    for method in CANDIDATES:
        if isinstance(method, NeighbourVote):
            yield method, voting.counted(hits, method)
        else:
            yield method, method.fit(vectors, targets, pool=pool).leave_one_out(rows)


def _right(scores: NDArray[np.float32], targets: Targets) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = targets[np.arange(len(targets)), scores.argmax(axis=1)] > 0
    found &= scores.max(axis=1) > 0
    return found


def _surely_better(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """McNemar's test: only images on which the two differ say which is better."""
    won, lost = int((one & ~other).sum()), int((other & ~one).sum())
    return won - lost > CERTAIN * math.sqrt(max(1, won + lost))
