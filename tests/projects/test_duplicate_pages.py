"""The page of near-duplicates: who may see it, its bounds, its parts, and how much it asks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Membership, Project, Role
from projects.services import collections, near_pairs
from projects.services.duplicates import PAGE
from tests.projects.services.test_duplicates import copies, labels_of
from tests.reviews import direction, make_image, make_label

pytestmark = pytest.mark.django_db

PARTS = ["duplicates", "duplicates/more"]
ACTS = ["duplicates/cards", "duplicates/like", "duplicates/like-all"]


def get(client: Client, project: Project, part: str = "duplicates") -> HttpResponse:
    return client.get(f"/projects/{project.pk}/{part}")  # type: ignore[return-value]


def post(client: Client, project: Project, part: str, **body: Any) -> HttpResponse:
    return client.post(  # type: ignore[return-value]
        f"/projects/{project.pk}/duplicates/{part}", json.dumps(body), "application/json"
    )


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer.content
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize("part", PARTS)
def test_a_stranger_gets_404_and_the_anonymous_is_sent_to_sign_in(
    part: str, stranger_client: Client, project: Project
) -> None:
    assert get(stranger_client, project, part).status_code == 404
    assert get(Client(), project, part).status_code == 302


@pytest.mark.parametrize("part", ACTS)
def test_nor_may_they_act(part: str, stranger_client: Client, project: Project) -> None:
    url = f"/projects/{project.pk}/{part}"
    assert stranger_client.post(url, "{}", "application/json").status_code == 404
    assert Client().post(url, "{}", "application/json").status_code == 302


def test_a_viewer_looks_but_does_not_act(project: Project, client: Client) -> None:
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=project, user=viewer, role=Role.VIEWER)
    images = copies(project, 1, make_label(project, "cat"), None)
    client.force_login(viewer)
    page = text_of(get(client, project))
    assert "data-group=" in page
    assert "data-thin" not in page
    assert "data-like" not in page
    assert post(client, project, "cards", known={}).status_code == 200
    like = {"images": [image.pk for image in images], "like": images[0].pk}
    assert post(client, project, "like", **like).status_code == 403
    assert post(client, project, "like-all").status_code == 403


@pytest.mark.parametrize(
    "query", ["alike=89", "alike=100", "alike=x", "after=4-1", "after=1", "after=1-x"]
)
@pytest.mark.parametrize("part", PARTS)
def test_bad_bounds_are_refused(
    part: str, query: str, owner_client: Client, project: Project
) -> None:
    assert get(owner_client, project, f"{part}?{query}").status_code == 400


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ("cards", {}),
        ("cards", {"known": [1]}),
        ("cards", {"known": {"x": ""}}),
        ("cards", {"known": {}, "alike": 12}),
        ("like", {"images": [1]}),
        ("like", {"images": "1", "like": 1}),
        ("like", {"images": [1], "like": 1}),
        ("like-all", {"alike": "often"}),
    ],
)
def test_bad_bodies_are_refused(
    part: str, body: dict[str, Any], owner_client: Client, project: Project
) -> None:
    assert post(owner_client, project, part, **body).status_code == 400


def test_a_card_shows_its_images_with_labels_sizes_and_percents(
    owner_client: Client, project: Project
) -> None:
    images = copies(project, 1, make_label(project, "cat"), None)
    page = text_of(get(owner_client, project))
    assert all(image.name in page for image in images)
    assert "40 × 30, 1000 bytes" in page
    assert "1 of 2 labeled" in page
    assert "Delete 1 extra copy" in page
    assert "Label all 1 group like their labeled images (1 image)" in page
    assert "Label all like the labeled one<" in page


def test_labels_that_differ_are_pointed_out(owner_client: Client, project: Project) -> None:
    copies(project, 1, make_label(project, "cat"), make_label(project, "dog"))
    page = text_of(get(owner_client, project))
    assert "Labels differ" in page
    assert "Label all like the labeled" not in page


def test_what_is_empty_says_why(owner_client: Client, project: Project) -> None:
    assert "No images yet" in text_of(get(owner_client, project))
    make_image(project)
    assert "Nothing to compare yet" in text_of(get(owner_client, project))
    for subject in range(2):
        make_image(project, direction(subject))
    page = text_of(get(owner_client, project))
    assert "No near-duplicates" in page
    assert "1 image still waits for its embedding" in page
    assert "?alike=90" in page
    assert "Look loosely" not in text_of(get(owner_client, project, "duplicates?alike=90"))


def test_while_all_are_compared_the_page_says_so(
    owner_client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies(project, 1, None, None)
    monkeypatch.setattr(near_pairs, "PATIENCE", 0.01)
    with near_pairs._of(project).lock:
        assert "Comparing 2 images" in text_of(get(owner_client, project))
        assert post(owner_client, project, "cards", known={}).status_code == 409
        assert get(owner_client, project, "duplicates/more").status_code == 409


def test_more_groups_come_behind_the_last_one(owner_client: Client, project: Project) -> None:
    for subject in range(PAGE + 2):
        copies(project, 50 + subject, None, None)
    page = get(owner_client, project).content.decode()
    assert page.count("<article") == PAGE
    place = page.partition('data-next="')[2].partition('"')[0]
    answer = get(owner_client, project, f"duplicates/more?after={place}").json()  # type: ignore[attr-defined]
    assert len(answer["cards"]) == 2
    assert answer["next"] == ""
    assert all(f'data-group="{card["key"]}"' in card["html"] for card in answer["cards"])


def test_only_cards_that_changed_are_drawn_and_those_gone_are_named(
    owner_client: Client, project: Project
) -> None:
    cat = make_label(project, "cat")
    one, two, three = (copies(project, subject, cat, None) for subject in (1, 2, 3))
    keys = [str(images[0].pk) for images in (one, two, three)]
    known = dict.fromkeys(keys, "")
    answer = post(owner_client, project, "cards", known=known).json()  # type: ignore[attr-defined]
    known = {str(card["key"]): card["version"] for card in answer["cards"]}
    assert list(known) == keys
    post(owner_client, project, "like", images=[each.pk for each in one], like=one[0].pk)
    owner_client.post(
        f"/projects/{project.pk}/images/trash",
        json.dumps({"images": [two[1].pk]}),
        "application/json",
    )
    answer = post(owner_client, project, "cards", known=known).json()  # type: ignore[attr-defined]
    assert [card["key"] for card in answer["cards"]] == [one[0].pk]
    assert answer["gone"] == [two[0].pk]
    assert answer["sums"] == {"groups": 2, "images": 4, "partly": 1, "to_label": 1}
    assert answer["undo"] == "Deleted 1 image"


def test_acts_say_how_many_and_are_undone(owner_client: Client, project: Project) -> None:
    images = copies(project, 1, make_label(project, "cat"), None, None)
    others = copies(project, 2, make_label(project, "dog"), None)
    answer = post(owner_client, project, "like-all", alike=95).json()  # type: ignore[attr-defined]
    assert answer["message"] == "Labeled 3 images like their near-duplicates"
    assert answer["act"]
    assert labels_of([*images, *others]) == [["cat"]] * 3 + [["dog"]] * 2
    answer = post(owner_client, project, "like-all", alike=95).json()  # type: ignore[attr-defined]
    assert answer["act"] is None
    owner_client.post(f"/projects/{project.pk}/undo", "{}", "application/json")
    assert labels_of(images) == [["cat"], [], []]


def test_images_of_another_project_are_left_alone(
    owner_client: Client, owner: User, project: Project
) -> None:
    images = copies(project, 1, make_label(project, "cat"), None)
    foreign = make_image(Project.objects.create(name="Other", owner=owner))
    body = {"images": [images[1].pk, foreign.pk, images[0].pk], "like": images[0].pk}
    answer = post(owner_client, project, "like", **body).json()  # type: ignore[attr-defined]
    assert answer["message"] == "Labeled 1 image like another one"
    assert labels_of([foreign]) == [[]]


def test_the_page_takes_as_many_queries_for_twenty_groups_as_for_one(
    owner_client: Client,
    project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    cat = make_label(project, "cat")
    copies(project, 1, cat, None)
    for subject in range(2, 22):
        copies(project, subject, cat, None)
    collections.collection(Project.objects.get(pk=project.pk))
    with django_assert_max_num_queries(13):
        text_of(get(owner_client, project))
    with django_assert_max_num_queries(11):
        post(owner_client, project, "cards", known={"1": ""})
