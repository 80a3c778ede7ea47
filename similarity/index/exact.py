"""Exact search: every searched image is compared, in the rows as they are, without a copy."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from similarity.index.base import Found, Searched
from similarity.index.best import Best
from similarity.index.places import Places
from similarity.pages import LARGE, let_go

_BLOCK_ROWS = 4_096
"""Rows compared at once: 100 queries make 1.6 MB of similarities, which stay in cache. Blocks of
1,024 to 16,384 were within 2 % of one product of everything."""
_MOST_QUERIES = 1_024
"""Queries compared at once: 16 MB of similarities."""
_FEW_QUERIES = 32
_HOLES = 1.2
"""Rows multiplied for each one that is searched, up to which a run with holes is multiplied whole.
Gathering a row takes a fifth of its product with 100 queries."""
_HOLES_OF_FEW = 2.0
"""The same for a few queries, where the product itself only waits for memory."""
_NEAR_THE_MEAN = 0.25
"""Rows that centering leaves shorter than this are centered before they are multiplied: for them
the difference of two products loses digits, 1e-7 / 0.25. Nearly all of a project's rows keep a
length of 0.6 to 0.9."""


class ExactIndex:
    """Compares with every row: recall 1, nothing to build, nothing that goes out of date.

    Memory: 16 MB at most beside the rows, which may be mapped from a file.

    Cost: the product of queries and rows, and 5 to 20 % more; see benchmarks/suggest.py.
    """

    name = "exact"

    def __init__(self, searched: Searched, *, lengths: NDArray[np.float32] | None = None) -> None:
        """Take what is searched.

        Args:
            lengths: float32 (n,), `Centering.lengths` of the whole collection, for who keeps them;
                else those of the searched rows are measured at the first search.
        """
        self._searched = searched
        self._lengths = None if lengths is None else lengths[searched.rows]
        self._places: Places | None = None

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
        if k < 1:
            raise ValueError("k must be at least 1")
        found = Found(
            np.full((len(queries), k), -1, np.int64), np.zeros((len(queries), k), np.float32)
        )
        if not len(self):
            return found
        if queries.shape[1] != self._searched.vectors.shape[1]:
            raise ValueError("queries and searched embeddings must have the same dimension")
        own = np.full(len(queries), -1) if itself is None else self._known_places().of(itself)
        for start in range(0, len(queries), _MOST_QUERIES):
            part = slice(start, start + _MOST_QUERIES)
            best = self._best(queries[part], min(k, len(self)), own[part])
            there, ids = best.columns >= 0, self._searched.image_ids[best.columns]
            found.image_ids[part, : best.k] = np.where(there, ids, -1)
            found.similarities[part, : best.k] = np.where(there, best.values.clip(0.0, 1.0), 0.0)
        return found

    def _best(self, queries: NDArray[np.float32], k: int, own: NDArray[np.int64]) -> Best:
        centering = self._searched.centering
        shift = np.float32(centering.weight) * (queries @ centering.mean)[:, np.newaxis]
        best = Best(len(queries), k)
        for start, products in self._products(queries):
            block = slice(start, start + products.shape[1])
            self._cosines(queries, products, shift, block)
            itself = np.flatnonzero((own >= block.start) & (own < block.stop))
            products[itself, own[itself] - start] = -np.inf
            best.see(products, start=start)
        return best

    def _products(self, queries: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield where each block starts, and its products with the rows as they are."""
        holes = _HOLES_OF_FEW if len(queries) < _FEW_QUERIES else _HOLES
        vectors = self._searched.vectors
        is_large = len(self) * vectors.shape[1] * vectors.itemsize > LARGE
        for start in range(0, len(self), _BLOCK_ROWS):
            rows = self._searched.rows[start : start + _BLOCK_ROWS]
            first, end = int(rows[0]), int(rows[-1]) + 1
            near = vectors[first:end]
            if end - first == len(rows):
                yield start, queries @ near.T
            elif end - first <= holes * len(rows):
                yield start, (queries @ near.T).take(rows - first, axis=1)
            else:
                yield start, queries @ vectors[rows].T
            if is_large:
                let_go(near)

    def _cosines(
        self,
        queries: NDArray[np.float32],
        products: NDArray[np.float32],
        shift: NDArray[np.float32],
        block: slice,
    ) -> None:
        """Make cosines after centering out of products with the rows as they are."""
        lengths = self._known_lengths()[block]
        products -= shift
        products *= _inverse(lengths)
        if len(near := np.flatnonzero((lengths < _NEAR_THE_MEAN) & (lengths > 0))):
            rows = self._searched.rows[block][near]
            centered = self._searched.centering.apply(self._searched.vectors[rows])
            products[:, near] = queries @ centered.T

    def _known_places(self) -> Places:
        if self._places is None:
            self._places = Places(self._searched.image_ids)
        return self._places

    def _known_lengths(self) -> NDArray[np.float32]:
        if self._lengths is None:
            parts = [
                self._searched.centering.lengths(self._searched.vectors[rows])
                for rows in np.split(
                    self._searched.rows, range(_BLOCK_ROWS, len(self), _BLOCK_ROWS)
                )
            ]
            self._lengths = np.concatenate(parts)
        return self._lengths


def _inverse(lengths: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / length, and 0 for a row without any: it is similar to nothing."""
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
