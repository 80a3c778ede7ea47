"""The pages of acceptance: who may see them, their bounds, what they say, and how much they ask."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Batch, ImageLabel, Membership, Project, Role
from projects.services import batches, collections
from projects.services.offers import offer
from tests.acceptances import make_many, sure_project
from tests.projects.services.test_acceptances import accept_all

pytestmark = pytest.mark.django_db


def get(client: Client, project: Project, part: str) -> HttpResponse:
    return client.get(f"/projects/{project.pk}/{part}")  # type: ignore[return-value]


def post(client: Client, project: Project, part: str, **body: Any) -> HttpResponse:
    return client.post(  # type: ignore[return-value]
        f"/projects/{project.pk}/{part}", json.dumps(body), "application/json"
    )


def send(client: Client, project: Project, part: str, **fields: Any) -> HttpResponse:
    return client.post(f"/projects/{project.pk}/{part}", fields)  # type: ignore[return-value]


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer.content
    return " ".join(answer.content.decode().split())


@pytest.fixture
def batch(project: Project) -> Batch:
    sure_project(project)
    return accept_all(project)[1]


def shown_of(batch: Batch) -> list[int]:
    return list(batch.items.filter(asked_back=True).values_list("pk", flat=True))


PAGES = ["accept", "accept?allowed=1", "accept/offer", "batches/{}/check"]
ACTS = ["accept/save", "batches/{}/check/save", "batches/{}/take-back"]


def test_strangers_get_404_and_the_anonymous_are_sent_to_sign_in(
    stranger_client: Client, project: Project, batch: Batch
) -> None:
    for part in PAGES:
        assert get(stranger_client, project, part.format(batch.pk)).status_code == 404
        assert get(Client(), project, part.format(batch.pk)).status_code == 302
    for part in ACTS:
        assert send(stranger_client, project, part.format(batch.pk)).status_code == 404
        assert send(Client(), project, part.format(batch.pk)).status_code == 302
    batch.refresh_from_db()
    assert batch.state == Batch.State.COMMITTED


def test_a_viewer_is_refused(client: Client, project: Project, batch: Batch) -> None:
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=project, user=viewer, role=Role.VIEWER)
    client.force_login(viewer)
    for part in PAGES:
        assert get(client, project, part.format(batch.pk)).status_code == 403
    for part in ACTS:
        assert send(client, project, part.format(batch.pk)).status_code == 403


@pytest.mark.parametrize(
    "part",
    ["accept?allowed=3", "accept?allowed=", "accept?allowed=x", "accept?allowed=1&method=luck"],
)
def test_bad_bounds_are_refused(owner_client: Client, project: Project, part: str) -> None:
    make_many(project, [0])
    assert get(owner_client, project, part).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"shown": "1"},
        {"shown": [], "wrong": {}},
        {"shown": [1], "wrong": [1]},
        {"shown": [1], "wrong": {"x": None}},
        {"shown": [1], "wrong": {"1": "cat"}},
        {"shown": [1], "wrong": {"1": {"name": 3}}},
        {"shown": [1], "wrong": {"2": None}},
    ],
)
def test_bad_bodies_are_refused(
    owner_client: Client, project: Project, body: dict[str, Any]
) -> None:
    bare = Batch.objects.create(
        project=project, kind=Batch.Kind.ACCEPTED, state=Batch.State.COMMITTED
    )
    answer = post(owner_client, project, f"batches/{bare.pk}/check/save", **body)
    assert answer.status_code == 400


def test_a_look_is_at_all_or_at_the_sample(
    owner_client: Client, project: Project, batch: Batch
) -> None:
    assert get(owner_client, project, f"batches/{batch.pk}/check?look=some").status_code == 400


def test_a_batch_of_another_kind_has_no_check_and_an_accepted_one_no_review(
    owner_client: Client, project: Project, batch: Batch
) -> None:
    answer = get(owner_client, project, f"batches/{batch.pk}/")
    assert answer.headers["Location"] == f"/projects/{project.pk}/batches/{batch.pk}/check"
    make_many(project, [0])
    other = batches.next_batch(project, project.owner, 10)
    assert get(owner_client, project, f"batches/{other.pk}/check").status_code == 404


def test_the_page_says_how_many_and_how_many_wrong(owner_client: Client, project: Project) -> None:
    sure_project(project)
    page = text_of(get(owner_client, project, "accept?allowed=1"))
    assert "300 of 300 suggestions" in page
    assert 'Expected to be wrong: <b class="number">less than 1</b>' in page
    assert "Accept 300 suggestions" in page
    assert "30 of them, drawn at random, come back for a check" in page
    assert '<a class="share" href="?allowed=1" aria-current="true">' in page


def test_the_last_choice_is_remembered(owner_client: Client, project: Project) -> None:
    base = f"/projects/{project.pk}/accept"
    assert get(owner_client, project, "accept").headers["Location"] == f"{base}?allowed=1"
    get(owner_client, project, "accept?allowed=0.5")
    assert get(owner_client, project, "accept").headers["Location"] == f"{base}?allowed=0.5"
    answer = get(owner_client, project, "accept/offer").json()  # type: ignore[attr-defined]
    assert answer["url"] == f"{base}?allowed=0.5"


def test_where_nothing_can_be_accepted_the_page_says_what_would_help(
    owner_client: Client, project: Project
) -> None:
    assert "Every image of this project has a label" in text_of(
        get(owner_client, project, "accept?allowed=1")
    )
    sure_project(project, labeled=60)
    page = text_of(get(owner_client, project, "accept?allowed=1"))
    assert "Nothing can be accepted at 1 % yet" in page
    assert "10 % would allow 300 now." in page
    assert "Label a batch" in page
    assert "data-accept" not in page


def test_a_project_with_several_labels_is_told_what_to_do_instead(
    owner_client: Client, project: Project
) -> None:
    Project.objects.filter(pk=project.pk).update(multi_label=True)
    page = text_of(get(owner_client, project, "accept?allowed=1"))
    assert "each label has a threshold of its own" in page
    assert f'action="/projects/{project.pk}/batches/next"' in page
    assert send(owner_client, project, "accept/save", allowed="1", seen="").status_code == 400
    answer = get(owner_client, project, "accept/offer").json()  # type: ignore[attr-defined]
    assert answer["number"] == 0


def test_the_offer_alone_is_short(owner_client: Client, project: Project) -> None:
    sure_project(project)
    answer = get(owner_client, project, "accept/offer?allowed=1").json()  # type: ignore[attr-defined]
    assert answer == {
        "number": 300,
        "expected": "0.2",
        "url": f"/projects/{project.pk}/accept?allowed=1",
    }


def test_a_double_click_accepts_once_and_says_so(owner_client: Client, project: Project) -> None:
    sure_project(project)
    fields = {"allowed": "1", "method": "auto", "seen": offer(project, allowed=0.01).version}
    first = send(owner_client, project, "accept/save", **fields)
    made = project.batches.get()
    assert first.headers["Location"] == f"/projects/{project.pk}/batches/{made.pk}/check"
    second = send(owner_client, project, "accept/save", **fields)
    assert second.headers["Location"] == f"/projects/{project.pk}/accept?allowed=1"
    assert "Nothing was saved" in text_of(get(owner_client, project, "accept?allowed=1"))
    assert project.batches.count() == 1


def test_accept_check_report_and_taking_back(
    owner_client: Client, project: Project, batch: Batch
) -> None:
    url = f"batches/{batch.pk}/check"
    page = text_of(get(owner_client, project, url))
    assert "Check 30 of 300 accepted" in page
    assert page.count("data-mark ") == 30
    assert "All 30 are right" in page
    shown = shown_of(batch)
    wrong = {str(pk): {"name": "newt"} for pk in shown[:3]}
    answer = post(owner_client, project, f"{url}/save", shown=shown, wrong=wrong)
    assert answer.json() == {  # type: ignore[attr-defined]
        "message": "Checked 30 accepted suggestions, 3 of them wrong"
    }
    page = text_of(get(owner_client, project, url))
    assert (
        "3 of 30 wrong: 10 % measured (3.5 to 26 % with 95 % confidence), 1 % was allowed" in page
    )
    assert "more than was allowed, and not by chance" in page
    assert "Look at the other 270, least certain first" in page
    assert "data-mark" not in page
    page = text_of(get(owner_client, project, f"{url}?look=all"))
    assert page.count("data-mark ") == 60
    answer = send(owner_client, project, f"batches/{batch.pk}/take-back")
    assert answer.headers["Location"] == f"/projects/{project.pk}/{url}"
    assert "This acceptance was undone" in text_of(get(owner_client, project, url))
    assert ImageLabel.objects.filter(label__name="newt").count() == 3
    assert send(owner_client, project, f"batches/{batch.pk}/take-back").status_code == 302
    assert "taken back already" in text_of(get(owner_client, project, url))


def test_a_second_check_is_refused(owner_client: Client, project: Project, batch: Batch) -> None:
    shown, url = shown_of(batch), f"batches/{batch.pk}/check/save"
    assert post(owner_client, project, url, shown=shown).status_code == 200
    assert post(owner_client, project, url, shown=shown).status_code == 409


def test_the_project_offers_the_open_check(
    owner_client: Client, project: Project, batch: Batch
) -> None:
    banner = "300 suggestions were accepted; 30 of them wait for your check."
    assert banner in text_of(get(owner_client, project, ""))
    post(owner_client, project, f"batches/{batch.pk}/check/save", shown=shown_of(batch))
    assert banner not in text_of(get(owner_client, project, ""))


def test_the_review_page_has_a_place_for_the_offer(owner_client: Client, project: Project) -> None:
    sure_project(project)
    open_batch = batches.next_batch(project, project.owner, 10)
    page = text_of(get(owner_client, project, f"batches/{open_batch.pk}/"))
    assert f'data-url="/projects/{project.pk}/accept/offer"' in page
    assert "accept-offer.js" in page


def test_the_pages_ask_as_much_for_many_images_as_for_few(
    owner_client: Client,
    project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    sure_project(project, labeled=420, unlabeled=300)
    for more in (0, 900):
        make_many(project, [at % 3 for at in range(more)], seed=9)
        collections.collection(Project.objects.get(pk=project.pk))
        with django_assert_max_num_queries(17):
            text_of(get(owner_client, project, "accept?allowed=1"))
        with django_assert_max_num_queries(11):
            text_of(get(owner_client, project, "accept?allowed=2"))
    _, made = accept_all(Project.objects.get(pk=project.pk))
    get(owner_client, project, f"batches/{made.pk}/check")
    with django_assert_max_num_queries(13):
        text_of(get(owner_client, project, f"batches/{made.pk}/check"))
    post(owner_client, project, f"batches/{made.pk}/check/save", shown=shown_of(made))
    with django_assert_max_num_queries(8):
        text_of(get(owner_client, project, f"batches/{made.pk}/check"))
