"""Search by pgvector: candidates from PostgreSQL, similarities from the vectors themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from similarity.index import ExactIndex, Found, Searched
from similarity.index.cosines import cosines_at
from similarity.index.hnsw import fetched, lengths_of
from similarity.index.places import Places

from .pgvector_table import MOST_FOUND, Candidates, PgvectorTable, SketchSet


class PgvectorIndex:
    """An index whose candidates come from a set in PostgreSQL.

    Images that the set lacks, because they were labeled after it was written, are compared exactly
    beside it, so that a label counts at once and no request writes into a graph. The similarities
    are computed from the collection's own vectors. Where the set has too few images that are still
    searched, everything is compared: a set that is out of date costs time, never a wrong number or
    a missing row of the answer.
    """

    name = "pgvector"

    def __init__(
        self,
        searched: Searched,
        table: PgvectorTable,
        there: SketchSet,
        *,
        lengths: NDArray[np.float32] | None = None,
    ) -> None:
        """Take what is searched, and a set of it.

        Args:
            lengths: float32 (n,), `Centering.lengths` of the whole collection, for who keeps them.
        """
        self.there = there
        self._searched, self._table = searched, table
        self._lengths = lengths_of(searched) if lengths is None else lengths[searched.rows]
        self._exact = ExactIndex(searched, lengths=lengths)
        self._places = Places(searched.image_ids)
        _, lacking = table.difference(there, searched)
        self.lacking = len(lacking)
        """How many images the set does not have: each search compares with them all."""
        beside = Searched(
            searched.image_ids[lacking],
            searched.rows[lacking],
            searched.vectors,
            searched.centering,
        )
        self._beside = ExactIndex(beside, lengths=lengths)

    def __len__(self) -> int:
        return len(self._searched)

    def search(
        self,
        queries: NDArray[np.float32],
        *,
        k: int,
        itself: NDArray[np.int64] | None = None,
    ) -> Found:
        """Find the ``k`` most similar images, as `Index.search` says; equal ones by lower row."""
        count = fetched(k, self.there.breadth)
        candidates = None
        if k >= 1 and len(queries) and self._can_be_asked(queries.shape[1], count):
            candidates = self._table.candidates(self.there, queries, count=count)
        if candidates is None:
            return self._exact.search(queries, k=k, itself=itself)
        own = np.full(len(queries), -1) if itself is None else self._places.of(itself)
        beside = _pairs(self._beside.search(queries, k=k + 1))
        found = self._ranked(queries, _together(candidates, beside), own, k)
        # The query itself is none of those that can be found.
        there_are = np.minimum(k, len(self) - (own >= 0))
        short = np.flatnonzero((found.image_ids >= 0).sum(axis=1) < there_are)
        if len(short):
            rest = None if itself is None else itself[short]
            exact = self._exact.search(queries[short], k=k, itself=rest)
            found.image_ids[short], found.similarities[short] = exact
        return found

    def _can_be_asked(self, dim: int, count: int) -> bool:
        """Not where nearly all would be candidates: comparing all is as good, and misses none."""
        written = len(self) - self.lacking
        return dim == self.there.dim and count <= min(MOST_FOUND, written // 2)

    def _ranked(
        self,
        queries: NDArray[np.float32],
        candidates: Candidates,
        own: NDArray[np.int64],
        k: int,
    ) -> Found:
        """Return the best k candidates of each query by their true similarities."""
        places = self._places.of(candidates.image_ids)
        kept = (places >= 0) & (places != own[candidates.queries])
        grid = _grid(candidates.queries[kept], places[kept], len(queries))
        cosines = cosines_at(self._searched, queries, np.maximum(grid, 0), lengths=self._lengths)
        cosines[grid < 0] = -np.inf
        order = np.lexsort((grid, -cosines), axis=1)[:, :k]
        best, values = np.take_along_axis(grid, order, 1), np.take_along_axis(cosines, order, 1)
        found = Found(
            np.full((len(queries), k), -1, np.int64), np.zeros((len(queries), k), np.float32)
        )
        there, width = best >= 0, best.shape[1]
        found.image_ids[:, :width] = np.where(there, self._searched.image_ids[best], -1)
        found.similarities[:, :width] = np.where(there, values.clip(0.0, 1.0), 0.0)
        return found


def _pairs(found: Found) -> Candidates:
    lines, at = np.nonzero(found.image_ids >= 0)
    return Candidates(lines, found.image_ids[lines, at])


def _together(some: Candidates, others: Candidates) -> Candidates:
    """Return pairs of both, each once, sorted: another process may have written what is compared
    beside."""
    pairs = np.unique(np.concatenate((np.stack(some, 1), np.stack(others, 1))), axis=0)
    return Candidates(pairs[:, 0], pairs[:, 1])


def _grid(lines: NDArray[np.int64], places: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return int64 (n, c): the places of each line, -1 behind its last. `lines` is ascending."""
    rank = np.arange(len(lines)) - np.searchsorted(lines, lines)
    grid = np.full((n, int(rank.max(initial=-1)) + 1), -1, np.int64)
    grid[lines, rank] = places
    return grid
