"""What every index answers, whatever it is made of: one contract, run over each of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from similarity.index import ExactIndex, Index, Searched

from .graphs import hnsw_of
from .made import DIM, everything, made, plain_search, queries_of, similarity_of, some
from .pgvector import pgvector

Make = Callable[[Searched], Index]

INDEXES: dict[str, Make] = {
    "exact": ExactIndex,
    "hnswlib": hnsw_of,
    "pgvector": pgvector,
}
"""By name: what makes an index of what is searched. Another index joins with a line here."""

LEAST_RECALL = 0.98
"""Of 10 neighbours, found by an index that may miss some."""


@pytest.fixture(params=INDEXES)
def make(request: pytest.FixtureRequest) -> Make:
    return INDEXES[request.param]


def assert_true_similarities(searched: Searched, queries: np.ndarray, index: Index) -> None:
    found = index.search(queries, k=10)
    for query, ids, similarities in zip(queries, *found, strict=True):
        true = [similarity_of(searched, query, i) for i in ids.tolist() if i >= 0]
        np.testing.assert_allclose(similarities[: len(true)], true, atol=1e-6)


def test_it_says_its_name_and_how_much_it_searches(make: Make) -> None:
    index = make(made(30))
    assert INDEXES[index.name] is make
    assert len(index) == 30


def test_it_finds_the_nearest_of_all(make: Make) -> None:
    searched = made(600)
    queries = queries_of(searched, 50)
    found = make(searched).search(queries, k=10)
    plain = plain_search(searched, queries, k=10)
    there = [
        len(set(ours) & set(true)) / 10
        for ours, true in zip(found.image_ids.tolist(), plain.image_ids.tolist(), strict=True)
    ]
    assert np.mean(there) >= LEAST_RECALL
    assert (found.image_ids.dtype, found.similarities.dtype) == (np.int64, np.float32)
    assert found.image_ids.shape == found.similarities.shape == (50, 10)


def test_the_nearest_comes_first_and_no_image_twice(make: Make) -> None:
    searched = made(400)
    found = make(searched).search(queries_of(searched, 20), k=15)
    assert (np.diff(found.similarities, axis=1) <= 0).all()
    assert all(len(set(ids)) == 15 for ids in found.image_ids.tolist())
    assert ((found.similarities >= 0) & (found.similarities <= 1)).all()


def test_similarities_are_exact(make: Make) -> None:
    searched = made(500)
    assert_true_similarities(searched, queries_of(searched, 25), make(searched))


def test_similarities_are_exact_where_all_images_look_alike(make: Make) -> None:
    rng = np.random.default_rng(3)
    rows = np.ones((300, DIM)) + rng.normal(scale=1e-3, size=(300, DIM))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    searched = everything(vectors, np.arange(1, 301))
    queries = searched.centering.apply(vectors[:20])
    assert_true_similarities(searched, queries, make(searched))


def test_a_query_is_never_its_own_hit(make: Make) -> None:
    searched = made(120)
    queries = searched.centering.apply(searched.vectors)
    found = make(searched).search(queries, k=10, itself=searched.image_ids)
    assert not (found.image_ids == searched.image_ids[:, np.newaxis]).any()
    assert (found.image_ids >= 0).all(), "another takes its place"


def test_an_image_that_is_none_of_them_excludes_nothing(make: Make) -> None:
    searched = made(40)
    queries = searched.centering.apply(searched.vectors[:3])
    itself = np.array([0, 77_777_777, searched.image_ids[9]])
    found = make(searched).search(queries, k=1, itself=itself)
    assert found.image_ids[:, 0].tolist() == searched.image_ids[:3].tolist()
    np.testing.assert_allclose(found.similarities[:, 0], 1.0, atol=1e-6)


def test_fewer_than_k_are_padded(make: Make) -> None:
    searched = made(7)
    queries = queries_of(searched, 5)
    found = make(searched).search(queries, k=12)
    assert (np.sort(found.image_ids[:, :7], axis=1) == np.sort(searched.image_ids)).all()
    assert (found.image_ids[:, 7:] == -1).all()
    assert (found.similarities[:, 7:] == 0).all()
    without = make(searched).search(queries, k=7, itself=np.full(5, searched.image_ids[2]))
    assert (without.image_ids[:, 6] == -1).all()
    assert (without.image_ids[:, :6] >= 0).all()


def test_all_there_are_may_be_asked_for(make: Make) -> None:
    searched = made(300)
    found = make(searched).search(queries_of(searched, 4), k=300)
    assert (np.sort(found.image_ids, axis=1) == np.sort(searched.image_ids)).all()


def test_nothing_searched_and_nothing_asked_are_no_error(make: Make) -> None:
    searched = made(20)
    nothing = make(some(searched, np.empty(0, np.int64)))
    assert len(nothing) == 0
    found = nothing.search(queries_of(searched, 5), k=3, itself=np.arange(5))
    assert (found.image_ids == -1).all()
    assert (found.similarities == 0).all()
    none = make(searched).search(np.empty((0, DIM), np.float32), k=3)
    assert none.image_ids.shape == none.similarities.shape == (0, 3)


def test_a_query_without_direction_is_similar_to_nothing(make: Make) -> None:
    searched = made(200)
    queries = queries_of(searched, 5)
    queries[3] = 0
    found = make(searched).search(queries, k=5)
    assert (found.similarities[3] == 0).all()
    assert (found.similarities[[0, 1, 2, 4]] > 0).all()


def test_an_image_that_is_the_mean_is_similar_to_nothing(make: Make) -> None:
    vectors = made(50).vectors.copy()
    searched = everything(vectors, np.arange(1, 51))
    centering = searched.centering
    vectors[11] = np.float32(centering.weight) * centering.mean
    found = make(searched).search(centering.apply(vectors), k=50)
    assert (found.similarities[found.image_ids == 12] == 0).all()
    assert np.isfinite(found.similarities).all()


def test_all_of_300_exact_duplicates_are_found(make: Make) -> None:
    vectors = made(900).vectors.copy()
    vectors[300:600] = vectors[10]
    searched = everything(vectors, np.arange(1, 901))
    queries = searched.centering.apply(vectors[10:11])
    found = make(searched).search(queries, k=301)
    wanted = {11, *range(301, 601)}
    assert set(found.image_ids[0].tolist()) == wanted
    np.testing.assert_allclose(found.similarities, 1.0, atol=1e-6)


def test_duplicates_do_not_hide_the_others(make: Make) -> None:
    vectors = made(900).vectors.copy()
    vectors[300:600] = vectors[10]
    searched = everything(vectors, np.arange(1, 901))
    queries = queries_of(searched, 40)
    found, plain = make(searched).search(queries, k=10), plain_search(searched, queries, k=10)
    # By similarity and not by id: which of equal ones is found is up to the index.
    good = found.similarities >= plain.similarities[:, -1:] - 1e-6
    assert good.mean() >= LEAST_RECALL


@pytest.mark.parametrize("step", [2, 7, 60])
def test_only_the_given_rows_of_the_collection_are_found(make: Make, step: int) -> None:
    whole = made(900)
    searched = some(whole, np.arange(3, 900, step))
    queries = queries_of(whole, 30)
    index = make(searched)
    found, plain = index.search(queries, k=10), plain_search(searched, queries, k=10)
    assert len(index) == len(searched)
    assert set(found.image_ids.ravel().tolist()) <= set(searched.image_ids.tolist())
    assert (found.image_ids == plain.image_ids).mean() >= LEAST_RECALL
    assert_true_similarities(searched, queries, index)


@pytest.mark.parametrize("dim", [DIM - 1, DIM + 1])
def test_another_dimension_is_refused(make: Make, dim: int) -> None:
    with pytest.raises(ValueError, match="dimension"):
        make(made(20)).search(np.ones((2, dim), np.float32), k=3)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(make: Make, k: int) -> None:
    searched = made(20)
    with pytest.raises(ValueError, match="at least 1"):
        make(searched).search(queries_of(searched, 2), k=k)


def test_threads_that_search_at_once_get_what_one_gets(make: Make) -> None:
    searched = made(700)
    index = make(searched)
    asked = [queries_of(searched, 10, seed=seed) for seed in range(2, 18)]
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(lambda queries: index.search(queries, k=10), asked))
    for queries, found in zip(asked, at_once, strict=True):
        alone = index.search(queries, k=10)
        np.testing.assert_array_equal(found.image_ids, alone.image_ids)
        np.testing.assert_array_equal(found.similarities, alone.similarities)


def test_what_is_searched_is_not_changed(make: Make) -> None:
    searched = made(100)
    searched.vectors.flags.writeable = False
    before = searched.vectors.copy()
    queries = queries_of(searched, 10)
    asked = queries.copy()
    make(searched).search(queries, k=5)
    np.testing.assert_array_equal(searched.vectors, before)
    np.testing.assert_array_equal(queries, asked)
