"""The page of a review over HTTP: what it shows, what each act answers, and who may."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Image, Membership, Project, Role
from projects.services import edits
from projects.services.suggestions import search, suggest
from tests.projects.review_pages import Three, known_of, send, three
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import direction, make_image, make_label, near, three_classes

__all__ = ["three"]


pytestmark = pytest.mark.django_db


POSTS = [
    ("rows", {}),
    ("controls", {"k": 10, "threshold": 30, "top_only": True}),
    ("tick", {"item": 0, "label": 0, "ticked": True}),
    ("reset", {"all": True}),
    ("accept", {"label": 0}),
    ("remove", {"item": 0}),
    ("correct", {"image": 0, "label": 0}),
    ("undo", {}),
    ("redo", {}),
    ("commit", {}),
    ("discard", {}),
    ("reopen", {}),
]


@pytest.mark.parametrize(("path", "body"), POSTS)
def test_a_stranger_finds_nothing(stranger_client: Client, three: Three, path, body) -> None:
    assert send(stranger_client, three[2], path, **body).status_code == 404


def test_pages_of_a_stranger_and_of_nobody(
    stranger_client: Client, client: Client, project: Project, three: Three
) -> None:
    _labels, images, batch = three
    pages = [
        reverse("batch", args=[project.pk, batch.pk]),
        reverse("similar", args=[project.pk]) + f"?images={images[0].pk}",
        reverse("batch-neighbours", args=[project.pk, batch.pk, batch.items.first().pk]),
    ]
    for page in pages:
        assert stranger_client.get(page).status_code == 404
        assert client.get(page).status_code == 302
    for name in ("batch-next", "batch-first", "batch-selection", "similar-to"):
        url = reverse(name, args=[project.pk])
        assert stranger_client.post(url).status_code == 404
        assert client.post(url).status_code == 302


def test_a_batch_of_another_project_is_not_found(owner_client: Client, owner, three) -> None:
    other = Project.objects.create(name="Other", owner=owner)
    assert owner_client.get(reverse("batch", args=[other.pk, three[2].pk])).status_code == 404


def test_a_viewer_may_not_review(client: Client, stranger, project: Project, three) -> None:
    Membership.objects.create(project=project, user=stranger, role=Role.VIEWER)
    client.force_login(stranger)
    answer = send(client, three[2], "tick", item=1, label=1, ticked=True)
    assert answer.status_code == 403
    assert "role" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("controls", {"k": 0, "threshold": 30, "top_only": True}),
        ("controls", {"k": 101, "threshold": 30, "top_only": True}),
        ("controls", {"k": 10, "threshold": 101, "top_only": True}),
        ("controls", {"k": 10, "threshold": "a", "top_only": True}),
        ("controls", {"k": 10, "threshold": True, "top_only": True}),
        ("controls", {"k": True, "threshold": 3, "top_only": True}),
        ("controls", {"k": "ten", "threshold": 3, "top_only": True}),
        ("controls", {"k": 10, "threshold": 30, "top_only": False}),
        ("rows", {"known": []}),
        ("rows", {"known": {"x": "1"}}),
        ("tick", {"item": "x", "label": 1}),
        ("tick", {"item": 1, "name": 5}),
        ("tick", {"item": 1, "name": " "}),
        ("reset", {}),
        ("commit", {"ticks": []}),
        ("commit", {"ticks": {"1": 2}}),
    ],
)
def test_bad_requests_get_a_sentence(owner_client: Client, three: Three, path, body) -> None:
    answer = send(owner_client, three[2], path, **body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("query", ["sort=size", "show=x"])
def test_an_unknown_order_is_refused(owner_client: Client, three: Three, query: str) -> None:
    url = reverse("batch", args=[three[2].project_id, three[2].pk])
    assert owner_client.get(f"{url}?{query}").status_code == 400


def test_the_page_shows_rows_evidence_and_ticks(owner_client: Client, three: Three) -> None:
    (cat, *_), _images, batch = three
    html = owner_client.get(reverse("batch", args=[batch.project_id, batch.pk])).content.decode()
    assert html.count('<article class="row"') == 12
    assert html.count('class="hit"') - html.count(" data-like") == 120
    first = html.split('<article class="row"')[1]
    assert f'data-ticked="{cat.pk}"' in first
    assert re.search(r'class="percent">\d+ %<', first)
    assert 'aria-checked="true"' in first


def test_the_page_takes_a_fixed_number_of_queries(
    owner_client: Client, project: Project, three: Three, django_assert_max_num_queries
) -> None:
    _, images, batch = three
    small = batch_of(project, images[:2])
    search(small)
    counts = []
    for one in (small, batch):
        with django_assert_max_num_queries(30) as counted:
            owner_client.get(reverse("batch", args=[project.pk, one.pk]))
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_only_rows_that_changed_are_drawn_again(owner_client: Client, three: Three) -> None:
    (_, dog, _), _, batch = three
    page = owner_client.get(reverse("batch", args=[batch.project_id, batch.pk])).content.decode()
    known = known_of(page)
    assert len(known) == 12
    assert send(owner_client, batch, "rows", known=known).json()["html"] == {}
    item = batch.items.first().pk
    answer = send(owner_client, batch, "tick", known=known, item=item, label=dog.pk, ticked=True)
    assert list(answer.json()["html"]) == [str(item)]
    assert answer.json()["summary"]["edited"] == 1
    assert answer.json()["summary"]["undo"] == "Ticked dog"
    answer = send(owner_client, batch, "undo", known=known)
    assert answer.json()["html"] == {}


def test_controls_say_how_many_ticks_changed_since_the_gesture_began(
    owner_client: Client, three: Three
) -> None:
    batch = three[2]
    send(owner_client, batch, "controls", k=10, threshold=100, top_only=True)
    since = {"k": 10, "threshold": 30, "top_only": True}
    answer = send(owner_client, batch, "controls", k=10, threshold=99, top_only=True, since=since)
    assert answer.json()["changed"] == 12
    batch.refresh_from_db()
    assert batch.threshold == 99


def test_a_moved_control_draws_only_rows_near_the_window_and_names_the_others(
    owner_client: Client, three: Three
) -> None:
    batch = three[2]
    items = list(batch.items.order_by("position").values_list("pk", flat=True))
    drawn = send(owner_client, batch, "rows", known=dict.fromkeys(items, "")).json()["html"]
    known = {item: re.search(r'data-version="([^"]+)"', html)[1] for item, html in drawn.items()}
    move = {"k": 10, "threshold": 100, "top_only": True, "known": known}
    near = items[:3]
    answer = send(owner_client, batch, "controls", **move, near=near).json()
    assert sorted(map(int, answer["html"])) == near
    assert answer["stale"] == items[3:]
    # What the page has of the first three is what is right now; nothing is left to draw of them.
    for item, html in answer["html"].items():
        known[item] = re.search(r'data-version="([^"]+)"', html)[1]
    again = send(owner_client, batch, "controls", **{**move, "known": known}, near=near).json()
    assert again["html"] == {}
    assert again["stale"] == items[3:]


def test_without_a_window_every_changed_row_is_drawn(owner_client: Client, three: Three) -> None:
    batch = three[2]
    items = list(batch.items.values_list("pk", flat=True))
    known = dict.fromkeys(items, "old")
    move = {"k": 10, "threshold": 100, "top_only": True, "known": known}
    answer = send(owner_client, batch, "controls", **move).json()
    assert sorted(map(int, answer["html"])) == sorted(items)
    assert answer["stale"] == []


@pytest.mark.parametrize("near", ["1", [True], [{}], {"1": 1}, [-1]])
def test_rows_near_the_window_are_named_by_numbers(
    owner_client: Client, three: Three, near: object
) -> None:
    move = {"k": 10, "threshold": 50, "top_only": True, "near": near}
    assert send(owner_client, three[2], "controls", **move).status_code == 400


def test_sorts_and_filters(owner_client: Client, project: Project) -> None:
    labels, _ = three_classes(project)
    rng = np.random.default_rng(3)
    images = [
        make_image(project, near(2, rng), name="b.jpg"),
        make_image(project, near(0, rng), name="C.jpg"),
        make_image(project, direction(40), name="a.jpg"),
        make_image(project, name="d.jpg"),
    ]
    Image.objects.filter(pk=images[3].pk).update(embedding_state="failed", failure_reason="Torn.")
    batch = batch_of(project, images)
    search(batch)
    edits.set_tick(batch, project.owner, batch.items.first().pk, labels[0], ticked=True)

    def names(query: str) -> list[str]:
        url = reverse("batch", args=[project.pk, batch.pk])
        html = owner_client.get(f"{url}?{query}").content.decode()
        return re.findall(r'<article class="row"[^>]*aria-label="([^"]+)"', html)

    assert names("") == ["b.jpg", "C.jpg", "a.jpg", "d.jpg"]
    assert names("sort=name") == ["a.jpg", "b.jpg", "C.jpg", "d.jpg"]
    assert names("sort=uncertain")[:2] == ["d.jpg", "a.jpg"]
    assert names("sort=label")[0] == "C.jpg"
    assert names("show=unticked") == ["a.jpg", "d.jpg"]
    assert names("show=edited") == ["b.jpg"]
    assert names("show=failed") == ["d.jpg"]


def test_without_a_labeled_image_the_page_says_what_to_do(
    owner_client: Client, project: Project
) -> None:
    batch = batch_of(project, [make_image(project, direction(0))])
    html = owner_client.get(reverse("batch", args=[project.pk, batch.pk])).content.decode()
    assert "Label these by hand: press the key of a label" in html
    assert f'href="/projects/{project.pk}/"' in html


def test_an_image_that_cannot_be_read_says_why(owner_client: Client, project: Project) -> None:
    image = make_image(project)
    Image.objects.filter(pk=image.pk).update(
        embedding_state="failed", failure_reason="The file is <torn>."
    )
    batch = batch_of(project, [image])
    html = owner_client.get(reverse("batch", args=[project.pk, batch.pk])).content.decode()
    assert "cannot be read: The file is &lt;torn&gt;." in html
    assert 'data-act="remove"' in html


def test_new_labels_count_when_the_page_is_opened_again(
    owner_client: Client, project: Project
) -> None:
    image = make_image(project, direction(0))
    batch = batch_of(project, [image])
    url = reverse("batch", args=[project.pk, batch.pk])
    assert 'class="hit"' not in owner_client.get(url).content.decode()
    make_image(project, direction(0), make_label(project, "cat"))
    assert owner_client.get(url).content.decode().count('class="hit"') == 1


def test_a_wrong_label_found_among_the_evidence_is_mended(
    owner_client: Client, project: Project, three: Three
) -> None:
    (cat, _dog, owl), _images, batch = three
    row = suggest(batch)[0]
    neighbour = row.neighbours[0].image_id
    answer = send(
        owner_client,
        batch,
        "correct",
        image=neighbour,
        label=owl.pk,
        instead_of=cat.pk,
        known={str(row.item.pk): "old"},
    ).json()
    assert answer["said"].endswith("as owl instead of cat")
    assert str(row.item.pk) in answer["html"]
    carried = Image.objects.get(pk=neighbour).image_labels
    assert carried.get().label == owl
    send(owner_client, batch, "undo", correction=True)
    assert carried.get().label == cat
    again = send(owner_client, batch, "correct", image=neighbour, label=cat.pk)
    assert again.json()["said"] == ""


def test_mending_one_of_several_labels_leaves_the_others(project: Project, owner_client) -> None:
    project.multi_label = True
    project.save()
    cat, dog, _owl = (make_label(project, name) for name in ("cat", "dog", "owl"))
    image = make_image(project, direction(0), cat, dog)
    batch = batch_of(project, [make_image(project, direction(0))])
    send(owner_client, batch, "correct", image=image.pk, name="Hoopoe", instead_of=cat.pk)
    names = {each.label.name for each in image.image_labels.all()}
    assert names == {"dog", "Hoopoe"}
