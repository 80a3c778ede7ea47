"""Which images a request means, and paging through them."""

from datetime import UTC, datetime

import pytest

from projects.errors import Refusal
from projects.forms import GridFilter
from projects.models import Image, Project
from projects.services.labels import get_or_create_labels, label_images
from projects.services.selection import page_of, selected_images

from .images import make_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def labeled(project, owner):
    """Six images: 0 a, 1 a and b, 2 b, the rest unlabeled; 5 failed."""
    project.multi_label = True
    project.save()
    images = make_images(project, 6)
    a, b = get_or_create_labels(project, owner, ["a", "b"])
    label_images(project, owner, [images[0].pk, images[1].pk], a)
    label_images(project, owner, [images[1].pk, images[2].pk], b)
    Image.objects.filter(pk=images[5].pk).update(embedding_state="failed")
    project.a, project.b, project.photos = a, b, images
    return project


def matching(project, query):
    ids = set(GridFilter(project, query).checked().images().values_list("pk", flat=True))
    return {index for index, image in enumerate(project.photos) if image.pk in ids}


def test_labels_filter_by_any_all_or_none(labeled):
    both = f"label={labeled.a.pk}&label={labeled.b.pk}"
    assert matching(labeled, f"label={labeled.a.pk}") == {0, 1}
    assert matching(labeled, both) == {0, 1, 2}
    assert matching(labeled, f"{both}&match=all") == {1}
    assert matching(labeled, f"{both}&match=none") == {3, 4, 5}


def test_other_filters(labeled):
    assert matching(labeled, "") == {0, 1, 2, 3, 4, 5}
    assert matching(labeled, "show=unlabeled") == {3, 4, 5}
    assert matching(labeled, "show=labeled") == {0, 1, 2}
    assert matching(labeled, "show=failed") == {5}
    assert matching(labeled, "show=pending") == set()
    assert matching(labeled, "name=0003") == {3}
    assert matching(labeled, "source=hand") == {0, 1, 2}
    assert matching(labeled, "source=api") == set()
    assert matching(labeled, f"label={labeled.a.pk}&source=api") == set()


def test_uploaded_days_include_both_ends(labeled):
    ends = [(2, 1, 0, 0), (2, 1, 23, 59), (2, 2, 0, 0)]
    for image, (month, day, hour, minute) in zip(labeled.photos, ends, strict=False):
        at = datetime(2024, month, day, hour, minute, tzinfo=UTC)
        Image.objects.filter(pk=image.pk).update(uploaded_at=at)
    assert matching(labeled, "since=2024-02-01&until=2024-02-01") == {0, 1}


@pytest.mark.parametrize(
    "query",
    ["label=999999", "label=x", "match=some", "show=x", "source=x", "since=yesterday", "sort=size",
     "since=2024-02-02&until=2024-02-01"],
)  # fmt: skip
def test_a_bad_filter_is_refused_with_a_sentence(labeled, query):
    with pytest.raises(Refusal, match="This filter cannot be used"):
        GridFilter(labeled, query).checked()


def test_a_label_of_another_project_is_no_filter(labeled, stranger):
    other = Project.objects.create(name="Theirs", owner=stranger)
    (theirs,) = get_or_create_labels(other, stranger, ["secret"])
    with pytest.raises(Refusal):
        GridFilter(labeled, f"label={theirs.pk}").checked()


def test_a_selection_by_ids_never_leaves_the_project(labeled, stranger):
    other = Project.objects.create(name="Theirs", owner=stranger)
    (theirs,) = make_images(other, 1)
    (staged,) = make_images(labeled, 1, prefix="staged", state="staged")
    named = [labeled.photos[0].pk, theirs.pk, staged.pk]
    assert list(selected_images(labeled, {"images": named})) == [labeled.photos[0]]


def test_all_that_match_but_some(labeled):
    data = {"all": True, "filter": "?show=unlabeled", "except": [labeled.photos[4].pk]}
    assert set(selected_images(labeled, data)) == {labeled.photos[3], labeled.photos[5]}


def test_a_selection_may_name_a_hundred_thousand_images(labeled):
    ids = [*range(10**6, 10**6 + 100_000), labeled.photos[0].pk]
    assert list(selected_images(labeled, {"images": ids})) == [labeled.photos[0]]
    assert selected_images(labeled, {"all": True, "except": ids}).count() == 5


@pytest.mark.parametrize(
    "data",
    [{}, {"all": False}, {"images": "1"}, {"images": ["1"]}, {"images": [True]}, {"images": [-1]},
     {"images": [2**64]}, {"all": True, "filter": 3}, {"all": True, "filter": "show=x"},
     {"all": True, "except": 3}],
)  # fmt: skip
def test_a_bad_selection_is_refused(labeled, data):
    with pytest.raises(Refusal):
        selected_images(labeled, data)


@pytest.mark.parametrize("sort", ["name", "-name", "time", "-time", "label"])
def test_paging_meets_every_image_once_in_order(labeled, sort):
    at = datetime(2024, 1, 1, tzinfo=UTC)
    Image.objects.filter(pk__in=[i.pk for i in labeled.photos[:4]]).update(uploaded_at=at)
    images = Image.objects.filter(project=labeled)
    seen, cursor = [], ""
    while True:
        page = page_of(images, sort, after=cursor, size=2)
        seen += page.images
        cursor = page.next
        if not cursor:
            break
    assert seen == page_of(images, sort, size=100).images
    assert len(seen) == 6
    if sort == "label":
        assert [image.name[6:11] for image in seen[:3]] == ["00000", "00001", "00002"]


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "bnVsbA", "é", "eyJhIjoxfQ"])
def test_a_forged_cursor_is_refused(labeled, cursor):
    with pytest.raises(Refusal):
        page_of(Image.objects.all(), "name", after=cursor, size=2)
