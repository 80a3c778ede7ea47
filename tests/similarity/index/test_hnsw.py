"""Approximate search beside exact search, where images come, leave, and look the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from similarity.centering import Centering
from similarity.index import Found, Searched, hnsw
from similarity.index.cosines import cosines_at
from similarity.index.graph import Graph, grow
from similarity.index.hnsw import HnswIndex, lengths_of
from similarity.index.tuning import recall

from .graphs import MADE_BY, graph_of
from .made import everything, made, plain_search, queries_of, some

N = 1_500


@pytest.fixture(scope="module")
def whole() -> Searched:
    return made(N)


@pytest.fixture(scope="module")
def graph(whole: Searched) -> Graph:
    return graph_of(whole)


class _NoExactSearch:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def search(self, *_: object, **__: object) -> Found:
        raise AssertionError("exact search was asked")


@pytest.fixture
def without_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No query is answered by exact search: what is found, the graph and its tail found."""
    monkeypatch.setattr(hnsw, "ExactIndex", _NoExactSearch)


def assert_finds_what_exact_search_finds(
    index: HnswIndex, searched: Searched, *, k: int = 10, least: float = 0.98
) -> None:
    queries = queries_of(searched, 60)
    found, plain = index.search(queries, k=k), plain_search(searched, queries, k=k)
    assert recall(found, plain) >= least
    same = found.image_ids == plain.image_ids
    np.testing.assert_allclose(
        found.similarities[same], plain.similarities[same], atol=1e-6, rtol=0
    )


@pytest.mark.usefixtures("without_exact")
@pytest.mark.parametrize("k", [1, 10, 100])
def test_the_graph_alone_finds_the_nearest(whole: Searched, graph: Graph, k: int) -> None:
    assert_finds_what_exact_search_finds(HnswIndex(graph, whole), whole, k=k)


@pytest.mark.usefixtures("without_exact")
def test_a_new_image_is_found_at_once(whole: Searched) -> None:
    index = HnswIndex(graph_of(some(whole, np.arange(1_200))), some(whole, np.arange(1_200)))
    later = index.synced(whole)
    assert (index.tail, later.tail) == (0, 300)
    assert_finds_what_exact_search_finds(later, whole)
    own = whole.centering.apply(whole.vectors[1_400:1_401])
    assert later.search(own, k=1).image_ids.tolist() == [[whole.image_ids[1_400]]]
    assert index.search(own, k=1).image_ids.tolist() != [[whole.image_ids[1_400]]]


@pytest.mark.usefixtures("without_exact")
def test_an_image_that_left_is_found_no_more(whole: Searched, graph: Graph) -> None:
    stays = np.flatnonzero(np.arange(N) % 10 != 3)
    index = HnswIndex(graph, whole).synced(some(whole, stays))
    assert index.gone == pytest.approx(0.1)
    assert_finds_what_exact_search_finds(index, some(whole, stays))
    left = whole.centering.apply(whole.vectors[3:4])
    assert whole.image_ids[3] not in index.search(left, k=10).image_ids


def test_where_all_around_left_exact_search_answers(whole: Searched, graph: Graph) -> None:
    queries = queries_of(whole, 1)
    near = plain_search(whole, queries, k=200).image_ids[0]
    stays = some(whole, np.flatnonzero(~np.isin(whole.image_ids, near)))
    found = HnswIndex(graph, stays).search(queries, k=10)
    np.testing.assert_array_equal(found.image_ids, plain_search(stays, queries, k=10).image_ids)


@pytest.mark.usefixtures("without_exact")
def test_many_queries_are_answered_in_parts(
    whole: Searched, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, queries = HnswIndex(graph, whole), queries_of(whole, 30)
    at_once = index.search(queries, k=7, itself=whole.image_ids[:30])
    monkeypatch.setattr(hnsw, "_MOST_QUERIES", 8)
    in_parts = index.search(queries, k=7, itself=whole.image_ids[:30])
    np.testing.assert_array_equal(in_parts.image_ids, at_once.image_ids)
    np.testing.assert_allclose(in_parts.similarities, at_once.similarities, atol=1e-6)


def test_where_a_large_part_is_asked_for_exact_search_answers(
    whole: Searched, graph: Graph
) -> None:
    queries = queries_of(whole, 3)
    found = HnswIndex(graph, whole).search(queries, k=400)
    np.testing.assert_array_equal(found.image_ids, plain_search(whole, queries, k=400).image_ids)


def test_where_hnswlib_reaches_too_few_exact_search_answers(whole: Searched) -> None:
    # A point that is marked behind the graph's back is one it counts on and never gets.
    graph = graph_of(whole)
    for point in range(N - 20):
        graph.index.mark_deleted(point)
    queries = queries_of(whole, 5)
    found = HnswIndex(graph, whole).search(queries, k=10)
    np.testing.assert_array_equal(found.image_ids, plain_search(whole, queries, k=10).image_ids)


def test_duplicates_come_by_row_and_take_the_place_of_each_other() -> None:
    vectors = made(N).vectors.copy()
    twins = np.arange(700, 1_000)
    vectors[twins] = vectors[40]
    searched = everything(vectors, np.arange(N) + 5)
    index = HnswIndex(graph_of(searched), searched)
    query = searched.centering.apply(vectors[40:41])
    found = index.search(query, k=10)
    assert found.image_ids[0].tolist() == [45, *(twins[:9] + 5).tolist()]
    without = index.search(query, k=10, itself=np.array([705]))
    assert (
        without.image_ids[0].tolist()
        == [45, *(twins[:10] + 5).tolist()][:1]
        + [image_id for image_id in (twins[:11] + 5).tolist() if image_id != 705][:9]
    )


@pytest.mark.usefixtures("without_exact")
def test_duplicates_cost_the_others_no_recall() -> None:
    vectors = made(N).vectors.copy()
    vectors[500:800] = vectors[40]
    searched = everything(vectors, np.arange(N) + 5)
    assert_finds_what_exact_search_finds(HnswIndex(graph_of(searched), searched), searched)


@pytest.mark.usefixtures("without_exact")
def test_the_first_of_duplicates_leaves_and_the_others_stay() -> None:
    vectors = made(N).vectors.copy()
    vectors[[600, 900]] = vectors[40]
    searched = everything(vectors, np.arange(N) + 5)
    graph = graph_of(searched)
    fewer = some(searched, np.delete(np.arange(N), 40))
    query = searched.centering.apply(vectors[40:41])
    found = HnswIndex(graph, fewer).search(query, k=2)
    assert found.image_ids.tolist() == [[605, 905]]


@pytest.mark.usefixtures("without_exact")
def test_similarities_are_those_of_the_present_centering(whole: Searched, graph: Graph) -> None:
    mean = whole.centering.mean + np.float32(0.02)
    moved = replace(whole, centering=Centering(mean, whole.centering.weight))
    assert graph.drift(moved.centering) > 0.1
    assert_finds_what_exact_search_finds(HnswIndex(graph, moved), moved)


def test_it_is_stale_where_the_graph_is_no_good_answer_any_more(
    whole: Searched, graph: Graph
) -> None:
    index = HnswIndex(graph, whole)
    assert not index.is_stale
    assert HnswIndex(replace(graph, recall=0.97), whole).is_stale
    stays = some(whole, np.arange(int(0.75 * N)))
    assert index.synced(stays).is_stale, "too many left"
    far = Centering(whole.centering.mean + np.float32(0.2), whole.centering.weight)
    assert index.synced(replace(whole, centering=far)).is_stale, "centering drifted"


def test_it_is_stale_with_a_long_tail(whole: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    part = some(whole, np.arange(1_400))
    index = HnswIndex(graph_of(part), whole)
    assert not index.is_stale
    monkeypatch.setattr(hnsw, "MOST_TAIL", 99)
    assert index.is_stale


def test_many_ask_while_others_move_on_and_the_graph_on_disk_grows(whole: Searched) -> None:
    part = some(whole, np.arange(1_200))
    index = HnswIndex(graph_of(part), part)
    queries = queries_of(whole, 20)
    before = index.search(queries, k=10)

    def ask(turn: int) -> bool:
        rows = np.flatnonzero(np.arange(N) % 11 != turn % 11)
        moved = index.synced(some(whole, rows))
        plain = plain_search(some(whole, rows), queries, k=10)
        again = index.search(queries, k=10)
        return recall(moved.search(queries, k=10), plain) >= 0.98 and bool(
            (again.image_ids == before.image_ids).all()
        )

    with ThreadPoolExecutor(6) as threads:
        growing = threads.submit(grow, None, whole, MADE_BY)
        assert all(threads.map(ask, range(30)))
        assert len(growing.result()) == N


def test_lengths_that_are_kept_are_used_as_they_are(whole: Searched, graph: Graph) -> None:
    part = some(whole, np.arange(0, N, 2))
    lengths = whole.centering.lengths(whole.vectors)
    np.testing.assert_array_equal(lengths_of(part), lengths[::2])
    queries = queries_of(whole, 10)
    given = HnswIndex(graph, part, lengths=lengths).search(queries, k=10)
    measured = HnswIndex(graph, part).search(queries, k=10)
    np.testing.assert_array_equal(given.image_ids, measured.image_ids)


def test_cosines_are_the_products_of_centered_rows(whole: Searched) -> None:
    rng = np.random.default_rng(4)
    vectors = whole.vectors.copy()
    subtracted = np.float32(whole.centering.weight) * whole.centering.mean
    vectors[7] = subtracted
    vectors[8:20] = subtracted + rng.normal(scale=1e-3, size=(12, vectors.shape[1]))
    searched = Searched(whole.image_ids, whole.rows, vectors, whole.centering)
    queries = queries_of(whole, 30)
    at = rng.integers(N, size=(30, 40))
    at[:, :13] = np.arange(7, 20)
    cosines = cosines_at(searched, queries, at, lengths=lengths_of(searched))
    plain = np.einsum("qd,qcd->qc", queries, whole.centering.apply(vectors)[at])
    np.testing.assert_allclose(cosines, plain, atol=1e-6)
