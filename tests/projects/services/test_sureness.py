"""How sure a row is: calibrated on labeled images left out in turn, written down at the end."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models import BatchItem, Project
from projects.services import batches, collections, commits, edits
from projects.services.indexes import labeled_index
from projects.services.review_list import summarize_rows
from projects.services.suggestions import hits_of, search, suggest
from projects.services.sureness import probabilities
from projects.services.teaching import taught
from similarity.calibration import calibrate, certainty
from similarity.suggest import vote
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import make_image, make_label, near, three_classes

pytestmark = pytest.mark.django_db


@pytest.fixture
def noisy(project: Project):
    """Classes that overlap, so that some of the labeled images are wrong when left out."""
    rng = np.random.default_rng(6)
    labels = [make_label(project, name) for name in ("cat", "dog", "owl")]
    for at in range(60):
        make_image(project, near(at % 3, rng, 0.3), labels[at % 3])
    batch = batch_of(project, [make_image(project, near(at % 3, rng, 0.3)) for at in range(12)])
    search(batch)
    return labels, batch


def plain_calibration(project: Project, k: int):
    """Leave every labeled image out, vote on its hits, note whether the best label was right."""
    project = Project.objects.get(pk=project.pk)
    whole, labeled = collections.collection(project), collections.labeled(project)
    ids = labeled.image_ids.tolist()
    carried = {
        image.pk: tuple(image.image_labels.values_list("label", flat=True))
        for image in project.images.labeled()
    }
    sure, right = [], []
    for pk, hits in zip(ids, hits_of(ids, whole, labeled_index(project), k=k), strict=True):
        found = vote([s for _, s in hits], [carried[int(i)] for i, _ in hits])
        scores = [each.score / 100 for each in found] + [0.0]
        sure.append(scores[0] - scores[1])
        right.append(found[0].label in carried[pk])
    return calibrate(np.array(sure), np.array(right)), right


@pytest.mark.parametrize("k", [3, 10])
def test_the_vote_is_calibrated_as_the_plain_definition_says(
    project: Project, noisy, k: int
) -> None:
    _, batch = noisy
    plain, right = plain_calibration(project, k)
    assert 0 < sum(right) < len(right)
    rows = batches.set_controls(batch, k=k, threshold=30, top_only=True).rows
    made = [row.probability for row in rows]
    said = plain.probability(np.array([row.certainty / 100 for row in rows]))
    np.testing.assert_allclose(made, said, atol=0.01)
    assert len({round(p, 3) for p in made}) > 3


@pytest.mark.parametrize("method", ["head", "class_means", "graph", "auto"])
def test_other_methods_are_calibrated_on_their_own_scores(
    project: Project, noisy, method: str
) -> None:
    _, batch = noisy
    rows = batches.set_controls(batch, k=10, threshold=30, top_only=True, method=method).rows
    lesson = taught(Project.objects.get(pk=project.pk), method)
    whole = collections.collection(project)
    scores = lesson.fitted.scores(whole.centered(whole.rows([row.image.pk for row in rows])))
    said = lesson.calibration.probability(certainty(scores))
    np.testing.assert_allclose([row.probability for row in rows], said, atol=1e-5)


@pytest.mark.parametrize("method", ["neighbours", "head"])
def test_with_fewer_than_twenty_labeled_images_nobody_says(project: Project, method: str) -> None:
    labels, _ = three_classes(project, labeled=6)
    batch = batch_of(project, list(project.images.unlabeled()))
    search(batch)
    rows = batches.set_controls(batch, k=10, threshold=30, top_only=True, method=method).rows
    assert {row.probability for row in rows} == {None}
    assert summarize_rows(rows).expected_wrong is None
    rng = np.random.default_rng(1)
    for at in (0, 1):
        make_image(project, near(at, rng), labels[at])
    assert all(row.probability for row in suggest(batch))


def test_a_project_without_labels_has_no_probabilities(project: Project) -> None:
    assert probabilities(project, "neighbours", [0.5], k=10) is None
    assert probabilities(project, "head", [0.5], k=10) is None


def test_the_sum_of_doubts_counts_rows_ticked_by_suggestion_alone(project: Project, noisy) -> None:
    (cat, *_), batch = noisy
    rows = suggest(batch)
    middle = sorted(row.top.score for row in rows)[6]
    batches.set_controls(batch, k=10, threshold=middle, top_only=True)
    rows = suggest(batch)
    ticked = [row for row in rows if row.ticked]
    assert 1 < len(ticked) < len(rows)
    plain = sum(1 - row.probability for row in ticked)
    assert summarize_rows(rows).expected_wrong == pytest.approx(plain)
    edits.set_tick(batch, project.owner, ticked[0].item.pk, cat, ticked=True)
    left = plain - (1 - ticked[0].probability)
    assert summarize_rows(suggest(batch)).expected_wrong == pytest.approx(left)


@pytest.mark.parametrize("method", ["neighbours", "head"])
def test_add_to_dataset_writes_the_probability_of_what_was_suggested(
    project: Project, noisy, method: str
) -> None:
    _, batch = noisy
    rows = batches.set_controls(batch, k=10, threshold=0, top_only=True, method=method).rows
    middle = sorted(row.top.score for row in rows)[6]
    rows = batches.set_controls(batch, k=10, threshold=middle, top_only=True).rows
    expected = {row.item.pk: row.probability if row.suggested else None for row in rows}
    assert None in expected.values()
    assert any(expected.values())
    commits.commit(batch, project.owner)
    written = dict(BatchItem.objects.filter(batch=batch).values_list("pk", "probability"))
    assert written == pytest.approx(expected)
