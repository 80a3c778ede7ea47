"""How much a graph looks at, so that it finds what exact search finds: measured, not hoped."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from similarity.index.base import Found, Index, Searched
from similarity.index.exact import ExactIndex
from similarity.index.graph import Graph
from similarity.index.hnsw import HnswIndex

BREADTHS = (100, 200, 400, 800)
"""Tried in turn. Doubling it costs three quarters more time. Source:
docs/decisions/0062-hnswlib.md."""
ENOUGH_RECALL = 0.985
"""What is tuned for. A sample of 300 queries is off by 0.3 points, and no graph below
`LEAST_RECALL`, 0.98, may pass for one above."""
SAMPLE = 300
K = 10


def tuned(graph: Graph, searched: Searched) -> Graph:
    """Raise a graph's breadth until it finds `ENOUGH_RECALL` of what exact search finds.

    Measured on a sample of what it has, asked as a person asks: the ten nearest but itself. The
    graph must not be in use: its breadth is a setting that hnswlib keeps.

    Returns:
        The graph with its breadth, recall and speed; the recall is too low where no breadth was
        enough. Speed is of processor time, so that others who use the machine do not count.

    Cost: exact search for 300 queries, 1 s at 100,000 x 1,280, and less for each breadth.
    """
    rows, ids = _sample(graph, searched)
    queries = searched.centering.apply(searched.vectors[rows])
    exact = ExactIndex(searched)
    exact.search(queries[:1], k=K)  # what is measured once, at the first search, is no part of it
    true, exact_seconds = _timed(exact, queries, ids)
    for breadth in BREADTHS:
        graph.index.set_ef(breadth)
        graph = replace(graph, breadth=breadth)
        found, seconds = _timed(HnswIndex(graph, searched), queries, ids)
        graph = replace(graph, recall=recall(found, true), speed=exact_seconds / max(seconds, 1e-9))
        if graph.recall >= ENOUGH_RECALL:
            break
    return graph


def _timed(
    index: Index, queries: NDArray[np.float32], itself: NDArray[np.int64]
) -> tuple[Found, float]:
    start = time.thread_time()
    found = index.search(queries, k=K, itself=itself)
    return found, time.thread_time() - start


def recall(found: Found, true: Found) -> float:
    """Return the share of the true neighbours that were found, 0..1; equally near ones count."""
    there = true.image_ids >= 0
    if not there.any():
        return 1.0
    least = np.where(there, true.similarities, np.inf).min(axis=1, keepdims=True)
    near = (found.image_ids >= 0) & (found.similarities >= least - np.float32(1e-6))
    return float(near.sum() / there.sum())


def _sample(graph: Graph, searched: Searched) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    has = np.flatnonzero(np.isin(searched.image_ids, graph.image_ids))
    at = has[:: max(1, len(has) // SAMPLE)][:SAMPLE]
    return searched.rows[at], searched.image_ids[at]
