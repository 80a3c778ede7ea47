"""Labeled images of projects in pgvector: written by workers, asked once they are there.

The rows of the project may lie in any database: the sets are in a PostgreSQL started for the tests.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.conf import LazySettings

from projects import tasks
from projects.models import Embedding, Image, Project
from projects.models.pgvector import SETS
from projects.services import collections, index_choice, pgvector
from projects.services.indexes import labeled_index
from similarity.index.tuning import recall
from tests.similarity.index import pgvector as server
from tests.similarity.index.made import made, plain_search

from .test_graphs import add_images, raise_revision

pytestmark = pytest.mark.django_db

N = 600


@pytest.fixture(autouse=True)
def _sets(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sets from 100 labeled images on, in the tests' own PostgreSQL."""
    server.new_table()
    settings.DATA_FOLDER = tmp_path
    settings.LABELING_INDEX = "pgvector"
    monkeypatch.setattr(index_choice, "PGVECTOR_AT_LEAST", 100)
    monkeypatch.setattr(pgvector, "connect", server.connect)
    monkeypatch.setattr(pgvector, "is_database", lambda: True)
    monkeypatch.setattr(pgvector, "_is_prepared", False)
    server.connect().execute(f"DELETE FROM {SETS}")


@pytest.fixture
def labeled_project(project: Project) -> Project:
    Project.objects.filter(pk=project.pk).update(encoder="drawn", encoder_version="1")
    project.refresh_from_db()
    add_images(project, made(N).vectors)
    return project


def set_ids() -> list[int]:
    return [row[0] for row in server.connect().execute(f"SELECT id FROM {SETS}")]


def assert_finds_the_nearest(project: Project) -> None:
    labeled = collections.labeled(project)
    queries, itself = labeled.centered(slice(None, None, 7)), labeled.image_ids[::7]
    found = labeled_index(project).search(queries, k=10, itself=itself)
    assert recall(found, plain_search(labeled.searched, queries, k=10, itself=itself)) >= 0.98


def test_exact_search_answers_until_a_worker_has_written(labeled_project: Project):
    assert labeled_index(labeled_project).name == "exact"
    assert pgvector.behind() == [labeled_project.pk]
    tasks.write_pgvector(labeled_project.pk)
    assert labeled_index(labeled_project).name == "pgvector"
    assert pgvector.behind() == []
    assert_finds_the_nearest(labeled_project)


def test_the_same_index_answers_until_something_changes(labeled_project: Project):
    pgvector.write(labeled_project.pk)
    index = labeled_index(labeled_project)
    assert labeled_index(labeled_project) is index
    pgvector.write(labeled_project.pk)
    assert labeled_index(labeled_project) is index


def test_labels_given_and_taken_count_at_once_and_are_written_later(labeled_project: Project):
    pgvector.write(labeled_project.pk)
    taken = int(collections.labeled(labeled_project).image_ids[3])
    Image.objects.filter(pk=taken).update(is_labeled=False)
    new = add_images(labeled_project, made(40, seed=5).vectors)
    index = labeled_index(labeled_project)
    assert (index.name, index.lacking, len(index)) == ("pgvector", 40, N + 39)
    whole = collections.collection(labeled_project)
    found = index.search(whole.centered(whole.rows([*new, taken])), k=1).image_ids[:, 0].tolist()
    assert found[:-1] == new
    assert found[-1] != taken
    before = set_ids()
    assert pgvector.behind() == [labeled_project.pk]
    pgvector.write(labeled_project.pk)
    assert set_ids() == before, "added to, not written anew"
    assert labeled_index(labeled_project).lacking == 0
    assert_finds_the_nearest(labeled_project)


def test_with_too_many_that_it_lacks_exact_search_answers(
    labeled_project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pgvector, "MOST_LACKING", 39)
    pgvector.write(labeled_project.pk)
    add_images(labeled_project, made(40, seed=5).vectors)
    assert labeled_index(labeled_project).name == "exact"


def test_where_the_mean_has_moved_it_is_written_anew(labeled_project: Project):
    pgvector.write(labeled_project.pk)
    before = set_ids()
    add_images(labeled_project, -made(2 * N, seed=9).vectors, is_labeled=False)
    assert labeled_index(labeled_project).name == "exact"
    pgvector.write(labeled_project.pk)
    assert len(set_ids()) == 1
    assert set_ids() != before
    assert labeled_index(labeled_project).name == "pgvector"
    assert_finds_the_nearest(labeled_project)


def test_vectors_of_another_encoder_are_never_asked_about(labeled_project: Project):
    pgvector.write(labeled_project.pk)
    Project.objects.filter(pk=labeled_project.pk).update(encoder="another")
    Embedding.objects.update(encoder="another")
    raise_revision(labeled_project)
    assert labeled_index(labeled_project).name == "exact"
    pgvector.write(labeled_project.pk)
    assert labeled_index(labeled_project).name == "pgvector"
    assert len(set_ids()) == 1


def test_few_labeled_images_are_not_written(project: Project):
    add_images(project, made(99).vectors)
    assert pgvector.behind() == []
    assert not pgvector.write(project.pk)
    assert labeled_index(project).name == "exact"


def test_one_worker_at_a_time_writes_for_a_project(labeled_project: Project):
    with (
        psycopg.connect(server.database(), autocommit=True) as other,
        other.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [pgvector._ALONE, labeled_project.pk])
        assert not pgvector.write(labeled_project.pk)
        assert set_ids() == []
        cursor.execute("SELECT pg_advisory_unlock_all()")
        assert pgvector.write(labeled_project.pk)


def test_what_a_killed_worker_left_is_cleared_away(labeled_project: Project):
    labeled = collections.labeled(labeled_project)
    table = pgvector.PgvectorTable(server.connect, labeled_project.pk, "drawn 1")
    left = table.write(labeled.searched, labeled_project.revision)
    assert labeled_index(labeled_project).name == "exact"
    pgvector.write(labeled_project.pk)
    assert left.id not in set_ids()


def test_sets_of_projects_that_are_gone_or_searched_otherwise_are_removed(
    labeled_project: Project, settings: LazySettings
):
    pgvector.write(labeled_project.pk)
    assert pgvector.remove_unused() == 0
    settings.LABELING_INDEX = "auto"
    assert labeled_index(labeled_project).name == "exact"
    assert pgvector.remove_unused() == 1
    assert set_ids() == []


def test_the_sweep_has_what_is_behind_written(labeled_project: Project, monkeypatch):
    queued: list[int] = []
    monkeypatch.setattr(tasks.write_pgvector, "delay", queued.append)
    tasks.sweep()
    assert queued == [labeled_project.pk]


def test_where_the_database_is_another_nothing_is_asked_of_it(
    labeled_project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pgvector, "is_database", lambda: False)
    assert labeled_index(labeled_project).name == "exact"
    assert (pgvector.behind(), pgvector.remove_unused()) == ([], 0)
    assert not pgvector.write(labeled_project.pk)


def test_a_set_that_finds_too_little_is_not_asked_and_not_written_again(labeled_project: Project):
    pgvector.write(labeled_project.pk)
    before = set_ids()
    server.connect().execute(f"UPDATE {SETS} SET recall = 0.5")
    assert labeled_index(labeled_project).name == "exact"
    add_images(labeled_project, made(5, seed=4).vectors)
    pgvector.write(labeled_project.pk)
    assert labeled_index(labeled_project).name == "exact"
    assert (set_ids(), pgvector.behind()) == (before, [])
