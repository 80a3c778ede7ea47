from __future__ import annotations

import threading

import numpy as np
import pytest
from django.db import connection

from projects.models import Embedding, Image, Project
from projects.services import collections
from similarity.centering import Centering
from tests.reviews import make_image, make_label, near, put_label, take_labels

pytestmark = pytest.mark.django_db


def plain_collection(project: Project) -> dict[int, np.ndarray]:
    """The definition: all vectors by the present encoder, centered at once."""
    rows = list(
        Embedding.objects.filter(
            project=project, encoder=project.encoder, encoder_version=project.encoder_version
        ).order_by("id")
    )
    vectors = np.array([np.frombuffer(row.vector, "<f4") for row in rows], np.float32)
    centered = Centering.fit(vectors).apply(vectors)
    return {row.image_id: vector for row, vector in zip(rows, centered, strict=True)}


def assert_same(project: Project) -> None:
    made, plain = collections.collection(project), plain_collection(project)
    assert made.image_ids.tolist() == list(plain)
    centered = made.centered(slice(None))
    np.testing.assert_allclose(centered, np.array(list(plain.values())), atol=1e-6)
    assert made.rows(plain).tolist() == list(range(len(plain)))


def test_growing_it_row_by_row_gives_what_reading_it_at_once_gives(project: Project) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        make_image(project, near(0, rng))
        assert_same(project)


def test_an_older_snapshot_stays_as_it_was(project: Project) -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        make_image(project, near(0, rng))
    before = collections.collection(project)
    copy = before.centered(slice(None))
    newer = [make_image(project, near(1, rng)) for _ in range(9)]
    collections.collection(project)
    assert len(before) == 5
    np.testing.assert_array_equal(before.centered(slice(None)), copy)
    assert before.rows([newer[0].pk]).tolist() == [-1]


def test_a_deleted_embedding_is_gone(project: Project) -> None:
    rng = np.random.default_rng(3)
    images = [make_image(project, near(0, rng)) for _ in range(6)]
    assert_same(project)
    images[2].delete()
    make_image(project, near(1, rng))  # as many as before
    project.raise_revision()
    assert_same(project)


def test_another_version_of_the_encoder_has_other_vectors(project: Project) -> None:
    rng = np.random.default_rng(4)
    image = make_image(project, near(0, rng))
    assert len(collections.collection(project)) == 1
    project.encoder_version = "2"
    project.save()
    project.raise_revision()
    assert len(collections.collection(project)) == 0
    vector = np.ones(8, "<f4") / np.sqrt(8)
    Embedding.objects.create(
        image=image,
        project=project,
        encoder=project.encoder,
        encoder_version="2",
        vector=vector.astype("<f4").tobytes(),
    )
    project.raise_revision()
    assert_same(project)


def test_labeled_ones_are_those_of_the_dataset(project: Project) -> None:
    rng = np.random.default_rng(5)
    cat = make_label(project, "cat")
    wanted = make_image(project, near(0, rng), cat)
    make_image(project, near(0, rng), cat, state=Image.State.STAGED)
    make_image(project, near(0, rng), cat, state=Image.State.TRASH)
    make_image(project, None, cat)
    plain = make_image(project, near(0, rng))
    assert collections.labeled(project).image_ids.tolist() == [wanted.pk]
    put_label(plain, cat)
    project.refresh_from_db()
    assert collections.labeled(project).image_ids.tolist() == [wanted.pk, plain.pk]
    take_labels(wanted)
    project.refresh_from_db()
    assert collections.labeled(project).image_ids.tolist() == [plain.pk]


def test_nothing_is_read_while_the_revision_stands(
    project: Project, django_assert_num_queries
) -> None:
    make_image(project, near(0, np.random.default_rng(6)), make_label(project, "cat"))
    collections.labeled(project)
    with django_assert_num_queries(0):
        collections.collection(project)
        collections.labeled(project)


def test_few_projects_are_kept(owner) -> None:
    collections.forget()
    for at in range(collections.MOST_PROJECTS + 2):
        one = Project.objects.create(name=str(at), owner=owner)
        make_image(one, near(0, np.random.default_rng(at)))
        collections.collection(one)
    assert len(collections._kept) == collections.MOST_PROJECTS


@pytest.mark.django_db(transaction=True)
def test_threads_that_read_while_it_grows_see_whole_snapshots(project: Project) -> None:
    rng = np.random.default_rng(7)
    for _ in range(3):
        make_image(project, near(0, rng))
    wrong: list[str] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                seen = collections.collection(Project.objects.get(pk=project.pk))
                lengths = np.linalg.norm(seen.vectors, axis=1)
                if not np.allclose(lengths, 1, atol=1e-4):
                    wrong.append(f"{len(seen)} rows of lengths {lengths}")
        finally:
            connection.close()

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        make_image(project, near(1, rng))
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    project.refresh_from_db()
    assert_same(project)
