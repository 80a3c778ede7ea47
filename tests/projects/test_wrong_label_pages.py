"""The page of wrong labels: who may see it, its bounds, its parts, and how much it asks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Image, Label, Membership, Project, Role
from projects.services import collections, wrong_labels
from tests.projects.services.test_wrong_labels import carried, wrong_project
from tests.reviews import make_image, make_label

pytestmark = pytest.mark.django_db

ACTS = ["cards", "replace", "confirm"]


def get(client: Client, project: Project, query: str = "") -> HttpResponse:
    return client.get(f"/projects/{project.pk}/wrong-labels{query}")  # type: ignore[return-value]


def post(client: Client, project: Project, part: str, **body: Any) -> Any:
    return client.post(
        f"/projects/{project.pk}/wrong-labels/{part}", json.dumps(body), "application/json"
    )


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer.content
    return " ".join(answer.content.decode().split())


def test_a_stranger_gets_404_and_the_anonymous_is_sent_to_sign_in(
    stranger_client: Client, project: Project
) -> None:
    assert get(stranger_client, project).status_code == 404
    assert get(Client(), project).status_code == 302


@pytest.mark.parametrize("part", ACTS)
def test_nor_may_they_act(part: str, stranger_client: Client, project: Project) -> None:
    assert post(stranger_client, project, part).status_code == 404
    assert post(Client(), project, part).status_code == 302


def test_a_viewer_looks_but_does_not_act(project: Project, client: Client) -> None:
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=project, user=viewer, role=Role.VIEWER)
    client.force_login(viewer)
    page = text_of(get(client, project))
    assert f'data-image="{image.pk}"' in page
    assert "data-take" not in page
    assert "data-undo-button" not in page
    assert post(client, project, "cards", known={}).status_code == 200
    card = [image.pk, dog.pk, cat.pk]
    assert post(client, project, "replace", cards=[card]).status_code == 403
    assert post(client, project, "confirm", cards=[card[:2]]).status_code == 403


@pytest.mark.parametrize("label", ["x", "0", "999999", "-1"])
def test_a_label_that_is_not_there_is_refused(
    label: str, owner_client: Client, project: Project
) -> None:
    assert get(owner_client, project, f"?label={label}").status_code == 400
    assert post(owner_client, project, "cards", known={}, label=label).status_code == 400


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ("cards", {}),
        ("cards", {"known": [1]}),
        ("cards", {"known": {"x": ""}}),
        ("replace", {}),
        ("replace", {"cards": []}),
        ("replace", {"cards": [[1, 2]]}),
        ("replace", {"cards": [[1, 2, "x"]]}),
        ("confirm", {"cards": [[1, 2, 3]]}),
        ("confirm", {"cards": [1]}),
    ],
)
def test_bad_bodies_are_refused(
    part: str, body: dict[str, Any], owner_client: Client, project: Project
) -> None:
    assert post(owner_client, project, part, **body).status_code == 400


def test_more_than_2000_images_at_once_are_refused(owner_client: Client, project: Project) -> None:
    answer = post(owner_client, project, "confirm", cards=[[1, 1]] * 2001)
    assert answer.status_code == 413
    assert "2,000" in answer.content.decode()


def test_a_card_shows_both_labels_the_probability_and_the_evidence(
    owner_client: Client, project: Project
) -> None:
    _, (image,) = wrong_project(project, (0, 1))
    page = text_of(get(owner_client, project))
    card = page.partition(f'data-image="{image.pk}"')[2].partition("</article>")[0]
    assert "% likely wrong" in card
    assert "Like these <b>cat</b>" in card
    assert "Unlike these <b>dog</b>" in card
    assert card.count("data-hit") == 6
    assert "any label (" in page


def test_one_present_label_alone_is_shown(owner_client: Client, project: Project) -> None:
    (cat, dog, _owl), (image, other) = wrong_project(project, (0, 1), (1, 2))
    page = text_of(get(owner_client, project, f"?label={dog.pk}"))
    assert f'<article class="suspect" tabindex="-1" data-image="{image.pk}"' in page
    assert f'<article class="suspect" tabindex="-1" data-image="{other.pk}"' not in page
    nothing = text_of(get(owner_client, project, f"?label={cat.pk}"))
    assert "No image labeled cat looks wrong" in nothing
    assert "Show all labels" in nothing


def test_what_is_empty_says_why(owner_client: Client, project: Project) -> None:
    page = text_of(get(owner_client, project))
    assert "Label at least 20 images first" in page
    assert "none does so far" in page
    make_image(project, None, make_label(project, "newt"))
    assert "1 image still waits for its embedding" in text_of(get(owner_client, project))
    Image.objects.all().delete()
    Label.objects.all().delete()
    wrong_project(project, labeled=5)
    assert "so far 15 do." in text_of(get(owner_client, project))


def test_where_no_label_looks_wrong_the_page_says_so(
    owner_client: Client, project: Project
) -> None:
    wrong_project(project)
    page = text_of(get(owner_client, project))
    assert "No label looks wrong" in page
    assert "<article" not in page


def test_corrected_cards_are_gone_and_undo_brings_them_back(
    owner_client: Client, project: Project
) -> None:
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    known = {str(image.pk): "old"}
    (card,) = post(owner_client, project, "cards", known=known).json()["cards"]
    assert card["image"] == image.pk
    assert 'class="suspect"' in card["html"]
    same = post(owner_client, project, "cards", known={str(image.pk): card["version"]}).json()
    assert same["cards"] == []
    answer = post(owner_client, project, "replace", cards=[[image.pk, dog.pk, cat.pk]]).json()
    assert answer["message"] == "Corrected the label of 1 image to cat"
    assert answer["act"]
    after = post(owner_client, project, "cards", known=known).json()
    assert after["gone"] == [image.pk]
    assert after["undo"] == answer["message"]
    owner_client.post(f"/projects/{project.pk}/undo", "{}", "application/json")
    assert post(owner_client, project, "cards", known=known).json()["gone"] == []


def test_another_label_is_given_by_its_id_or_by_a_new_name(
    owner_client: Client, project: Project
) -> None:
    (cat, dog, owl), (image, other) = wrong_project(project, (0, 1), (0, 1))
    card, another = [image.pk, dog.pk, cat.pk], [other.pk, dog.pk, cat.pk]
    post(owner_client, project, "replace", cards=[card], label=owl.pk)
    post(owner_client, project, "replace", cards=[another], name="newt")
    assert [carried(image), carried(other)] == [["owl"], ["newt"]]
    owner_client.post(f"/projects/{project.pk}/undo", "{}", "application/json")
    assert not Label.objects.live().filter(name="newt").exists()
    nothing = post(owner_client, project, "replace", cards=[another], label=dog.pk).json()
    assert nothing == {"message": "Nothing to change: press R if that label is right", "act": None}


def test_a_confirmed_label_is_gone(owner_client: Client, project: Project) -> None:
    (_, dog, _), (image,) = wrong_project(project, (0, 1))
    answer = post(owner_client, project, "confirm", cards=[[image.pk, dog.pk]]).json()
    assert answer["message"] == "Confirmed the label of 1 image"
    assert post(owner_client, project, "cards", known={str(image.pk): ""}).json()["gone"]


def test_more_cards_are_those_not_known_yet(
    owner_client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_labels, "PAGE", 2)
    wrong_project(project, (0, 1), (1, 2), (2, 0), labeled=30)
    page = get(owner_client, project).content.decode()
    assert page.count("<article") == 2
    shown = [part.partition('"')[0] for part in page.split('tabindex="-1" data-image="')[1:3]]
    answer = post(owner_client, project, "cards", known=dict.fromkeys(shown, ""), more=True).json()
    new = [card["image"] for card in answer["cards"] if str(card["image"]) not in shown]
    assert len(new) == 1
    assert answer["more"] is False


@pytest.mark.parametrize("wrong", [1, 5])
def test_the_page_asks_the_same_number_of_questions_however_many_look_wrong(
    wrong: int,
    owner_client: Client,
    project: Project,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    wrong_project(project, *[(0, 1)] * wrong, labeled=30)
    collections.forget()
    with django_assert_num_queries(QUERIES_JUDGING):
        assert "<article" in text_of(get(owner_client, project))
    with django_assert_num_queries(QUERIES_KNOWN):
        get(owner_client, project)


QUERIES_JUDGING = 17
QUERIES_KNOWN = 10
