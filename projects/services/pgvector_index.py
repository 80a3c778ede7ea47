"""Search by pgvector: candidates from PostgreSQL, similarities from the vectors themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from similarity.index import ExactIndex, Found, Searched

from .pgvector_table import MOST_FOUND, Candidates, PgvectorTable, VectorSet

_SPARE = 8
"""Candidates beyond k, for those that are not searched any more or that half precision or a mean
that has moved puts a place too low."""


class PgvectorIndex:
    """An index whose candidates come from a set in PostgreSQL.

    Images that the set lacks, because they were labeled after it was written, are compared exactly
    beside it, so that a label counts at once and no request writes into a graph. The similarities
    are computed from the collection's own vectors. Where the set has too few images that are still
    searched, everything is compared: a set that is out of date costs time, never a wrong number or
    a missing row of the answer.
    """

    name = "pgvector"

    def __init__(self, searched: Searched, table: PgvectorTable, there: VectorSet | None) -> None:
        """Take what is searched, and a set of it if there is one."""
        self._searched, self._table, self._there = searched, table, there
        self._exact = ExactIndex(searched)
        self._by_id = np.argsort(searched.image_ids, kind="stable")
        everything = np.arange(len(searched))
        self._lacking = table.difference(there, searched)[1] if there else everything
        self._beside = ExactIndex(
            Searched(
                searched.image_ids[self._lacking],
                searched.rows[self._lacking],
                searched.vectors,
                searched.centering,
            )
        )

    @property
    def lacking(self) -> int:
        """How many images the set does not have: each search compares with them all."""
        return len(self._lacking)

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
        there, count = self._there, k + 1 + _SPARE
        if there is None or not self._can_be_asked(there, queries, k):
            return self._exact.search(queries, k=k, itself=itself)
        own = np.full(len(queries), -1) if itself is None else self._places(itself)
        candidates = self._table.candidates(there, queries, count=count)
        if candidates is None:
            return self._exact.search(queries, k=k, itself=itself)
        beside = _pairs(self._beside.search(queries, k=count))
        found = self._ranked(queries, _together(candidates, beside), own, k)
        # The query itself is none of those that can be found.
        there_are = np.minimum(k, len(self) - (own >= 0))
        short = np.flatnonzero((found.image_ids >= 0).sum(axis=1) < there_are)
        if len(short):
            rest = None if itself is None else itself[short]
            exact = self._exact.search(queries[short], k=k, itself=rest)
            found.image_ids[short], found.similarities[short] = exact
        return found

    def _can_be_asked(self, there: VectorSet, queries: NDArray[np.float32], k: int) -> bool:
        if k < 1 or not len(queries) or queries.shape[1] != there.dim:
            return False
        has_some = self.lacking < len(self)
        return has_some and not (there.has_graph and k + 1 + _SPARE > MOST_FOUND)

    def _places(self, image_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each image stands among those that are searched, -1 where it does not."""
        known = self._searched.image_ids
        at = np.searchsorted(known, image_ids, sorter=self._by_id)
        places = self._by_id[np.minimum(at, len(known) - 1)]
        return np.where(known[places] == image_ids, places, -1)

    def _ranked(
        self,
        queries: NDArray[np.float32],
        candidates: Candidates,
        own: NDArray[np.int64],
        k: int,
    ) -> Found:
        """Return the best k candidates of each query by their true similarities."""
        places = self._places(candidates.image_ids)
        kept = (places >= 0) & (places != own[candidates.queries])
        lines, places = candidates.queries[kept], places[kept]
        values = self._similarities(queries, lines, places)
        order = np.lexsort((places, -values, lines))
        lines, places, values = lines[order], places[order], values[order]
        rank = np.arange(len(lines)) - np.searchsorted(lines, lines)
        best = rank < k
        at = lines[best], rank[best]
        found = Found(
            np.full((len(queries), k), -1, np.int64), np.zeros((len(queries), k), np.float32)
        )
        found.image_ids[at] = self._searched.image_ids[places[best]]
        found.similarities[at] = values[best].clip(0.0, 1.0)
        return found

    def _similarities(
        self, queries: NDArray[np.float32], lines: NDArray[np.int64], places: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Cosine after centering of each pair of a query and a searched row."""
        distinct, which = np.unique(places, return_inverse=True)
        rows = self._searched.rows[distinct]
        centered = self._searched.centering.apply(self._searched.vectors[rows])
        values = np.empty(len(lines), np.float32)
        for line in np.unique(lines):
            pairs = lines == line
            values[pairs] = centered[which[pairs]] @ queries[line]
        return values


def _pairs(found: Found) -> Candidates:
    lines, at = np.nonzero(found.image_ids >= 0)
    return Candidates(lines, found.image_ids[lines, at])


def _together(some: Candidates, others: Candidates) -> Candidates:
    """Return pairs of both, each once: another process may have written what is compared beside."""
    pairs = np.unique(np.concatenate((np.stack(some, 1), np.stack(others, 1))), axis=0)
    return Candidates(pairs[:, 0], pairs[:, 1])
