from __future__ import annotations

import math
import random

import numpy as np
import pytest

from projects.models import Batch, BatchEdit, BatchItem, Image, Project
from projects.services import batches, suggestions
from projects.services.review_rows import RowState
from projects.services.suggestions import search, suggest
from projects.services.ticks import Controls
from similarity.centering import Centering
from tests.reviews import (
    direction,
    give_vector,
    make_image,
    make_label,
    near,
    put_label,
    take_labels,
    three_classes,
)

pytestmark = pytest.mark.django_db


def batch_of(project: Project, images: list[Image]) -> Batch:
    return batches.create_from_images(project, project.owner, [image.pk for image in images])


def plain_scores(project: Project, query: Image, k: int) -> list[tuple[int, float]]:
    """Suggestions by the words of DESIGN.md, one number at a time."""
    stored = {e.image_id: np.frombuffer(e.vector, "<f4") for e in project.embeddings.order_by("id")}
    everything = np.array(list(stored.values()), np.float32)
    centering = Centering.fit(everything)
    centered = {pk: centering.apply(vector[None])[0] for pk, vector in stored.items()}
    found = []
    for image in project.images.filter(state="dataset"):
        labels = [each.label_id for each in image.image_labels.all()]
        if labels and image.pk != query.pk and image.pk in centered:
            cosine = float(np.dot(centered[query.pk], centered[image.pk]))
            found.append((cosine, labels))
    found = sorted(found, key=lambda hit: -hit[0])[:k]
    found = [(min(max(cosine, 0.0), 1.0), labels) for cosine, labels in found]
    total = sum(math.exp(s / 0.1) for s, _ in found)
    scores = {}
    for label in {label for _, labels in found for label in labels}:
        mine = [s for s, labels in found if label in labels]
        scores[label] = 100 * sum(math.exp(s / 0.1) for s in mine) / total * max(mine)
    return sorted(scores.items(), key=lambda pair: -pair[1])


def plain_ticks(
    scores: list[tuple[int, float]], edits: list[tuple[int, bool]], controls: Controls
) -> set[int]:
    """Which labels are ticked, said plainly."""
    if controls.single:
        if edits:
            return {label for label, ticked in edits if ticked}
        best = scores[:1]
        return {label for label, score in best if score >= controls.threshold}
    offered = scores[:1] if controls.top_only else scores
    ticks = {label for label, score in offered if score >= controls.threshold}
    for label, ticked in edits:
        (ticks.add if ticked else ticks.discard)(label)
    return ticks


@pytest.mark.parametrize("k", [1, 3, 10, 100])
def test_scores_are_those_of_the_plain_definition(project: Project, k: int) -> None:
    _, images = three_classes(project)
    batch = batch_of(project, images)
    batch.k = k
    search(batch)
    for row in suggest(batch):
        plain = plain_scores(project, row.image, k)
        made = [(each.label.pk, each.score) for each in row.labels]
        assert {label for label, _ in made} == {label for label, _ in plain}
        np.testing.assert_allclose([s for _, s in made], [s for _, s in plain], atol=0.11)
        likely = [label for label, score in plain if score > 0.2]
        assert [label for label, _ in made][: len(likely)] == likely


@pytest.mark.parametrize("multi_label", [False, True])
def test_random_edits_and_controls_tick_what_the_plain_definition_ticks(
    project: Project, multi_label: bool
) -> None:
    project.multi_label = multi_label
    project.save()
    labels, images = three_classes(project, labeled=4, unlabeled=2)
    batch = batch_of(project, images)
    search(batch)
    chance = random.Random(f"ticks:{multi_label}")
    items = list(batch.items.all())
    for _ in range(60):
        item, label = chance.choice(items), chance.choice(labels)
        BatchEdit.objects.filter(item=item, label=label).delete()
        ticked = chance.random() < 0.5
        if not multi_label and ticked:
            BatchEdit.objects.filter(item=item, ticked=True).delete()
        if chance.random() < 0.8:
            BatchEdit.objects.create(item=item, label=label, ticked=ticked)
        controls = Controls(
            chance.randint(1, 20), chance.uniform(0, 100), chance.random() < 0.5, not multi_label
        )
        for row in suggest(batch, controls=controls):
            scores = [(e.label.pk, e.score) for e in row.labels if e.score is not None]
            edits = list(row.item.edits.order_by("id").values_list("label_id", "ticked"))
            assert set(row.ticked) == plain_ticks(scores, edits, controls)


def test_a_query_is_never_its_own_hit(project: Project) -> None:
    rng = np.random.default_rng(0)
    cat = make_label(project, "cat")
    images = [make_image(project, near(0, rng), cat) for _ in range(4)]
    batch = batch_of(project, images)
    search(batch)
    for row in suggest(batch):
        assert row.image.pk not in {hit.image_id for hit in row.neighbours}
        assert len(row.neighbours) == 3
        assert row.present == (cat,)


def test_without_labeled_images_a_row_says_so(project: Project) -> None:
    batch = batch_of(project, [make_image(project, direction(0))])
    search(batch)
    (row,) = suggest(batch)
    assert row.state == RowState.ALONE
    assert not row.labels


def test_an_empty_project_with_one_image_and_k_100(project: Project) -> None:
    cat = make_label(project, "cat")
    make_image(project, direction(0), cat)
    batch = batch_of(project, [make_image(project, direction(1))])
    batch.k = 100
    search(batch)
    (row,) = suggest(batch)
    assert len(row.neighbours) == 1


def test_an_image_without_a_vector_waits_and_fills_in(project: Project) -> None:
    labels, _ = three_classes(project)
    image = make_image(project)
    batch = batch_of(project, [image])
    assert search(batch) == 0
    assert suggest(batch)[0].state == RowState.WAITING
    give_vector(image, direction(0))
    assert search(batch, only_new=True) == 1
    (row,) = suggest(batch)
    assert row.state == RowState.READY
    assert row.ticked == (labels[0].pk,)


def test_an_image_that_cannot_be_read_says_so(project: Project) -> None:
    image = make_image(project)
    Image.objects.filter(pk=image.pk).update(embedding_state="failed", failure_reason="Torn file.")
    batch = batch_of(project, [image])
    search(batch)
    assert suggest(batch)[0].state == RowState.FAILED


def test_hits_that_lost_their_labels_or_were_thrown_away_are_passed_over(project: Project) -> None:
    _, images = three_classes(project, labeled=8)
    batch = batch_of(project, images[:3])
    batch.k = 4
    search(batch)
    (first, *_) = suggest(batch)
    lost, thrown, third, fourth = (hit.image_id for hit in first.neighbours)
    take_labels(Image.objects.get(pk=lost))
    Image.objects.filter(pk=thrown).update(state=Image.State.TRASH)
    again = suggest(batch)[0]
    assert [hit.image_id for hit in again.neighbours][:2] == [third, fourth]
    assert len(again.neighbours) == 4


def test_labels_given_since_count_after_the_next_search(project: Project) -> None:
    labels, images = three_classes(project, labeled=2)
    query, twin = images[0], make_image(project, direction(0))
    batch = batch_of(project, [query])
    search(batch)
    assert twin.pk not in {hit[0] for hit in batch.items.get().hits}
    put_label(twin, labels[0])
    assert search(batch, only_new=True) == 0
    assert search(batch) == 1
    assert twin.pk in {hit[0] for hit in batch.items.get().hits}
    assert search(batch) == 0


def test_staged_and_trashed_images_are_never_neighbours(project: Project) -> None:
    labels, images = three_classes(project)
    staged = make_image(project, direction(0), labels[0], state=Image.State.STAGED)
    trashed = make_image(project, direction(0), labels[0], state=Image.State.TRASH)
    batch = batch_of(project, images)
    search(batch)
    hits = {hit[0] for item in batch.items.all() for hit in item.hits}
    assert not hits & {staged.pk, trashed.pk}


def test_a_row_whose_image_was_thrown_away_is_gone(project: Project) -> None:
    _, images = three_classes(project)
    batch = batch_of(project, images[:2])
    Image.objects.filter(pk=images[0].pk).update(state=Image.State.TRASH)
    search(batch)
    assert [row.image.pk for row in suggest(batch)] == [images[1].pk]


def test_a_vote_takes_a_fixed_number_of_queries_and_no_search(
    project: Project, django_assert_num_queries
) -> None:
    _, images = three_classes(project, unlabeled=12)
    batch = batch_of(project, images)
    search(batch)
    suggest(batch)
    batch = Batch.objects.select_related("project").get(pk=batch.pk)
    with django_assert_num_queries(6):
        suggest(batch)


def test_two_searches_at_once_write_the_same(project: Project) -> None:
    _, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    before = list(BatchItem.objects.values_list("pk", "hits"))
    BatchItem.objects.update(searched_revision=None)
    suggestions.collections.forget()
    search(batch)
    assert list(BatchItem.objects.values_list("pk", "hits")) == before
