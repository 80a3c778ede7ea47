"""Find similar over HTTP."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Image, Project
from tests.projects.review_pages import three
from tests.reviews import direction, make_image, near

__all__ = ["three"]


pytestmark = pytest.mark.django_db


def found_in(html: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'id="found-(\d+)"', html)]


def test_similar_images_of_one_and_of_several(owner_client: Client, project: Project) -> None:
    rng = np.random.default_rng(0)
    near_a = [make_image(project, near(0, rng)) for _ in range(4)]
    near_b = [make_image(project, near(1, rng)) for _ in range(4)]
    staged = make_image(project, near(0, rng), state=Image.State.STAGED)
    trashed = make_image(project, near(0, rng), state=Image.State.TRASH)
    url = reverse("similar", args=[project.pk])
    found = found_in(owner_client.get(f"{url}?images={near_a[0].pk}").content.decode())
    assert set(found[:3]) == {image.pk for image in near_a[1:]}
    assert not {staged.pk, trashed.pk, near_a[0].pk} & set(found)
    assert len(found) == 7
    both = f"{near_a[0].pk},{near_b[0].pk}"
    found = found_in(owner_client.get(f"{url}?images={both}&limit=6").content.decode())
    assert set(found) == {image.pk for image in near_a[1:] + near_b[1:]}
    assert len(found_in(owner_client.get(f"{url}?images={both}&limit=2").content.decode())) == 2


@pytest.mark.parametrize(
    "query", ["", "images=x", "images=1&limit=0", "images=1&limit=201", "images=1&limit=x"]
)
def test_bad_questions_for_similar_images(owner_client: Client, project: Project, query) -> None:
    make_image(project, direction(0))
    url = reverse("similar", args=[project.pk])
    assert owner_client.get(f"{url}?{query}").status_code == 400


def test_similar_images_of_one_that_waits_says_so(owner_client: Client, project: Project) -> None:
    image = make_image(project)
    make_image(project, direction(0))
    url = reverse("similar", args=[project.pk])
    html = owner_client.get(f"{url}?images={image.pk}").content.decode()
    assert "still being made" in html
