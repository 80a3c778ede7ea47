"""Graphs of labeled images: grown by workers, loaded when there; exact search meanwhile."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.utils import timezone

from projects import tasks
from projects.models import Embedding, Image, Project
from projects.services import collections, graphs, index_choice
from projects.services.graphs import behind, index_of, turn_of, wait_until_loaded
from projects.services.indexes import labeled_index
from similarity.index import graph_files
from similarity.index.graph_files import alone, saved
from similarity.index.tuning import recall
from tests.similarity.index.made import made, plain_search

pytestmark = pytest.mark.django_db

N = 600


@pytest.fixture(autouse=True)
def _small_graphs(settings: LazySettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache of its own, and graphs from 100 labeled images on."""
    settings.DATA_FOLDER = tmp_path
    settings.LABELING_INDEX = "auto"
    monkeypatch.setattr(index_choice, "BY_SIZE", ((0, "exact"), (100, "hnswlib")))
    monkeypatch.setattr(index_choice, "HNSWLIB_AT_LEAST", 50)
    monkeypatch.setattr(graphs, "GROW_FROM", 20)
    # Of so few images no graph is as fast as exact search.
    monkeypatch.setattr(graphs, "LEAST_SPEED", 0.0)


def add_images(project: Project, vectors: np.ndarray, *, is_labeled: bool = True) -> list[int]:
    before = project.images.count()
    images = Image.objects.bulk_create(
        Image(
            project=project,
            name=f"{before + at}.jpg",
            content_hash=f"{project.pk:032}{before + at:032}",
            byte_size=1,
            width=1,
            height=1,
            state=Image.State.DATASET,
            embedding_state=Image.EmbeddingState.EMBEDDED,
            is_labeled=is_labeled,
        )
        for at in range(len(vectors))
    )
    Embedding.objects.bulk_create(
        Embedding(
            project=project,
            image=image,
            encoder=project.encoder,
            encoder_version=project.encoder_version,
            vector=vector.astype("<f4").tobytes(),
        )
        for image, vector in zip(images, vectors, strict=True)
    )
    raise_revision(project)
    return [image.pk for image in images]


def raise_revision(project: Project) -> None:
    project.raise_revision()
    project.refresh_from_db()


@pytest.fixture
def labeled_project(project: Project) -> Project:
    Project.objects.filter(pk=project.pk).update(encoder="drawn", encoder_version="1")
    project.refresh_from_db()
    add_images(project, made(N).vectors)
    return project


def searched_by(project: Project) -> str:
    index_of(project, collections.labeled(project))
    wait_until_loaded(project.pk)
    return labeled_index(project).name


def grow_on(project: Project, *, seconds: float = 60, is_stopping: bool = False) -> bool:
    turn = turn_of(project.pk)
    return graphs.grow_on(project.pk, turn, seconds=seconds, asked_to_stop=lambda: is_stopping)


def grow_to_the_end(project: Project) -> None:
    assert not grow_on(project)


def test_exact_search_answers_until_the_graph_is_there(labeled_project: Project) -> None:
    assert searched_by(labeled_project) == "exact"
    assert behind() == [labeled_project.pk]
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"
    assert behind() == []


def test_it_finds_what_the_plain_definition_finds(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"
    labeled = collections.labeled(labeled_project)
    queries = labeled.centered(np.arange(0, N, 7))
    itself = labeled.image_ids[::7]
    found = labeled_index(labeled_project).search(queries, k=10, itself=itself)
    plain = plain_search(labeled.searched, queries, k=10, itself=itself)
    assert recall(found, plain) >= 0.98


def test_a_label_given_and_one_taken_count_in_the_next_request(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    searched_by(labeled_project)
    before = collections.labeled(labeled_project).image_ids
    taken = int(before[3])
    Image.objects.filter(pk=taken).update(is_labeled=False)
    (given,) = add_images(labeled_project, made(1, seed=9).vectors)
    index = labeled_index(labeled_project)
    assert index.name == "hnswlib"
    whole = collections.collection(labeled_project)
    queries = whole.centered(whole.rows([taken, given]))
    found = index.search(queries, k=5)
    assert taken not in found.image_ids
    assert found.image_ids[1, 0] == given


def test_a_few_more_wait_and_many_more_are_added(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    first = saved(graphs._folder(labeled_project.pk))
    add_images(labeled_project, made(20, seed=3).vectors)
    assert behind() == [labeled_project.pk]
    grow_to_the_end(labeled_project)
    assert saved(graphs._folder(labeled_project.pk)) == first, "a graph was made for 20 images"
    assert behind() == []
    add_images(labeled_project, made(5, seed=4).vectors)
    assert behind() == [labeled_project.pk]
    grow_to_the_end(labeled_project)
    assert saved(graphs._folder(labeled_project.pk)) != first
    assert searched_by(labeled_project) == "hnswlib"
    index = labeled_index(labeled_project)
    assert (len(index), index.tail) == (N + 25, 0)


def test_exact_search_answers_while_another_graph_is_loaded(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"
    add_images(labeled_project, made(100, seed=3).vectors)
    assert labeled_index(labeled_project).name == "hnswlib", "with a tail"
    grow_to_the_end(labeled_project)
    held = graphs._of(labeled_project.pk)
    labeled = collections.labeled(labeled_project)
    with held.lock:  # nothing can be loaded yet
        graphs._look(
            held, labeled_project.pk, graphs._made_by(labeled_project, labeled.searched), labeled
        )
        assert held.graph is None, "two graphs at once"
        assert held.loading
        loading = held.loading
    loading.join()
    index = labeled_index(labeled_project)
    assert (index.name, len(index), index.tail) == ("hnswlib", N + 100, 0)


def test_a_turn_ends_in_time_and_the_next_goes_on(
    labeled_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("similarity.index.graph.AT_ONCE", 250)
    turns = 0
    while grow_on(labeled_project, seconds=0.0):
        turns += 1
        assert searched_by(labeled_project) == "exact", "half a graph was asked"
        assert behind() == [labeled_project.pk]
    assert turns == 2
    assert searched_by(labeled_project) == "hnswlib"


def test_a_worker_that_is_to_stop_ends_its_turn(
    labeled_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("similarity.index.graph.AT_ONCE", 250)
    assert grow_on(labeled_project, is_stopping=True)


def test_two_workers_never_grow_the_same_graph(labeled_project: Project) -> None:
    with alone(graphs._folder(labeled_project.pk)):
        assert not grow_on(labeled_project)
    assert saved(graphs._folder(labeled_project.pk)).stamp == ""
    grow_to_the_end(labeled_project)
    first = saved(graphs._folder(labeled_project.pk))
    grow_to_the_end(labeled_project)
    assert saved(graphs._folder(labeled_project.pk)) == first, "done twice"


def test_a_damaged_graph_is_not_asked_and_is_made_again(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    (path,) = graphs._folder(labeled_project.pk).glob("*.hnsw")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert searched_by(labeled_project) == "exact"
    raise_revision(labeled_project)
    assert behind() == [labeled_project.pk]
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"


def test_a_graph_of_another_encoder_is_not_asked(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"
    Embedding.objects.update(encoder_version="2")
    Project.objects.filter(pk=labeled_project.pk).update(encoder_version="2")
    raise_revision(labeled_project)
    assert searched_by(labeled_project) == "exact"
    assert behind() == [labeled_project.pk]
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"


def test_a_graph_copied_from_another_project_is_not_asked(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    other = Project.objects.create(
        name="Other", owner=labeled_project.owner, encoder="drawn", encoder_version="1"
    )
    ids = add_images(other, made(N, seed=8).vectors)
    folder = graphs._folder(labeled_project.pk)
    graph = graph_files.load(folder, graphs._made_by(other, collections.labeled(other).searched))
    assert graph is not None
    # The same ids too, as in another data folder.
    object.__setattr__(graph, "image_ids", np.sort(ids))
    graph_files.save(graph, graphs._folder(other.pk))
    assert searched_by(other) == "exact"
    grow_to_the_end(other)
    assert searched_by(other) == "hnswlib"


@pytest.mark.parametrize(
    ("chosen", "number", "wanted"),
    [
        ("auto", 99, False),
        ("auto", 100, True),
        ("hnswlib", 49, False),
        ("hnswlib", 50, True),
        ("exact", 10_000_000, False),
        ("pgvector", 10_000_000, False),
    ],
)
def test_a_graph_is_made_where_it_was_chosen_and_is_worth_it(
    settings: LazySettings, chosen: str, number: int, wanted: bool
) -> None:
    settings.LABELING_INDEX = chosen
    assert graphs.is_wanted(number) is wanted


def test_a_project_with_few_labeled_images_is_counted_once(
    project: Project, django_assert_num_queries
) -> None:
    add_images(project, made(30).vectors)
    assert behind() == []
    with django_assert_num_queries(1):
        assert behind() == []
    assert searched_by(project) == "exact"


def test_an_index_stays_the_same_object_until_something_changes(labeled_project: Project) -> None:
    exact = labeled_index(labeled_project)
    assert labeled_index(labeled_project) is exact
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"
    approximate = labeled_index(labeled_project)
    assert labeled_index(labeled_project) is approximate
    raise_revision(labeled_project)
    assert labeled_index(labeled_project) is approximate, "a change that is none of labels"
    add_images(labeled_project, made(1, seed=2).vectors)
    assert labeled_index(labeled_project) is not approximate


def test_exact_search_can_be_chosen_whatever_there_is(
    labeled_project: Project, settings: LazySettings
) -> None:
    grow_to_the_end(labeled_project)
    assert searched_by(labeled_project) == "hnswlib"
    settings.LABELING_INDEX = "exact"
    assert labeled_index(labeled_project).name == "exact"
    assert behind() == []
    assert not grow_on(labeled_project)


def test_a_graph_that_is_slower_than_exact_search_is_not_asked(
    labeled_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow_to_the_end(labeled_project)
    first = saved(graphs._folder(labeled_project.pk))
    monkeypatch.setattr(graphs, "LEAST_SPEED", 1e9)
    assert searched_by(labeled_project) == "exact"
    add_images(labeled_project, made(100, seed=3).vectors)
    grow_to_the_end(labeled_project)
    assert saved(graphs._folder(labeled_project.pk)) == first, "tried again for a sixth more"
    add_images(labeled_project, made(100, seed=4).vectors)
    grow_to_the_end(labeled_project)
    assert saved(graphs._folder(labeled_project.pk)) != first


def test_graphs_of_projects_that_are_gone_are_removed(labeled_project: Project) -> None:
    grow_to_the_end(labeled_project)
    folder = graphs._folder(labeled_project.pk)
    gone = folder.with_name("999999")
    shutil.copytree(folder, gone)
    assert graphs.remove_unused() == 1
    assert folder.is_dir()
    assert not gone.exists()


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What was put into the queue and not run yet, of what grows graphs."""
    said: list[tuple] = []
    monkeypatch.setattr(tasks.grow_index, "delay", lambda *arguments: said.append(arguments))
    return said


def test_a_message_does_it_all_where_time_suffices_and_nothing_the_second_time(
    labeled_project: Project, queue: list[tuple]
) -> None:
    tasks.grow_index(labeled_project.pk, "")
    first = saved(graphs._folder(labeled_project.pk))
    assert first.revision == labeled_project.revision
    tasks.grow_index(labeled_project.pk, "")
    assert saved(graphs._folder(labeled_project.pk)) == first
    assert queue == []


def test_a_message_for_a_project_that_is_gone_or_deleted_does_nothing(
    labeled_project: Project, queue: list[tuple]
) -> None:
    tasks.grow_index(77_777_777, "")
    labeled_project.deleted_at = timezone.now()
    labeled_project.save()
    assert behind() == []
    tasks.grow_index(labeled_project.pk, "")
    assert turn_of(labeled_project.pk) == ""
    assert queue == []


def test_many_sweeps_leave_one_chain_of_messages(
    labeled_project: Project, queue: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("similarity.index.graph.AT_ONCE", 30)
    monkeypatch.setattr(tasks, "SECONDS", -1.0)
    for _ in range(8):
        tasks.sweep()
        tasks.grow_index(*queue.pop(0))
    while len(queue) > 1:
        tasks.grow_index(*queue.pop(0))
    assert queue == [(labeled_project.pk, turn_of(labeled_project.pk))]
    while queue:
        tasks.grow_index(*queue.pop(0))
    assert saved(graphs._folder(labeled_project.pk)).revision == labeled_project.revision


def test_a_sweep_counts_images_only_where_something_changed(
    labeled_project: Project, django_assert_num_queries
) -> None:
    with django_assert_num_queries(2):
        behind()
    grow_to_the_end(labeled_project)
    with django_assert_num_queries(1):
        behind()
