"""The labeled images nearest to each query, found exactly."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK_NUMBERS = 4_000_000
"""Similarities held at once: 16 MB, which keeps the block near the processor's cache."""


class Hits(NamedTuple):
    """Neighbours of q queries, the most similar first.

    ``rows`` is int64 (q, k), rows of the labeled array, -1 where there are fewer than k.
    ``similarities`` is float32 (q, k) in 0..1, 0.0 where there are fewer than k.
    """

    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]


def nearest(
    queries: NDArray[np.float32],
    labeled: NDArray[np.float32],
    *,
    k: int,
    exclude: NDArray[np.int64] | None = None,
) -> Hits:
    """Find the ``k`` most similar labeled rows of each query by comparing with all of them.

    Args:
        queries: float32 (q, dim), centered unit rows.
        labeled: float32 (n, dim), centered unit rows; n may be 0.
        k: at least 1; more than n is no error.
        exclude: int64 (q,), the row of ``labeled`` that is the query itself, -1 where it is none.

    Returns:
        Hits with cosine clipped to 0..1. Equal similarities (before clipping) by lower row.

    Raises:
        ValueError: ``k`` below 1, or other dimensions in ``queries`` than in ``labeled``.

    Cost: q x n x dim multiplications; memory 16 MB and the result. One thread: 100 queries in 0.2 s
    at 55,000 x 1,280.
    """
    if k < 1:
        raise ValueError("k must be at least 1")
    if queries.shape[1] != labeled.shape[1]:
        raise ValueError("queries and labeled embeddings must have the same dimension")
    rows = np.full((len(queries), k), -1, np.int64)
    similarities = np.zeros((len(queries), k), np.float32)
    step = max(1, _BLOCK_NUMBERS // max(1, len(labeled)))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        products = queries[part] @ labeled.T
        excluded = None if exclude is None else exclude[part]
        _take_best(products, excluded, rows[part], similarities[part])
    return Hits(rows, similarities)


def _take_best(
    products: NDArray[np.float32],
    excluded: NDArray[np.int64] | None,
    rows: NDArray[np.int64],
    similarities: NDArray[np.float32],
) -> None:
    """Write the best columns of ``products`` (b, n) into ``rows`` and ``similarities`` (b, k)."""
    if excluded is not None:
        itself = np.flatnonzero(excluded >= 0)
        products[itself, excluded[itself]] = -np.inf
    if rows.shape[1] == 1 and products.shape[1]:
        # The loop below took 1.2 s for 10,000 queries, more than their products.
        best = products.argmax(axis=1)
        top = products[np.arange(len(products)), best]
        rows[:, 0] = np.where(top > -np.inf, best, -1)
        similarities[:, 0] = np.clip(top, 0.0, 1.0)
        return
    for at, line in enumerate(products):
        best = _best_columns(line, rows.shape[1])
        rows[at, : len(best)] = best
        similarities[at, : len(best)] = np.clip(line[best], 0.0, 1.0)


def _best_columns(line: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Columns of the ``k`` greatest numbers, greatest first, ties by column, -inf left out."""
    if k < len(line):
        least = np.partition(line, len(line) - k)[len(line) - k]
        above = np.flatnonzero(line > least)
        # Partitioning alone keeps any of the columns tied at the edge; the lowest are wanted.
        tied = np.flatnonzero(line == least)[: k - len(above)]
        columns = np.concatenate((above, tied))
    else:
        columns = np.arange(len(line))
    columns = columns[line[columns] > -np.inf]
    best: NDArray[np.int64] = columns[np.lexsort((columns, -line[columns]))]
    return best
