"""Neighbours of the best label and of the runner-up stand beside every query."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models import Image, Project
from projects.services import batches, collections
from projects.services.evidence import nearest_of_labels
from projects.services.suggestions import search, suggest
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import make_image, make_label, near, put_label

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd(project: Project):
    """Forty cats around the queries, and dogs and owls far behind them."""
    rng = np.random.default_rng(2)
    cat, dog, owl = labels = [make_label(project, name) for name in ("cat", "dog", "owl")]
    for at, label, number in ((0, cat, 40), (1, dog, 5), (2, owl, 1)):
        for _ in range(number):
            make_image(project, near(at, rng, 0.1), label)
    queries = [make_image(project, near(0, rng, 0.1)) for _ in range(4)]
    batch = batch_of(project, queries)
    search(batch)
    return labels, queries, batch


def plain_nearest(project: Project, query: Image, label_id: int) -> list[int]:
    """The two images of a label most similar to a query, one cosine at a time."""
    project = Project.objects.get(pk=project.pk)
    whole = collections.collection(project)
    (vector,) = whole.centered(whole.rows([query.pk]))
    found = []
    for image in project.images.filter(image_labels__label=label_id, state="dataset"):
        (other,) = whole.centered(whole.rows([image.pk]))
        if image.pk != query.pk:
            found.append((-float(np.dot(vector, other)), image.pk))
    return [pk for _, pk in sorted(found)[:2]]


@pytest.mark.parametrize("method", ["neighbours", "head", "class_means", "graph", "auto"])
@pytest.mark.parametrize("k", [1, 10])
def test_two_neighbours_of_both_contenders_are_there_in_every_method(
    project: Project, crowd, method: str, k: int
) -> None:
    _, _, batch = crowd
    rows = batches.set_controls(batch, k=k, threshold=30, top_only=True, method=method).rows
    for row in rows:
        shown = {
            hit.image_id: {label.pk for label in hit.labels}
            for hit in (*row.neighbours, *(like.neighbour for like in row.likes))
        }
        for each in row.contenders:
            carriers = [pk for pk, labels in shown.items() if each.label.pk in labels]
            there = project.images.filter(image_labels__label=each.label).count()
            assert len(carriers) >= min(2, there)
            assert set(plain_nearest(project, row.image, each.label.pk)) <= set(carriers)


def test_what_stands_in_says_for_which_label_and_whether_it_is_the_runner_up(crowd) -> None:
    (cat, _, _), _, batch = crowd
    rows = batches.set_controls(batch, k=10, threshold=30, top_only=True, method="head").rows
    row = next(row for row in rows if len(row.contenders) == 2)
    assert row.contenders[0].label == cat
    assert {(like.label, like.second) for like in row.likes} == {(row.contenders[1].label, True)}
    assert row.likes[0].neighbour.similarity >= row.likes[-1].neighbour.similarity


def test_where_the_first_hits_have_enough_nothing_stands_in(crowd) -> None:
    rows = suggest(crowd[2])
    assert all(len(row.contenders) == 1 for row in rows)
    assert not any(row.likes for row in rows)


def test_a_query_with_the_label_is_not_its_own_evidence(project: Project, crowd) -> None:
    (_, dog, owl), _, _ = crowd
    for label in (dog, owl):
        image = project.images.filter(image_labels__label=label).first()
        fresh = Project.objects.get(pk=project.pk)
        found = nearest_of_labels(fresh, {(image.pk, label.pk)})[image.pk, label.pk]
        assert [each.image_id for each in found] == plain_nearest(project, image, label.pk)


def test_labels_given_since_are_evidence_and_lost_ones_are_not(project: Project, crowd) -> None:
    (_, _, owl), (query, other, *_), _ = crowd
    pair = (query.pk, owl.pk)
    first = nearest_of_labels(Project.objects.get(pk=project.pk), {pair})[pair]
    put_label(other, owl)
    then = nearest_of_labels(Project.objects.get(pk=project.pk), {pair})[pair]
    assert [each.image_id for each in then] == [other.pk, first[0].image_id]
    Image.objects.filter(pk=other.pk).update(state=Image.State.TRASH)
    project.refresh_from_db()
    project.raise_revision()
    again = nearest_of_labels(Project.objects.get(pk=project.pk), {pair})[pair]
    assert again == first


def test_asking_again_reads_nothing(project: Project, crowd, django_assert_num_queries) -> None:
    (_, dog, _), queries, _ = crowd
    project = Project.objects.get(pk=project.pk)
    pairs = {(query.pk, dog.pk) for query in queries}
    nearest_of_labels(project, pairs)
    with django_assert_num_queries(0):
        nearest_of_labels(project, pairs)
