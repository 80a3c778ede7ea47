"""The review page with other methods than the vote: what it shows, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects.models import Batch, Project
from projects.services.suggestions import search, suggest
from tests.projects.review_pages import known_of, send
from tests.projects.services.test_suggestions import batch_of
from tests.projects.test_review_thresholds import controls_in, page_of
from tests.reviews import make_image, make_label, near, three_classes

pytestmark = pytest.mark.django_db

VOTE = {"k": 10, "threshold": 30, "top_only": True, "method": "neighbours"}


@pytest.fixture
def batch(project: Project) -> Batch:
    rng = np.random.default_rng(8)
    labels = [make_label(project, name) for name in ("cat", "dog", "owl")]
    for at in range(60):
        make_image(project, near(at % 3, rng, 0.25), labels[at % 3])
    batch = batch_of(project, [make_image(project, near(at % 3, rng, 0.25)) for at in range(9)])
    search(batch)
    return batch


def test_the_methods_are_offered_with_the_default_first(owner_client: Client, batch: Batch) -> None:
    html = page_of(owner_client, batch)
    select = html.split('<select id="method"')[1].split("</select>")[0]
    assert re.findall(r'value="(\w+)"( selected)?>([\w ]+)<', select) == [
        ("neighbours", " selected", "Neighbours"),
        ("auto", "", "Automatic"),
        ("head", "", "Head"),
        ("class_means", "", "Class means"),
        ("graph", "", "Graph"),
    ]
    assert controls_in(html)["reason"] == ""


def test_another_method_draws_the_rows_anew_says_why_and_stays(
    owner_client: Client, batch: Batch
) -> None:
    known = known_of(page_of(owner_client, batch))
    answer = send(owner_client, batch, "controls", **VOTE | {"method": "head"}, known=known).json()
    assert len(answer["html"]) == 9
    assert answer["controls"]["reason"] == "Head, from 60 labeled images."
    html = page_of(owner_client, batch)
    assert controls_in(html) == answer["controls"]
    assert "Head, from 60 labeled images." in html.split("data-reason")[1][:120]
    batch.refresh_from_db()
    assert batch.method == "head"
    again = send(owner_client, batch, "rows", known=known_of(html)).json()
    assert again["html"] == {}


def test_without_a_method_a_control_keeps_the_one_there_is(
    owner_client: Client, batch: Batch
) -> None:
    send(owner_client, batch, "controls", **VOTE | {"method": "graph"})
    answer = send(owner_client, batch, "controls", k=5, threshold=30, top_only=True).json()
    assert answer["controls"]["method"] == "graph"


def test_a_switch_is_compared_with_the_method_before(owner_client: Client, batch: Batch) -> None:
    high = VOTE | {"threshold": 80}
    send(owner_client, batch, "controls", **high)
    head = high | {"method": "head"}
    changed = send(owner_client, batch, "controls", **head, since=high).json()["changed"]
    assert changed > 0
    assert send(owner_client, batch, "controls", **high, since=head).json()["changed"] == changed
    assert send(owner_client, batch, "controls", **high, since=high).json()["changed"] == 0


@pytest.mark.parametrize("method", ["magic", "", 1, None, ["head"], True])
def test_no_such_method_is_a_400(owner_client: Client, batch: Batch, method: object) -> None:
    answer = send(owner_client, batch, "controls", **VOTE | {"method": method})
    assert answer.status_code == 400
    assert "class_means" in answer.json()["error"]


def test_rows_say_how_sure_they_are_and_the_sum_how_many_are_wrong(
    owner_client: Client, batch: Batch
) -> None:
    html = page_of(owner_client, batch)
    rows = suggest(batch)
    shown = [int(each) for each in re.findall(r">(\d+) % sure<", html)]
    assert shown == [min(99, round(100 * row.probability)) for row in rows]
    assert html.count("% sure</span>") == 9
    expected = sum(1 - row.probability for row in rows if row.ticked)
    answer = send(owner_client, batch, "rows").json()
    assert answer["summary"]["expected_wrong"] == pytest.approx(expected)


def test_with_few_labeled_images_no_row_says_how_sure_it_is(
    owner_client: Client, project: Project
) -> None:
    _, images = three_classes(project, labeled=6)
    batch = batch_of(project, images)
    search(batch)
    assert "% sure" not in page_of(owner_client, batch)
    assert send(owner_client, batch, "rows").json()["summary"]["expected_wrong"] is None


def test_what_stands_in_for_the_runner_up_is_marked_and_drawn_only_when_it_changes(
    owner_client: Client, batch: Batch
) -> None:
    """The strip knows of it: with another k it is drawn again, with another threshold it is not."""
    one = VOTE | {"k": 1, "method": "head"}
    send(owner_client, batch, "controls", **one)
    html = page_of(owner_client, batch)
    assert re.search(r'<p class="like"[^>]*>like (cat|dog|owl)</p>', html)
    assert re.search(r'<p class="like"[^>]*>like (cat|dog|owl) \(2nd\)</p>', html)
    known = known_of(html)
    higher = send(owner_client, batch, "controls", **one | {"threshold": 99}, known=known).json()
    assert len(higher["html"]) > 0
    assert not any('data-part="strip"' in text for text in higher["html"].values())
    more = send(owner_client, batch, "controls", **one | {"k": 2}, known=known).json()
    assert all('data-part="strip"' in text for text in more["html"].values())


def test_all_neighbours_of_a_row_show_no_picture_twice(owner_client: Client, batch: Batch) -> None:
    send(owner_client, batch, "controls", **VOTE | {"k": 40, "method": "head"})
    for item in batch.items.all():
        url = reverse("batch-neighbours", args=[batch.project_id, batch.pk, item.pk])
        html = owner_client.get(url).content.decode()
        pictures = re.findall(r'data-focus="hit-(\d+)"', html)
        assert len(pictures) == len(set(pictures)) >= 40


def test_a_stranger_may_not_switch(stranger_client: Client, batch: Batch) -> None:
    answer = send(stranger_client, batch, "controls", **VOTE | {"method": "head"})
    assert answer.status_code == 404


@pytest.mark.parametrize("method", ["neighbours", "head", "auto"])
def test_the_number_of_queries_does_not_grow(
    owner_client: Client, project: Project, method: str
) -> None:
    counts = []
    for labeled, unlabeled in ((10, 1), (30, 6)):
        other = Project.objects.create(name=f"Of {labeled}", owner=project.owner)
        _, images = three_classes(other, labeled=labeled, unlabeled=unlabeled)
        batch = batch_of(other, images)
        Batch.objects.filter(pk=batch.pk).update(method=method)
        with CaptureQueriesContext(connection) as queries:
            page_of(owner_client, batch)
        counts.append(len(queries))
    assert counts[0] == counts[1]
