"""The default method: the nearest labeled images vote."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from similarity.methods.base import FloatArray, Rows, Targets, shares
from similarity.neighbours import Hits, nearest
from similarity.suggest import TEMPERATURE


@dataclass(frozen=True)
class NeighbourVote:
    """The vote of ``similarity.suggest.vote``, for many queries at once and unrounded.

    Args:
        k: how many hits vote, at least 1.
        temperature: how much a nearer hit outweighs a farther one.

    Source: DESIGN.md, section 5.
    """

    k: int = 10
    temperature: float = TEMPERATURE
    name = "neighbours"

    def fit(
        self, vectors: FloatArray, targets: Targets, *, pool: FloatArray | None = None
    ) -> "FittedVote":
        """Keep the labeled images; an image without a label has no vote."""
        voting = np.flatnonzero(targets.any(axis=1))
        return FittedVote(self, vectors, targets, voting)


@dataclass(frozen=True)
class FittedVote:
    """See ``similarity.methods.base.Fitted``."""

    method: NeighbourVote
    vectors: FloatArray
    targets: Targets
    voting: NDArray[np.int64]

    def scores(self, queries: FloatArray) -> FloatArray:
        return self.counted(self._search(queries, None), self.method)

    def leave_one_out(self, rows: Rows | None = None) -> FloatArray:
        return self.counted(self.hits_of_others(rows), self.method)

    def hits_of_others(self, rows: Rows | None = None) -> Hits:
        """Search for labeled images among the other ones; methods of fewer hits can count these."""
        itself = np.full(len(self.vectors), -1, np.int64)
        itself[self.voting] = np.arange(len(self.voting))
        rows = np.arange(len(self.vectors)) if rows is None else rows
        return self._search(self.vectors[rows], itself[rows])

    def counted(self, hits: Hits, method: NeighbourVote) -> FloatArray:
        """Count the votes of the first hits, as many as ``method`` has, with its temperature."""
        first = Hits(hits.rows[:, : method.k], hits.similarities[:, : method.k])
        return count_votes(first, self.targets[self.voting], temperature=method.temperature)

    def _search(self, queries: FloatArray, itself: NDArray[np.int64] | None) -> Hits:
        k = max(1, min(self.method.k, len(self.voting)))
        return nearest(queries, self.vectors[self.voting], k=k, exclude=itself)


def count_votes(hits: Hits, targets: Targets, *, temperature: float) -> FloatArray:
    """Return float32 (q, labels): share of the vote times similarity of the best hit.

    Args:
        hits: neighbours of q queries, rows of ``targets``; -1 where there is none.
        targets: float32 (n, labels), each row with at least one label; n may be 0.
        temperature: of the softmax over the hits.

    Cost: memory of q x k x labels numbers at most 64 MB at a time.
    """
    found = np.zeros((len(hits.rows), targets.shape[1]), np.float32)
    if not len(targets):
        return found
    step = max(1, _BLOCK_NUMBERS // max(1, hits.rows.shape[1] * targets.shape[1]))
    for start in range(0, len(found), step):
        part = slice(start, start + step)
        there = hits.rows[part] >= 0
        similarities = np.where(there, hits.similarities[part], np.float32(-np.inf))
        carried = targets[hits.rows[part]] * there[..., np.newaxis]
        weights = shares(similarities, temperature=temperature)
        voted = np.einsum("qk,qkl->ql", weights, carried)
        nearest_of = (carried * hits.similarities[part][..., np.newaxis]).max(axis=1, initial=0.0)
        found[part] = voted * nearest_of
    return np.clip(found, 0.0, 1.0)


_BLOCK_NUMBERS = 16_000_000
