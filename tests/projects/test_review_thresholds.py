"""The review page with a threshold for each label: what it shows, and what it refuses."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects.models import Batch, Project
from projects.services.labels import mark_rest_absent
from projects.services.suggestions import search
from tests.projects.review_pages import known_of, send
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import direction, make_image, three_classes

pytestmark = pytest.mark.django_db

OFF = {"k": 10, "threshold": 30, "top_only": False, "per_label": False}
ON = OFF | {"per_label": True}


@pytest.fixture
def several(project: Project) -> Project:
    project.multi_label = True
    project.save()
    return project


@pytest.fixture
def batch(several: Project) -> Batch:
    _labels, images = three_classes(several)
    batch = batch_of(several, images)
    search(batch)
    return batch


def page_of(client: Client, batch: Batch) -> str:
    url = reverse("batch", args=[batch.project_id, batch.pk])
    return client.get(url).content.decode()


def controls_in(html: str) -> dict:
    found = re.search(r'<script id="controls"[^>]*>(.*?)</script>', html)
    assert found
    return json.loads(found[1])


def test_the_checkbox_is_there_only_where_an_image_has_several_labels(
    owner_client: Client, several: Project, batch: Batch
) -> None:
    assert 'data-knob="per_label"' in page_of(owner_client, batch)
    several.multi_label = False
    several.save()
    assert 'data-knob="per_label"' not in page_of(owner_client, batch)


def test_switching_on_says_from_what_and_the_page_shows_it_again(
    owner_client: Client, batch: Batch
) -> None:
    known = known_of(page_of(owner_client, batch))
    answer = send(owner_client, batch, "controls", **ON, known=known).json()
    chosen = answer["controls"]["chosen"]
    assert (chosen["images"], chosen["assumed"]) == (15, True)
    assert [each["examples"] for each in chosen["labels"]] == [5, 5, 5]
    assert "ticked from" in "".join(answer["html"].values())
    again = page_of(owner_client, batch)
    assert controls_in(again) == answer["controls"]
    assert re.search(r'data-knob="per_label" checked', again)
    off = send(owner_client, batch, "controls", **OFF, known=known_of(again)).json()
    assert off["controls"]["chosen"] is None
    assert "ticked from" not in "".join(off["html"].values())


def test_what_people_said_is_absent_is_told_apart_from_what_is_assumed(
    owner_client: Client, several: Project, batch: Batch
) -> None:
    send(owner_client, batch, "controls", **ON)
    ids = list(several.images.labeled().values_list("pk", flat=True))
    mark_rest_absent(several, several.owner, ids)
    chosen = controls_in(page_of(owner_client, batch))["chosen"]
    assert (chosen["images"], chosen["assumed"]) == (15, False)


def test_a_moved_control_is_compared_with_the_thresholds_before(
    owner_client: Client, batch: Batch
) -> None:
    high = OFF | {"threshold": 100}
    send(owner_client, batch, "controls", **high)
    on = high | {"per_label": True}
    changed = send(owner_client, batch, "controls", **on, since=high).json()["changed"]
    assert changed >= 12
    assert send(owner_client, batch, "controls", **high, since=on).json()["changed"] == changed
    assert send(owner_client, batch, "controls", **on, since=on).json()["changed"] == 0


def test_too_few_labeled_images_are_a_409_and_the_checkbox_rests(
    owner_client: Client, several: Project
) -> None:
    three_classes(several, labeled=3)
    batch = batch_of(several, [make_image(several, direction(0))])
    answer = send(owner_client, batch, "controls", **ON)
    assert answer.status_code == 409
    assert "label a few more" in answer.json()["error"]
    html = page_of(owner_client, batch)
    assert re.search(r'data-knob="per_label" disabled', html)
    assert "at least 10 labeled images" in html


def test_thresholds_per_label_in_a_single_label_project_are_a_400(
    owner_client: Client, project: Project
) -> None:
    _labels, images = three_classes(project)
    batch = batch_of(project, images)
    answer = send(owner_client, batch, "controls", **ON | {"top_only": True})
    assert answer.status_code == 400


@pytest.mark.parametrize("per_label", ["yes", 1, None, []])
def test_anything_but_true_is_off(owner_client: Client, batch: Batch, per_label: object) -> None:
    answer = send(owner_client, batch, "controls", **ON | {"per_label": per_label})
    assert answer.json()["controls"]["per_label"] is False


def test_the_number_of_queries_does_not_grow(owner_client: Client, several: Project) -> None:
    """Choosing thresholds anew reads as often for 90 labeled images and 9 rows as for 30 and 3."""
    counts = []
    for labeled, unlabeled in ((10, 1), (30, 3)):
        project = Project.objects.create(
            name=f"Of {labeled}", owner=several.owner, multi_label=True
        )
        _labels, images = three_classes(project, labeled=labeled, unlabeled=unlabeled)
        batch = batch_of(project, images)
        Batch.objects.filter(pk=batch.pk).update(per_label=True)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page_of(owner_client, batch)
        counts.append(len(queries))
    assert counts[0] == counts[1]
