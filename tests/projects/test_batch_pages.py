"""Batches over HTTP: begun from a selection or by an order, added, discarded, offered."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Batch, Membership, Project, Role
from projects.services import commits, edits
from projects.services.suggestions import suggest
from tests.projects.review_pages import Three, send, three
from tests.reviews import direction, make_image, make_label, near, put_label

__all__ = ["three"]


pytestmark = pytest.mark.django_db


def chosen_order(client: Client, project: Project) -> str:
    """What the form of the project's page would send."""
    html = client.get(reverse("project", args=[project.pk])).content.decode()
    form = html[html.index("data-next-batch") :].partition("</form>")[0]
    return re.findall(r'<option value="(\w+)" selected>', form)[0]


def test_committing_leads_to_the_result(owner_client: Client, project: Project, three) -> None:
    _, _images, batch = three
    ticks = {row.item.pk: list(row.ticked) for row in suggest(batch)}
    answer = send(owner_client, batch, "commit", ticks=ticks)
    html = owner_client.get(answer.json()["url"]).content.decode()
    assert "12 added · 12 of 12 suggestions right (100 %)" in html
    assert "Every image of this project has a label." in html
    again = send(owner_client, batch, "commit", ticks=ticks)
    assert again.status_code == 409
    assert again.json()["code"] == "batch_committed"
    assert send(owner_client, batch, "rows").status_code == 409
    answer = owner_client.post(reverse("batch-reopen", args=[project.pk, batch.pk]))
    assert answer.status_code == 302
    assert Batch.objects.get(pk=batch.pk).state == Batch.State.OPEN
    answer = owner_client.post(reverse("batch-reopen", args=[project.pk, batch.pk]))
    assert answer.status_code == 409


def test_ticks_that_differ_from_those_seen_are_refused(owner_client: Client, three) -> None:
    batch = three[2]
    ticks = {row.item.pk: [] for row in suggest(batch)}
    answer = send(owner_client, batch, "commit", ticks=ticks)
    assert answer.status_code == 409
    assert answer.json()["code"] == "ticks_changed"


def test_next_batch_is_a_plain_form(owner_client: Client, project: Project) -> None:
    url = reverse("batch-next", args=[project.pk])
    assert owner_client.post(url, {"size": "20"}, follow=True).redirect_chain[-1][0] == reverse(
        "project", args=[project.pk]
    )
    make_image(project, direction(0))
    answer = owner_client.post(url, {"size": "20"})
    batch = Batch.objects.get()
    assert answer.url == reverse("batch", args=[project.pk, batch.pk])
    assert owner_client.post(url, {"size": "9"}).status_code == 400
    assert owner_client.post(url, {"size": "many"}).status_code == 400


def test_the_order_of_next_batches_is_remembered_for_each_person_and_project(
    owner_client: Client, project: Project
) -> None:
    url = reverse("batch-next", args=[project.pk])
    for _ in range(30):
        make_image(project, direction(0))
    assert chosen_order(owner_client, project) == "mixed"
    owner_client.post(url, {"size": "10", "order": "uncertain"})
    assert chosen_order(owner_client, project) == "uncertain"
    other = Project.objects.create(name="Other", owner=project.owner)
    assert chosen_order(owner_client, other) == "mixed"
    Batch.objects.update(state=Batch.State.COMMITTED)
    done = owner_client.get(reverse("batch", args=[project.pk, Batch.objects.get().pk]))
    assert '<option value="uncertain" selected>' in done.content.decode()
    owner_client.post(reverse("batch-first", args=[project.pk]), {"size": "10"})
    assert chosen_order(owner_client, project) == "uncertain"
    assert Batch.objects.latest("pk").items.count() == 10


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("batch-next", {"order": "size"}),
        ("batch-next", {"order": ""}),
        ("batch-first", {"size": "9"}),
        ("batch-first", {"size": "101"}),
        ("batch-first", {"size": "many"}),
    ],
)
def test_another_order_or_size_is_refused(owner_client, project: Project, name, body) -> None:
    assert owner_client.post(reverse(name, args=[project.pk]), body).status_code == 400
    assert not Batch.objects.exists()


def test_a_viewer_may_not_begin_a_batch(client: Client, stranger, project: Project) -> None:
    Membership.objects.create(project=project, user=stranger, role=Role.VIEWER)
    client.force_login(stranger)
    assert client.post(reverse("batch-first", args=[project.pk])).status_code == 403
    html = client.get(reverse("project", args=[project.pk])).content.decode()
    assert "data-label-first" not in html


def test_label_these_first_is_offered_while_no_image_is_labeled(
    owner_client: Client, project: Project
) -> None:
    def card() -> str:
        html = owner_client.get(reverse("project", args=[project.pk])).content.decode()
        return html[html.index("data-label-first") :].partition(">")[0]

    images = [make_image(project, direction(at % 3)) for at in range(20)]
    assert card().endswith("hidden")
    make_image(project)  # without an embedding it is not among them
    assert card().endswith("hidden")
    make_image(project, direction(0))
    assert 'data-number="20"' in card()
    assert not card().endswith("hidden")
    put_label(images[0], make_label(project, "cat"))
    assert card().endswith("hidden")


def test_label_these_first_opens_a_review_of_them(owner_client: Client, project: Project) -> None:
    rng = np.random.default_rng(0)
    groups = {make_image(project, near(at % 3, rng)).pk: at % 3 for at in range(30)}
    url = reverse("batch-first", args=[project.pk])
    answer = owner_client.post(url, {"size": "20"})
    batch = Batch.objects.get()
    assert answer.url == reverse("batch", args=[project.pk, batch.pk])
    chosen = list(batch.items.order_by("position").values_list("image", flat=True))
    assert {groups[pk] for pk in chosen[:3]} == {0, 1, 2}
    owner_client.post(url, {"size": "20"})
    nothing = owner_client.post(url, {"size": "20"}, follow=True)
    assert "in an open batch" in nothing.content.decode()


def test_a_selection_becomes_a_batch(owner_client: Client, project: Project, three) -> None:
    url = reverse("batch-selection", args=[project.pk])
    chosen = [three[1][5].pk, three[1][2].pk]
    answer = owner_client.post(url, json.dumps({"images": chosen}), content_type="application/json")
    batch = Batch.objects.latest("pk")
    assert answer.json()["url"] == reverse("batch", args=[project.pk, batch.pk])
    assert [item.image_id for item in batch.items.all()] == chosen
    body = json.dumps({"all": True, "filter": "show=unlabeled", "except": chosen})
    owner_client.post(url, body, content_type="application/json")
    assert Batch.objects.latest("pk").items.count() == 10


def test_discarding_goes_back_to_the_project(owner_client: Client, project: Project, three):
    batch = three[2]
    answer = owner_client.post(reverse("batch-discard", args=[project.pk, batch.pk]))
    assert answer.url == reverse("project", args=[project.pk])
    page = owner_client.get(reverse("batch", args=[project.pk, batch.pk]))
    assert "was discarded" in page.content.decode()


def test_the_project_page_offers_open_batches(
    owner_client: Client, project: Project, three: Three
) -> None:
    (_, dog, _), _, batch = three
    edits.set_tick(batch, project.owner, batch.items.first().pk, dog, ticked=True)
    html = owner_client.get(reverse("project", args=[project.pk])).content.decode()
    assert "You have an open batch of 12 (1 edited)." in html
    assert reverse("batch", args=[project.pk, batch.pk]) in html
    commits.commit(batch, project.owner)
    html = owner_client.get(reverse("project", args=[project.pk])).content.decode()
    assert "open batch of" not in html
