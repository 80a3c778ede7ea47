"""Exact search in the rows as they are, against the plain definition over centered copies."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.index import ExactIndex, Searched, exact
from similarity.index.best import Best

from .made import everything, made, plain_search, queries_of, some


def assert_plain(searched: Searched, queries: np.ndarray, k: int, itself: np.ndarray) -> None:
    found = ExactIndex(searched).search(queries, k=k, itself=itself)
    plain = plain_search(searched, queries, k=k, itself=itself)
    np.testing.assert_array_equal(found.image_ids, plain.image_ids)
    np.testing.assert_allclose(found.similarities, plain.similarities, atol=1e-6)


@pytest.mark.parametrize("k", [1, 10, 700])
@pytest.mark.parametrize("block", [1, 64, 4_096])
@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("step", [1, 2, 3, 40])
def test_it_is_the_plain_definition(
    k: int, block: int, queries: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "_BLOCK_ROWS", block)
    monkeypatch.setattr(exact, "_MOST_QUERIES", 16)
    whole = made(500)
    searched = some(whole, np.arange(0, 500, step))
    itself = np.where(np.arange(queries) % 2, whole.image_ids[:queries], 0)
    assert_plain(searched, queries_of(whole, queries), k, itself)


def test_runs_with_few_holes_are_searched_without_the_holes() -> None:
    whole = made(500)
    rows = np.delete(np.arange(500), [0, 7, 8, 250, 499])
    assert_plain(some(whole, rows), queries_of(whole, 40), 495, np.zeros(40, np.int64))


def test_lengths_that_are_kept_give_the_same() -> None:
    whole = made(300)
    searched = some(whole, np.arange(5, 300, 3))
    lengths = whole.centering.lengths(whole.vectors)
    queries = queries_of(whole, 9)
    found = ExactIndex(searched, lengths=lengths).search(queries, k=10)
    plain = ExactIndex(searched).search(queries, k=10)
    np.testing.assert_array_equal(found.image_ids, plain.image_ids)
    np.testing.assert_array_equal(found.similarities, plain.similarities)


def test_equal_images_come_by_row() -> None:
    vectors = np.zeros((30, 4), np.float32)
    vectors[:10, 0], vectors[10:, 1] = 1, 1
    searched = everything(vectors, np.arange(30, 0, -1))
    query = searched.centering.apply(vectors[20:21])
    found = ExactIndex(searched).search(query, k=5)
    assert found.image_ids.tolist() == [[20, 19, 18, 17, 16]]


@pytest.mark.parametrize("values", [3, 1_000])
@pytest.mark.parametrize("k", [1, 7, 60])
@pytest.mark.parametrize("width", [1, 5, 50])
def test_the_best_of_blocks_are_those_of_a_sort(values: int, k: int, width: int) -> None:
    rng = np.random.default_rng(k * width)
    numbers = rng.integers(0, values, (6, 60)).astype(np.float32)
    numbers[rng.random(numbers.shape) < 0.1] = -np.inf
    numbers[4] = np.sort(numbers[4])
    best = Best(6, k)
    for start in range(0, 60, width):
        best.see(numbers[:, start : start + width], start=start)
    for line, columns, greatest in zip(numbers, best.columns, best.values, strict=True):
        plain = sorted((-v, at) for at, v in enumerate(line) if v > -np.inf)[:k]
        assert columns[: len(plain)].tolist() == [at for _, at in plain]
        assert greatest[: len(plain)].tolist() == [-v for v, _ in plain]
        assert (columns[len(plain) :] == -1).all()
