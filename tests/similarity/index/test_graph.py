"""What a graph has after it grew, against the plain list of what is searched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from similarity.centering import Centering
from similarity.index import Searched
from similarity.index import graph as graphs
from similarity.index.graph import AT_ONCE, Graph, MadeBy, digest_of, fits, grow, lacks, room_for

from .graphs import MADE_BY, graph_of
from .made import DIM, everything, made, some


def assert_has_exactly(graph: Graph, searched: Searched) -> None:
    """The graph has these images, each at the point of its vector, and hides all other points."""
    assert graph.image_ids.tolist() == sorted(searched.image_ids.tolist())
    point_of = dict(zip(graph.image_ids.tolist(), graph.points.tolist(), strict=True))
    for image_id, row in zip(searched.image_ids.tolist(), searched.rows, strict=True):
        vector = searched.vectors[row]
        assert graph.digests[point_of[image_id]].tobytes() == digest_of(vector)
    carried = set(point_of.values())
    assert [point not in carried for point in range(len(graph))] == graph.hidden.tolist()
    assert graph.index.get_current_count() == len(graph)
    assert len({digest.tobytes() for digest in graph.digests}) == len(graph)


def test_it_has_what_is_searched() -> None:
    searched = made(700)
    assert_has_exactly(grow(None, searched, MADE_BY), searched)


def test_equal_vectors_are_one_point() -> None:
    vectors = made(400).vectors.copy()
    vectors[100:300] = vectors[7]
    searched = everything(vectors, np.arange(1, 401))
    graph = grow(None, searched, MADE_BY)
    assert len(graph) == 200
    assert_has_exactly(graph, searched)


def test_it_grows_by_what_is_new_and_hides_what_left() -> None:
    whole = made(1_200)
    graph = grow(None, some(whole, np.arange(800)), MADE_BY)
    later = some(whole, np.arange(100, 1_200))
    grown = grow(graph, later, MADE_BY)
    assert grown.index is graph.index, "built anew"
    assert grown.hidden.sum() == 100
    assert_has_exactly(grown, later)


def test_what_comes_back_is_no_second_point() -> None:
    whole = made(500)
    graph = grow(None, whole, MADE_BY)
    graph = grow(graph, some(whole, np.arange(50, 500)), MADE_BY)
    graph = grow(graph, whole, MADE_BY)
    assert len(graph) == 500
    assert_has_exactly(graph, whole)


def test_a_point_stays_until_its_last_image_left() -> None:
    vectors = made(300).vectors.copy()
    vectors[20] = vectors[10]
    whole = everything(vectors, np.arange(1, 301))
    graph = grow(None, whole, MADE_BY)
    graph = grow(graph, some(whole, np.delete(np.arange(300), 10)), MADE_BY)
    assert not graph.hidden.any()
    graph = grow(graph, some(whole, np.delete(np.arange(300), [10, 20])), MADE_BY)
    assert graph.hidden.sum() == 1


def test_it_grows_beyond_its_room() -> None:
    whole = made(4_000)
    graph = grow(None, some(whole, np.arange(200)), MADE_BY)
    assert room_for(200) < 4_000
    graph = grow(graph, whole, MADE_BY)
    assert_has_exactly(graph, whole)
    assert graph.index.get_max_elements() >= 4_000


def test_what_is_interrupted_goes_on_and_ends_the_same() -> None:
    whole = made(5 * AT_ONCE)
    at_once = grow(None, whole, MADE_BY)
    graph, steps = None, 0
    while graph is None or lacks(graph, whole):
        graph = grow(graph, whole, MADE_BY, go_on=lambda: False)
        steps += 1
        assert lacks(graph, whole) == len(whole) - steps * AT_ONCE
    assert steps == 5
    assert_has_exactly(graph, whole)
    np.testing.assert_array_equal(graph.points, at_once.points)


def test_two_threads_make_a_graph_of_the_same_images() -> None:
    whole = made(1_500)
    assert_has_exactly(grow(None, whole, MADE_BY, threads=2), whole)


def test_it_is_built_anew_for_another_encoder() -> None:
    whole = made(300)
    graph = grow(None, whole, MADE_BY)
    assert grow(graph, whole, MadeBy("drawn", "2", DIM)).index is not graph.index


def test_it_is_built_anew_where_centering_drifted() -> None:
    whole = made(300)
    graph = grow(None, whole, MADE_BY)
    mean = whole.centering.mean.copy()
    mean[0] += 0.1
    assert grow(graph, replace(whole, centering=Centering(mean, 1.0)), MADE_BY) is not None
    nearer = replace(whole, centering=Centering(mean, whole.centering.weight))
    assert grow(graph, nearer, MADE_BY).index is graph.index
    mean[0] += 1.0
    drifted = replace(whole, centering=Centering(mean, whole.centering.weight))
    assert graph.drift(drifted.centering) > graphs.MOST_DRIFT
    assert grow(graph, drifted, MADE_BY).index is not graph.index


def test_it_is_built_anew_where_too_many_points_are_hidden() -> None:
    whole = made(600)
    graph = grow(grow(None, whole, MADE_BY), some(whole, np.arange(300)), MADE_BY)
    assert graph.hidden_share == 0.5
    again = grow(graph, some(whole, np.arange(299)), MADE_BY)
    assert again.index is not graph.index
    assert len(again) == 299


def test_it_is_built_anew_for_other_vectors_under_the_same_ids() -> None:
    whole, other = made(300), made(300, seed=5)
    graph = grow(None, whole, MADE_BY)
    assert fits(graph, whole)
    swapped = Searched(whole.image_ids, whole.rows, other.vectors, whole.centering)
    assert not fits(graph, swapped)
    assert grow(graph, swapped, MADE_BY).index is not graph.index


@pytest.mark.parametrize("dim", [DIM, 400])
def test_a_sketch_keeps_products_as_far_as_it_has_directions(dim: int) -> None:
    searched = made(900, dim=dim)
    graph = grow(None, searched, MadeBy("drawn", "1", dim))
    centered = searched.centering.apply(searched.vectors)
    sketched = graph.sketched(centered)
    assert sketched.shape == (900, min(dim, graphs.SKETCH))
    # Directions are at right angles: a sketch is never longer, and here nearly all is in it.
    lengths = np.linalg.norm(sketched, axis=1)
    assert (lengths <= 1 + 1e-5).all()
    assert lengths.mean() > (0.999 if dim == DIM else 0.9)


def test_an_image_without_direction_has_a_point_too() -> None:
    vectors = made(60).vectors.copy()
    searched = everything(vectors, np.arange(1, 61))
    centering = Centering(vectors[5].copy(), 1.0)
    searched = replace(searched, centering=centering)
    assert not centering.apply(vectors[5:6]).any()
    assert_has_exactly(graph_of(searched), searched)
