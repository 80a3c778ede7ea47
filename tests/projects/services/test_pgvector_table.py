"""What is kept of searched images in a real PostgreSQL: sets with their graphs, and keeping up."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models.pgvector import SETS, SKETCHES
from projects.services.pgvector_index import PgvectorIndex
from projects.services.pgvector_table import PgvectorTable, SketchSet
from similarity.index import Searched
from similarity.index.tuning import recall
from tests.similarity.index.made import made, plain_search, queries_of, some
from tests.similarity.index.pgvector import connect, new_table, published


@pytest.fixture
def table() -> PgvectorTable:
    return new_table()


def another_process(table: PgvectorTable) -> PgvectorTable:
    return PgvectorTable(connect, table._project_id, table._encoder)


def stored(there: SketchSet) -> list[int]:
    found = connect().execute(
        f"SELECT image_id FROM {SKETCHES} WHERE set_id = %s ORDER BY image_id", [there.id]
    )
    return [row[0] for row in found]


def assert_finds_what_is_nearest(
    table: PgvectorTable, there: SketchSet, searched: Searched, queries: np.ndarray
) -> None:
    assert_same(PgvectorIndex(searched, table, there), searched, queries)


def assert_same(index: PgvectorIndex, searched: Searched, queries: np.ndarray) -> None:
    found, plain = index.search(queries, k=5), plain_search(searched, queries, k=5)
    assert recall(found, plain) >= 0.98
    same = found.image_ids == plain.image_ids
    np.testing.assert_allclose(found.similarities[same], plain.similarities[same], atol=1e-6)
    assert all(len(set(ids)) == 5 for ids in found.image_ids.tolist())


def scans_of_graph(there: SketchSet) -> int:
    connect().execute("SELECT pg_stat_force_next_flush()")
    found = connect().execute(
        "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = %s", [there.graph_name]
    )
    return found.fetchone()[0]


def test_a_set_is_used_once_it_is_published(table: PgvectorTable):
    searched = made(20)
    there = table.write(searched, revision=4)
    assert table.newest() is None
    there = table.publish(there, breadth=200, recall=0.99)
    for newest in (table.newest(), another_process(table).newest()):
        assert (newest.id, newest.revision, newest.dim) == (there.id, 4, 32)
        assert (newest.breadth, newest.recall) == (200, 0.99)
        np.testing.assert_array_equal(newest.shift, there.shift)
        np.testing.assert_array_equal(newest.directions, there.directions)


def test_a_new_set_takes_the_place_of_the_old_one(table: PgvectorTable):
    old = published(table, made(20))
    new = published(table, made(30), revision=2)
    assert table.newest().id == new.id
    assert stored(old) == []
    graphs = connect().execute(
        "SELECT count(*) FROM pg_indexes WHERE indexname = %s", [old.graph_name]
    )
    assert graphs.fetchone() == (0,)


def test_sets_of_other_projects_stay(table: PgvectorTable):
    other = new_table()
    theirs = published(other, made(10))
    published(table, made(20))
    table.drop()
    assert table.newest() is None
    assert len(stored(theirs)) == 10


def test_vectors_of_another_encoder_are_not_used(table: PgvectorTable):
    published(table, made(10))
    assert PgvectorTable(connect, table._project_id, "another").newest() is None


def test_newly_labeled_images_are_found_and_removed_ones_are_not(table: PgvectorTable):
    whole = made(300)
    before, after = some(whole, np.arange(0, 200)), some(whole, np.arange(50, 300))
    there = published(table, before)
    there = table.catch_up(there, after, revision=2)
    assert stored(there) == sorted(after.image_ids.tolist())
    assert (there.revision, table.newest().stamp) == (2, there.stamp)
    assert_finds_what_is_nearest(table, there, after, queries_of(whole, 20))


def test_catching_up_with_nothing_new_writes_no_vector(table: PgvectorTable):
    searched = made(50)
    there = published(table, searched)
    later = table.catch_up(there, searched, revision=9)
    assert (later.stamp, later.revision) == (there.stamp, 9)


def test_what_another_process_wrote_is_known(table: PgvectorTable):
    whole = made(60)
    parts = [some(whole, np.arange(n)) for n in (20, 30, 60)]
    there = published(table, parts[0])
    there = another_process(table).catch_up(there, parts[1], revision=2)
    there = table.catch_up(there, parts[2], revision=3)
    assert stored(there) == sorted(whole.image_ids.tolist())


def test_an_older_snapshot_takes_nothing_away(table: PgvectorTable):
    whole = made(60)
    older = some(whole, np.arange(20))
    there = table.catch_up(published(table, older), whole, revision=5)
    assert another_process(table).catch_up(there, older, revision=4).revision == 5
    assert len(stored(there)) == 60


def test_what_was_rolled_back_is_not_taken_for_written(table: PgvectorTable):
    whole = made(40)
    there = published(table, some(whole, np.arange(20)))
    with connect().transaction(force_rollback=True):
        table.catch_up(there, whole, revision=2)
    there = table.catch_up(table.newest(), whole, revision=2)
    assert len(stored(there)) == 40


@pytest.mark.parametrize("written", [1, 7, 200, 399])
def test_images_that_a_set_lacks_are_found_all_the_same(table: PgvectorTable, written: int):
    whole = made(400)
    behind = published(table, some(whole, np.arange(written)))
    assert PgvectorIndex(whole, table, behind).lacking == 400 - written
    assert_finds_what_is_nearest(table, behind, whole, queries_of(whole, 10))


def test_an_index_whose_set_is_dropped_meanwhile_finds_everything_all_the_same(
    table: PgvectorTable,
):
    whole = made(400)
    index = PgvectorIndex(whole, table, published(table, some(whole, np.arange(300))))
    table.drop()
    assert_same(index, whole, queries_of(whole, 10))


def test_an_index_whose_set_takes_in_more_meanwhile_finds_nothing_twice(table: PgvectorTable):
    whole = made(400)
    there = published(table, some(whole, np.arange(300)))
    index = PgvectorIndex(whole, table, there)
    another_process(table).catch_up(there, whole, revision=2)
    assert_same(index, whole, queries_of(whole, 10))


@pytest.mark.parametrize("step", [2, 40])
def test_images_that_are_not_searched_any_more_are_not_found(table: PgvectorTable, step: int):
    whole = made(400)
    there = published(table, whole)
    fewer = some(whole, np.arange(0, 400, step))
    assert_finds_what_is_nearest(table, there, fewer, queries_of(whole, 9))


def test_the_graph_is_what_is_searched(table: PgvectorTable):
    searched = made(500)
    there = published(table, searched)
    assert scans_of_graph(there) == 0
    assert_finds_what_is_nearest(table, there, searched, queries_of(searched, 10))
    assert scans_of_graph(there) == 10


def test_a_graph_takes_in_what_is_labeled_later(table: PgvectorTable):
    whole = made(400)
    there = published(table, some(whole, np.arange(300)))
    there = table.catch_up(there, whole, revision=2)
    queries = whole.centering.apply(whole.vectors[300:])
    found = PgvectorIndex(whole, table, there).search(queries, k=1)
    assert found.image_ids[:, 0].tolist() == whole.image_ids[300:].tolist()
    assert scans_of_graph(there) == 100


def test_a_search_leaves_no_setting_behind_in_a_transaction_around_it(table: PgvectorTable):
    searched = made(300)
    index = PgvectorIndex(searched, table, published(table, searched))
    with connect().transaction():
        index.search(queries_of(searched, 5), k=5)
        assert connect().execute("SHOW enable_sort").fetchone() == ("on",)
        assert connect().execute("SHOW hnsw.ef_search").fetchone() == ("40",)


def test_a_set_can_be_written_in_a_transaction(table: PgvectorTable):
    searched = made(300)
    with connect().transaction():
        there = published(table, searched)
    assert_finds_what_is_nearest(table, there, searched, queries_of(searched, 5))


@pytest.mark.parametrize("dim", [3, 256, 257, 512])
def test_vectors_of_any_dimension_are_found(table: PgvectorTable, dim: int):
    searched = made(250, dim=dim)
    there = published(table, searched)
    assert there.directions.shape == (dim, min(dim, 256))
    assert_finds_what_is_nearest(table, there, searched, queries_of(searched, 5))
    assert scans_of_graph(there) == 5


def test_projects_of_different_dimensions_lie_side_by_side(table: PgvectorTable):
    published(table, made(250, dim=16))
    other, searched = new_table(), made(250, dim=48)
    there = published(other, searched)
    assert_finds_what_is_nearest(other, there, searched, queries_of(searched, 5))


def test_drift_is_how_far_the_mean_has_moved(table: PgvectorTable):
    searched = made(50)
    there = published(table, searched)
    assert there.drift(searched.centering) == 0
    moved = searched.centering.apply(searched.vectors)  # any other collection
    other = type(searched.centering).fit(moved)
    expected = other.weight * other.mean - searched.centering.weight * searched.centering.mean
    assert there.drift(other) == pytest.approx(np.linalg.norm(expected), abs=1e-6)


def test_tables_are_made_where_they_are_missing_and_only_there(table: PgvectorTable):
    there = published(table, made(10))
    table.prepare()
    assert len(stored(there)) == 10
    with connect().transaction(force_rollback=True):
        connect().execute(f"DROP TABLE {SKETCHES}, {SETS}")
        table.prepare()
        assert table.newest() is None
