from __future__ import annotations

import json
import re

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Batch, Image, Label, Membership, Project, Role
from projects.services import commits, edits
from projects.services.suggestions import search, suggest
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import direction, make_image, make_label, near, put_label, three_classes

pytestmark = pytest.mark.django_db

Three = tuple[list[Label], list[Image], Batch]


@pytest.fixture
def three(project: Project) -> Three:
    labels, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    return labels, images, batch


def send(client: Client, batch: Batch, path: str, **body):
    url = reverse("batch", args=[batch.project_id, batch.pk]) + path
    return client.post(
        url,
        json.dumps(body),
        content_type="application/json",
        headers={"Accept": "application/json"},
    )


def known_of(html: str) -> dict[str, str]:
    return dict(re.findall(r'data-item="(\d+)" data-version="([\w-]+)"', html))


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


def chosen_order(client: Client, project: Project) -> str:
    """What the form of the project's page would send."""
    html = client.get(reverse("project", args=[project.pk])).content.decode()
    form = html[html.index("data-next-batch") :].partition("</form>")[0]
    return re.findall(r'<option value="(\w+)" selected>', form)[0]


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
