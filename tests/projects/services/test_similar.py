"""Find similar, against its plain definition."""

from __future__ import annotations

import numpy as np
import pytest

from projects.errors import Refusal
from projects.models import Image, Project
from projects.services import similar
from projects.services.similar import MAX_LIMIT, find_similar
from similarity.centering import Centering
from tests.reviews import make_image, near

pytestmark = pytest.mark.django_db


def plain_similar(project: Project, queries: list[Image]) -> list[tuple[int, int]]:
    """Image id and percent, nearest first, one number at a time."""
    stored = {e.image_id: np.frombuffer(e.vector, "<f4") for e in project.embeddings.order_by("id")}
    centering = Centering.fit(np.array(list(stored.values())))
    centered = {pk: centering.apply(vector[None])[0] for pk, vector in stored.items()}
    query = sum(centered[image.pk] for image in queries)
    query = query / np.linalg.norm(query)
    asked = {image.pk for image in queries}
    found = [
        (pk, round(100 * min(1.0, max(0.0, float(np.dot(query, vector))))))
        for pk, vector in centered.items()
        if pk not in asked and project.images.get(pk=pk).state == Image.State.DATASET
    ]
    return sorted(found, key=lambda pair: -pair[1])


@pytest.mark.parametrize("asked", [1, 3])
def test_it_finds_what_the_plain_definition_finds(project: Project, asked: int) -> None:
    rng = np.random.default_rng(asked)
    images = [make_image(project, near(number % 4, rng)) for number in range(24)]
    found = find_similar(project, [image.pk for image in images[:asked]], limit=10)
    nearest = [(each.image.pk, each.percent) for each in found.found]
    # Below that come ties at 0 percent, whose order means nothing.
    assert nearest[:5] == plain_similar(project, images[:asked])[:5]


def test_staged_and_trashed_images_and_the_queries_are_passed_over(project: Project) -> None:
    rng = np.random.default_rng(5)
    images = [make_image(project, near(0, rng)) for _ in range(6)]
    Image.objects.filter(pk=images[1].pk).update(state=Image.State.STAGED)
    Image.objects.filter(pk=images[2].pk).update(state=Image.State.TRASH)
    found = find_similar(project, [images[0].pk], limit=50)
    assert {each.image.pk for each in found.found} == {image.pk for image in images[3:]}


@pytest.mark.parametrize("limit", [0, MAX_LIMIT + 1])
def test_a_limit_out_of_bounds_is_refused(project: Project, limit: int) -> None:
    with pytest.raises(Refusal, match="Show 1 to"):
        find_similar(project, [1], limit=limit)


@pytest.mark.parametrize("others", [0, 1_000])
def test_both_ways_around_images_that_are_not_asked_for_find_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    monkeypatch.setattr(similar, "MOST_OTHERS", others)
    rng = np.random.default_rng(9)
    states = [Image.State.DATASET, Image.State.STAGED, Image.State.TRASH]
    images = [make_image(project, near(n % 4, rng), state=states[n % 3]) for n in range(30)]
    found = find_similar(project, [images[0].pk], limit=5)
    nearest = [(each.image.pk, each.percent) for each in found.found]
    assert nearest[:2] == plain_similar(project, images[:1])[:2]
