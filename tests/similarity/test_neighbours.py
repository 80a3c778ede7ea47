"""Exact search, against the plain definition."""

from __future__ import annotations

import numpy as np
import pytest

from similarity import neighbours
from similarity.neighbours import Hits, nearest


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def plain_nearest(
    queries: np.ndarray, labeled: np.ndarray, *, k: int, exclude: np.ndarray | None = None
) -> Hits:
    """What `nearest` means, one query after another."""
    rows = np.full((len(queries), k), -1, np.int64)
    similarities = np.zeros((len(queries), k), np.float32)
    for q in range(len(queries)):
        own = -1 if exclude is None else exclude[q]
        cosines = queries[q : q + 1] @ labeled.T
        found = [(-cosines[0, row], row) for row in range(len(labeled)) if row != own]
        for at, (minus, row) in enumerate(sorted(found)[:k]):
            rows[q, at] = row
            similarities[q, at] = min(1.0, max(0.0, -minus))
    return Hits(rows, similarities)


def whole_numbers(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Rows whose products are exact in float32 and often tied."""
    return rng.integers(-2, 3, shape).astype(np.float32) / 8


@pytest.mark.parametrize("k", [1, 3, 10, 40, 90])
@pytest.mark.parametrize("block", [1, 100, 4_000_000])
def test_it_is_the_plain_definition_with_ties_by_row(
    k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_BLOCK_NUMBERS", block)
    rng = np.random.default_rng(k)
    labeled, queries = whole_numbers(rng, (40, 6)), whole_numbers(rng, (13, 6))
    exclude = rng.integers(-1, 40, 13)
    hits = nearest(queries, labeled, k=k, exclude=exclude)
    plain = plain_nearest(queries, labeled, k=k, exclude=exclude)
    np.testing.assert_array_equal(hits.rows, plain.rows)
    np.testing.assert_array_equal(hits.similarities, plain.similarities)
    assert (hits.rows.dtype, hits.similarities.dtype) == (np.int64, np.float32)


def test_a_query_is_never_its_own_hit() -> None:
    labeled = unit(np.random.default_rng(0).normal(size=(30, 16)))
    hits = nearest(labeled, labeled, k=30, exclude=np.arange(30))
    assert not (hits.rows == np.arange(30)[:, None]).any()
    assert (hits.rows[:, -1] == -1).all()


def test_a_query_that_is_not_labeled_may_equal_a_hit() -> None:
    labeled = unit(np.random.default_rng(0).normal(size=(30, 16)))
    hits = nearest(labeled[4:5], labeled, k=1, exclude=np.array([-1]))
    assert hits.rows.tolist() == [[4]]
    assert 0.999 < hits.similarities[0, 0] <= 1.0


def test_three_hundred_equal_images_come_by_row() -> None:
    labeled = np.repeat(unit(np.ones((1, 8))), 300, axis=0)
    assert nearest(labeled[:1], labeled, k=10).rows.tolist() == [list(range(10))]


def test_fewer_labeled_images_than_k_are_padded() -> None:
    labeled = unit(np.array([[1.0, 0.0], [0.0, 1.0]]))
    hits = nearest(labeled[:1], labeled, k=4)
    assert hits.rows.tolist() == [[0, 1, -1, -1]]
    assert hits.similarities.tolist() == [[1.0, 0.0, 0.0, 0.0]]


def test_no_labeled_image_and_no_query_are_no_error() -> None:
    none = np.empty((0, 4), np.float32)
    some = unit(np.ones((2, 4)))
    assert (nearest(some, none, k=3).rows == -1).all()
    assert nearest(none, some, k=3).rows.shape == (0, 3)


def test_opposites_have_similarity_zero_and_still_their_order() -> None:
    labeled = unit(np.array([[-1.0, 0.0], [-1.0, 1.0]]))
    hits = nearest(unit(np.array([[1.0, 0.0]])), labeled, k=2)
    assert hits.rows.tolist() == [[1, 0]]
    assert hits.similarities.tolist() == [[0.0, 0.0]]


def test_a_row_of_zeros_is_similar_to_nothing() -> None:
    labeled = unit(np.random.default_rng(0).normal(size=(5, 8)))
    hits = nearest(np.zeros((1, 8), np.float32), labeled, k=2)
    assert hits.rows.tolist() == [[0, 1]]
    assert not hits.similarities.any()


@pytest.mark.parametrize(("dim", "k"), [(8, 0), (7, 1)])
def test_nonsense_is_refused(dim: int, k: int) -> None:
    with pytest.raises(ValueError, match="must"):
        nearest(np.zeros((1, dim), np.float32), np.zeros((1, 8), np.float32), k=k)
