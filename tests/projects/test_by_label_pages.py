"""The page of review by label: who may see it, its bounds, its parts, and how much it asks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Act, Image, Label, Membership, Project, Role
from projects.services.by_label import rejections
from projects.services.teaching import taught
from projects.views.by_label import MOST_DECISIONS
from tests.reviews import direction, make_image, make_label, near, three_classes

pytestmark = pytest.mark.django_db


@pytest.fixture
def animals(project: Project) -> tuple[list[Label], list[Image]]:
    return three_classes(project, labeled=8, unlabeled=4)


def get(client: Client, project: Project, part: str = "") -> HttpResponse:
    return client.get(f"/projects/{project.pk}/by-label{part}")  # type: ignore[return-value]


def post(client: Client, project: Project, part: str, **body: Any) -> HttpResponse:
    return client.post(  # type: ignore[return-value]
        f"/projects/{project.pk}/by-label/{part}",
        json.dumps(body),
        "application/json",
        HTTP_ACCEPT="application/json",
    )


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer.content
    return " ".join(answer.content.decode().split())


def said(image: Image, suggested: Label | None, chosen: Label | None) -> dict[str, int | None]:
    return {
        "image": image.pk,
        "suggested": suggested and suggested.pk,
        "chosen": chosen and chosen.pk,
    }


@pytest.mark.parametrize("part", ["", "/sheet", "/evidence/1"])
def test_a_stranger_gets_404_and_the_anonymous_is_sent_to_sign_in(
    part: str, stranger_client: Client, project: Project
) -> None:
    assert get(stranger_client, project, part).status_code == 404
    assert get(Client(), project, part).status_code == 302


@pytest.mark.parametrize("part", ["decide", "new-label"])
def test_nor_may_they_act(part: str, stranger_client: Client, project: Project) -> None:
    assert post(stranger_client, project, part).status_code == 404
    assert post(Client(), project, part).status_code == 302


def test_a_viewer_is_told_that_the_role_is_too_low(project: Project, client: Client) -> None:
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=project, user=viewer, role=Role.VIEWER)
    client.force_login(viewer)
    for part in ("", "/sheet", "/evidence/1"):
        assert get(client, project, part).status_code == 403
    for part in ("decide", "new-label"):
        assert post(client, project, part).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["label=x", "label=0", "method=luck", "but=1,x", "but=,", f"but={','.join(['1'] * 501)}"],
)
@pytest.mark.parametrize("part", ["", "/sheet"])
def test_bad_bounds_are_refused(
    part: str, query: str, owner_client: Client, project: Project
) -> None:
    assert get(owner_client, project, f"{part}?{query}").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"decisions": []},
        {"decisions": {"image": 1}},
        {"decisions": [1]},
        {"decisions": [{"image": "x", "suggested": 1, "chosen": 1}]},
        {"decisions": [{"image": 1, "suggested": True, "chosen": 1}]},
        {"decisions": [{"image": 1, "suggested": 1, "chosen": -1}]},
        {"decisions": [{"suggested": 1, "chosen": 1}]},
        {"decisions": [{"image": 1, "suggested": 1, "chosen": 1}], "method": "luck"},
        {"decisions": [{"image": 1, "suggested": 1, "chosen": 1}], "method": ["auto"]},
    ],
)
def test_bad_decisions_are_refused(
    body: dict[str, Any], owner_client: Client, project: Project
) -> None:
    assert post(owner_client, project, "decide", **body).status_code == 400


def test_too_many_decisions_are_refused(owner_client: Client, project: Project) -> None:
    many = [{"image": at, "suggested": 1, "chosen": 1} for at in range(MOST_DECISIONS + 1)]
    assert post(owner_client, project, "decide", decisions=many).status_code == 413


def test_the_page_shows_sections_counts_and_why_the_method(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]]
) -> None:
    labels, images = animals
    page = text_of(get(owner_client, project))
    assert all(f'data-id="{image.pk}"' in page for image in images)
    assert all(f'data-section="{label.pk}"' in page for label in labels)
    assert "4 images" in page
    assert "from 24 labeled images" in page
    assert "100 %" not in page
    one = text_of(get(owner_client, project, f"?label={labels[1].pk}&method=neighbours"))
    assert one.count('role="option"') == 4
    assert "Neighbours, from 24 labeled images." in one


def test_names_are_escaped(owner_client: Client, project: Project) -> None:
    label = make_label(project, "<b>cat</b>")
    make_image(project, direction(0), label)
    make_image(project, direction(0), name="<i>.jpg")
    page = text_of(get(owner_client, project))
    assert "<b>cat" not in page
    assert "<i>" not in page


def test_a_label_that_is_gone_leads_to_all_labels(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]], stranger: User
) -> None:
    theirs = make_label(Project.objects.create(name="Other", owner=stranger), "cat")
    answer = get(owner_client, project, f"?label={theirs.pk}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/projects/{project.pk}/by-label"
    sheet = get(owner_client, project, f"/sheet?label={theirs.pk}")
    assert sheet.status_code == 409


def test_what_is_empty_says_why(owner_client: Client, project: Project) -> None:
    assert "No images yet" in text_of(get(owner_client, project))
    image = make_image(project, direction(0))
    make_image(project)
    page = text_of(get(owner_client, project))
    assert "Label these first" in page
    assert "1 image still waits for its embedding" in page
    cat = make_label(project, "cat")
    make_image(project, direction(0), cat)
    dog = make_label(project, "dog")
    assert "Nothing is suggested as dog" in text_of(get(owner_client, project, f"?label={dog.pk}"))
    assert "Nothing looks new" in text_of(get(owner_client, project, "?new=1"))
    left = text_of(get(owner_client, project, f"?but={image.pk}"))
    assert "Only what you left out is left here" in left
    post(owner_client, project, "decide", decisions=[said(image, cat, cat)])
    assert "Nothing to show at the moment" in text_of(get(owner_client, project))
    Image.objects.filter(project=project, is_labeled=False).update(state=Image.State.TRASH)
    page = text_of(get(owner_client, project))
    assert "Every image has a label" in page
    assert f"/projects/{project.pk}/standing" in page
    assert f"/projects/{project.pk}/wrong-labels" in page


def test_deciding_says_what_it_came_to_and_undo_brings_it_back(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]]
) -> None:
    (cat, dog, _), images = animals
    decisions = [said(images[0], cat, cat), said(images[3], cat, dog), said(images[6], cat, None)]
    answer = json.loads(text_of(post(owner_client, project, "decide", decisions=decisions)))
    assert answer["message"] == "Accepted 1 suggestion, corrected 1, rejected 1"
    sheet = json.loads(text_of(get(owner_client, project, "/sheet")))
    assert sheet["undo"] == answer["message"]
    assert f'data-id="{images[0].pk}"' not in sheet["sheet"]
    assert sheet["left"] == 10
    owner_client.post(f"/projects/{project.pk}/undo", "{}", "application/json")
    sheet = json.loads(text_of(get(owner_client, project, "/sheet")))
    assert sheet["redo"] == answer["message"]
    assert f'data-id="{images[0].pk}"' in sheet["sheet"]
    assert rejections(project) == {}


def test_a_second_tab_is_told_and_changes_nothing(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]]
) -> None:
    (cat, *_), images = animals
    decisions = [said(images[0], cat, cat)]
    post(owner_client, project, "decide", decisions=decisions)
    acts = Act.objects.count()
    again = post(owner_client, project, "decide", decisions=decisions)
    assert again.status_code == 409
    assert json.loads(again.content)["code"] == "decided_meanwhile"
    assert Act.objects.count() == acts


def test_another_projects_images_and_labels_are_out_of_reach(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]], stranger: User
) -> None:
    (cat, *_), images = animals
    other = Project.objects.create(name="Other", owner=stranger)
    theirs, label = make_image(other, direction(0)), make_label(other, "cat")
    assert (
        post(owner_client, project, "decide", decisions=[said(theirs, cat, cat)]).status_code == 409
    )
    answer = post(owner_client, project, "decide", decisions=[said(images[0], cat, label)])
    assert answer.status_code == 409
    assert not theirs.image_labels.exists()
    assert get(owner_client, project, f"/evidence/{theirs.pk}").status_code == 404


def test_a_new_label_is_made_and_can_be_taken_back(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]]
) -> None:
    answer = json.loads(text_of(post(owner_client, project, "new-label", name=" newt ")))
    assert answer["label"]["name"] == "newt"
    assert answer["label"]["key"] == "4"
    assert [each["name"] for each in answer["labels"]] == ["cat", "dog", "owl", "newt"]
    assert post(owner_client, project, "new-label", name="NEWT").status_code == 409
    assert post(owner_client, project, "new-label", name="a|b").status_code == 400
    owner_client.post(f"/projects/{project.pk}/undo", "{}", "application/json")
    assert not project.labels.live().filter(name="newt").exists()  # type: ignore[attr-defined]


def test_evidence_names_both_labels_and_shows_their_nearest(
    owner_client: Client, project: Project, animals: tuple[list[Label], list[Image]]
) -> None:
    _, images = animals
    part = text_of(get(owner_client, project, f"/evidence/{images[0].pk}"))
    assert part.count('class="evidence"') == 2
    assert part.count("<img") == 8
    assert "suggested," in part
    assert "second best" in part


def test_a_sheet_asks_as_much_for_many_images_as_for_few(
    owner_client: Client,
    project: Project,
    animals: tuple[list[Label], list[Image]],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    get(owner_client, project, "/sheet")
    with django_assert_num_queries(14, exact=False) as few:
        get(owner_client, project, "/sheet")
    rng = np.random.default_rng(4)
    for at in range(40):
        make_image(project, near(at % 3, rng))
    project.refresh_from_db()
    taught(project)
    with django_assert_num_queries(len(few)):
        get(owner_client, project, "/sheet")
