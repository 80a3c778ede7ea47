"""How much a graph looks at is raised until it finds enough, and said where it never does."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.index import Found, tuning
from similarity.index.graph import MadeBy, grow
from similarity.index.hnsw import HnswIndex
from similarity.index.tuning import recall, tuned

from .made import everything, plain_search


def scattered(n: int, dim: int) -> np.ndarray:
    """Unit rows without any neighbourhood: the worst there is for a graph and for a sketch."""
    rows = np.random.default_rng(0).normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_recall_is_the_share_of_true_neighbours_and_equally_near_ones_count() -> None:
    true = Found(np.array([[1, 2, 3]]), np.array([[0.9, 0.5, 0.5]], np.float32))
    ids = np.array([[1, 4, 5]])
    assert recall(Found(ids, np.array([[0.9, 0.5, 0.4]], np.float32)), true) == pytest.approx(2 / 3)
    assert recall(Found(ids, np.array([[0.9, 0.5, 0.5]], np.float32)), true) == 1.0
    few = Found(np.array([[1, 2, -1]]), np.array([[0.9, 0.5, 0.0]], np.float32))
    assert recall(few, few) == 1.0
    none = Found(np.array([[-1, -1, -1]]), np.zeros((1, 3), np.float32))
    assert recall(none, few) == 0.0


def test_breadth_is_raised_until_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = everything(scattered(3_000, 300), np.arange(3_000) + 1)
    graph = grow(None, searched, MadeBy("drawn", "1", 300))
    monkeypatch.setattr(tuning, "BREADTHS", (20, 40, 80, 160, 320, 640))
    graph = tuned(graph, searched)
    assert graph.breadth > 20
    assert graph.recall >= tuning.ENOUGH_RECALL
    assert graph.speed > 0, "not measured"
    rows = np.arange(1, 3_000, 17)
    queries, ids = searched.centering.apply(searched.vectors[rows]), searched.image_ids[rows]
    found = HnswIndex(graph, searched).search(queries, k=10, itself=ids)
    assert recall(found, plain_search(searched, queries, k=10, itself=ids)) >= 0.97


def test_where_no_breadth_is_enough_the_index_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = everything(scattered(3_000, 300), np.arange(3_000) + 1)
    graph = grow(None, searched, MadeBy("drawn", "1", 300))
    monkeypatch.setattr(tuning, "BREADTHS", (2, 4))
    graph = tuned(graph, searched)
    assert graph.recall < 0.98
    assert HnswIndex(graph, searched).is_stale
