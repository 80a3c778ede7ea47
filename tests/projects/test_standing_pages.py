"""The page of progress: who may see it, its bounds, what it says, and how much it asks."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Image, Membership, Project, Role
from projects.services import undo
from projects.services.standing import batch_shares, standing_of
from projects.views.batch_chart import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, chart_of, height_of
from tests.reviews import make_image, three_classes
from tests.standings import accept_unseen, more_images, review

pytestmark = pytest.mark.django_db

PARTS = ["standing", "standing/part"]


def get(client: Client, project: Project, part: str = "standing/part") -> HttpResponse:
    return client.get(f"/projects/{project.pk}/{part}")  # type: ignore[return-value]


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer.content
    return " ".join(answer.content.decode().split())


def parts_of(page: str) -> dict[str, int]:
    """The numbers of the table below the bar."""
    rows = re.findall(r'data-part="(\w+)">.*?<td class="number">([\d,]+)</td>', page)
    return {name: int(number.replace(",", "")) for name, number in rows}


@pytest.mark.parametrize("part", PARTS)
def test_a_stranger_gets_404_and_the_anonymous_is_sent_to_sign_in(
    part: str, stranger_client: Client, project: Project
) -> None:
    assert get(stranger_client, project, part).status_code == 404
    assert get(Client(), project, part).status_code == 302


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("allowed", ["0", "3", "x", "1.0", "-1"])
def test_bad_bounds_are_refused(
    part: str, allowed: str, owner_client: Client, project: Project
) -> None:
    assert get(owner_client, project, f"{part}?allowed={allowed}").status_code == 400


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_changed_by_a_post(part: str, owner_client: Client, project: Project) -> None:
    assert owner_client.post(f"/projects/{project.pk}/{part}").status_code == 405


def test_an_empty_project_says_what_to_do(owner_client: Client, project: Project) -> None:
    page = text_of(get(owner_client, project, "standing"))
    assert "No images yet." in page
    assert "Upload images" in page
    assert "data-ask" not in page
    assert "Once you add a batch" in page
    assert "stack-bar" not in page


def test_the_page_comes_without_forecasts_and_the_part_with_them(
    owner_client: Client, project: Project
) -> None:
    three_classes(project, labeled=20, unlabeled=20)
    page = text_of(get(owner_client, project, "standing"))
    assert "data-ask" in page
    assert "Comparing 60 images" in page
    assert parts_of(page) == {"hand": 60, "ready": 60}
    part = text_of(get(owner_client, project))
    assert "data-ask" not in part
    assert "data-verdict" in part
    assert "data-ask" not in text_of(get(owner_client, project, "standing")), "it is known now"


def test_without_scripts_the_page_waits_for_the_forecasts(
    owner_client: Client, project: Project
) -> None:
    three_classes(project, labeled=20, unlabeled=20)
    page = text_of(get(owner_client, project, "standing?wait=1"))
    assert "data-verdict" in page
    assert "data-ask" not in page


def test_the_numbers_agree_with_each_other(owner_client: Client, project: Project) -> None:
    (cat, *_), images = three_classes(project, labeled=20, unlabeled=20)
    review(project, images[:10], wrong=1, left_out=1)
    accept_unseen(project, images[10:20], cat)
    make_image(project)
    Image.objects.filter(pk=make_image(project).pk).update(embedding_state="failed")
    page = text_of(get(owner_client, project))
    parts, standing = parts_of(page), standing_of(project)
    assert sum(parts.values()) == standing.images == 122
    labeled = sum(parts.get(name, 0) for name in ("hand", "imported", "reviewed", "unseen"))
    assert labeled == standing.labeled
    assert "79 of 122 images labeled, 43 left" in page
    widths = [
        float(w) for w in re.findall(r'<rect class="fill-\w+" x="[\d.]+" width="([\d.]+)', page)
    ]
    assert sum(widths) == pytest.approx(1000, abs=0.1)
    assert len(widths) == len(parts)
    reach = {int(level): int(n) for n, level in re.findall(r"(\d+)</b> reach (\d+) %", page)}
    assert reach[99] == parts.get("p99", 0)
    assert reach[90] == reach[99] + parts.get("p90", 0)
    assert reach[50] == reach[90] + parts.get("p50", 0)


def test_undoing_a_batch_is_reflected(owner_client: Client, project: Project) -> None:
    _labels, images = three_classes(project, labeled=20, unlabeled=20)
    before = parts_of(text_of(get(owner_client, project)))
    review(project, images[:10], wrong=2)
    page = text_of(get(owner_client, project))
    assert "<b>80 %</b> right" in page
    assert "49–94.3 %" in page
    assert parts_of(page)["reviewed"] == 8, "the two that were corrected are by hand"
    undo.undo(project, project.owner)
    page = text_of(get(owner_client, project))
    assert parts_of(page) == before
    assert "No batch with suggestions was added yet." in page


def test_what_nobody_checked_is_called_expected(owner_client: Client, project: Project) -> None:
    (cat, *_), images = three_classes(project)
    batch = accept_unseen(project, images[:4], cat, probability=0.97, checks=[None])
    page = text_of(get(owner_client, project))
    assert '<b>97 %</b> right <span class="tag">expected, not checked</span>' in page
    assert "1 wait to be checked" in page
    batch.items.filter(asked_back=True).update(checked_right=True)
    page = text_of(get(owner_client, project))
    assert "<b>100 %</b> right" in page
    assert "1 of 1 drawn at random and checked, of 4 accepted" in page
    assert "expected, not checked" not in page


def test_everything_labeled_leads_to_wrong_labels(owner_client: Client, project: Project) -> None:
    (cat, *_), images = three_classes(project)
    accept_unseen(project, images, cat, checks=[True] * 9 + [False])
    page = text_of(get(owner_client, project))
    assert "Every image has a label." in page
    assert f'href="/projects/{project.pk}/wrong-labels"' in page
    # 2 of 27 labels were seen by nobody; a tenth of such is wrong.
    assert "Estimated error of all 27: 0.7 %" in page


def test_stopping_leads_to_what_would_be_accepted(owner_client: Client, project: Project) -> None:
    three_classes(project, labeled=45, unlabeled=20)
    page = text_of(get(owner_client, project, "standing/part?allowed=5"))
    assert 'data-verdict="stop"' in page
    assert f'href="/projects/{project.pk}/accept?allowed=5"' in page


def test_a_viewer_is_not_led_to_what_only_labelers_do(project: Project, client: Client) -> None:
    viewer = User.objects.create_user("viewer")
    Membership.objects.create(project=project, user=viewer, role=Role.VIEWER)
    three_classes(project, labeled=45, unlabeled=20)
    client.force_login(viewer)
    page = text_of(get(client, project, "standing/part?allowed=5"))
    assert 'data-verdict="stop"' in page
    assert "accept?allowed" not in page


def test_the_allowed_error_is_remembered_for_this_project(
    owner_client: Client, project: Project
) -> None:
    assert 'href="?allowed=1" aria-current="true"' in text_of(
        get(owner_client, project, "standing")
    )
    get(owner_client, project, "standing?allowed=5")
    assert 'href="?allowed=5" aria-current="true"' in text_of(
        get(owner_client, project, "standing")
    )
    other = Project.objects.create(name="Other", owner=project.owner)
    assert 'href="?allowed=1" aria-current="true"' in text_of(get(owner_client, other, "standing"))


def test_in_a_project_of_several_labels_it_says_what_applies(
    owner_client: Client, project: Project
) -> None:
    project.multi_label = True
    project.save()
    _labels, images = three_classes(project, labeled=20, unlabeled=20)
    review(project, images[:10])
    page = text_of(get(owner_client, project))
    assert 'data-verdict="look"' in page
    assert "Right: the best label only" in page
    assert "Right: all labels of the image" in page
    assert "accept?allowed" not in page


def test_labels_given_meanwhile_make_the_page_ask_again(
    owner_client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projects.views import standing as view

    _labels, images = three_classes(project, labeled=20, unlabeled=20)
    real = view.outlook

    def slow(asked: Project) -> object:
        found = real(asked)
        review(project, images[:5])
        return found

    monkeypatch.setattr(view, "outlook", slow)
    page = text_of(get(owner_client, project))
    assert "data-ask" in page
    assert parts_of(page) == {"hand": 60, "reviewed": 5, "ready": 55}


def test_the_chart_shows_each_batch_and_the_table_the_same(
    owner_client: Client, project: Project
) -> None:
    _labels, images = three_classes(project, unlabeled=10)
    review(project, images[:10], wrong=5)
    review(project, images[10:20])
    page = text_of(get(owner_client, project))
    assert page.count('class="whisker"') == page.count('class="dot"') == 2
    assert "5 of 10 suggestions right, 50 % (23.7–76.3 %)" in page
    assert '<td class="number">10 of 10</td><td class="number">100 %</td>' in page
    batches = [each.batch.pk for each in batch_shares(project)]
    assert all(f'href="/projects/{project.pk}/batches/{pk}/"' in page for pk in batches)


def test_marks_lie_inside_oldest_first_and_at_their_share(project: Project) -> None:
    _labels, images = three_classes(project, unlabeled=14)
    for at in range(14):
        review(project, images[3 * at : 3 * at + 3], wrong=at % 3)
    chart = chart_of(batch_shares(project))
    assert len(chart.marks) == 14
    xs = [mark.x for mark in chart.marks]
    assert xs == sorted(xs)
    assert xs[0] > LEFT
    assert xs[-1] < WIDTH
    for mark in chart.marks:
        assert TOP <= mark.high <= mark.y <= mark.low <= HEIGHT - BOTTOM
        assert mark.y == height_of(mark.of.tally.right / 3)
    assert [mark.of.number for mark in chart.marks if mark.is_numbered] == [1, 3, 5, 7, 9, 11, 13]
    assert chart_of([]).marks == []


def test_the_workspace_and_the_result_of_a_batch_lead_there(
    owner_client: Client, project: Project
) -> None:
    _labels, images = three_classes(project)
    batch = review(project, images[:4])
    link = f'href="/projects/{project.pk}/standing"'
    workspace = text_of(get(owner_client, project, ""))
    assert link in workspace
    assert 'data-labeled-share max="27" value="19"' in workspace
    assert link in text_of(get(owner_client, project, f"batches/{batch.pk}/"))


@pytest.mark.parametrize("part", PARTS)
def test_the_number_of_queries_does_not_grow(
    part: str,
    owner_client: Client,
    project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    (cat, *_), images = three_classes(project, labeled=8, unlabeled=20)

    def queries() -> int:
        get(owner_client, project)
        with django_assert_max_num_queries(20) as counted:
            text_of(get(owner_client, project, part))
        return len(counted)

    review(project, images[:5])
    accept_unseen(project, images[5:8], cat)
    few = queries()
    for at in range(4):
        review(project, images[10 + 5 * at : 15 + 5 * at], wrong=1, left_out=1)
    accept_unseen(project, images[40:50], cat, checks=[True, False])
    more_images(project, 10)
    assert queries() == few


def test_comparing_takes_a_fixed_number_of_queries_too(
    owner_client: Client,
    project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    three_classes(project, labeled=8, unlabeled=4)

    def queries() -> int:
        with django_assert_max_num_queries(30) as counted:
            text_of(get(owner_client, project))
        return len(counted)

    queries()
    more_images(project, 3)
    few = queries()
    more_images(project, 40, seed=4)
    assert queries() == few
