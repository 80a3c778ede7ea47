"""Which images a request means, and paging through them."""

from datetime import UTC, datetime

import pytest

from projects.errors import Refusal
from projects.forms import GridFilter
from projects.models import Image, Project
from projects.services.labels import get_or_create_labels, label_images
from projects.services.selection import Page, ids_between, page_of, selected_images
from projects.services.trash import trash_images

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


SORTS = [sort for sort, _ in GridFilter.SORTS]


def plainly_sorted(project, sort):
    """All images, sorted in Python: what every walk through pages must meet."""

    def key(image):
        star = image.image_labels.filter(is_default=True).first()
        place = (star.label.position, star.label.pk) if star else (float("inf"), 0)
        kinds = {"name": (image.name,), "time": (image.uploaded_at,), "label": (*place, image.name)}
        return (*kinds[sort.lstrip("-")], image.pk)

    return sorted(Image.objects.filter(project=project), key=key, reverse=sort.startswith("-"))


@pytest.fixture
def many(labeled):
    """Twenty-six images: those of `labeled`, and twenty more with some times and labels alike."""
    more = make_images(labeled, 20, prefix="more")
    for number, image in enumerate(more):
        Image.objects.filter(pk=image.pk).update(
            uploaded_at=datetime(2024, 1, 1 + number // 4, tzinfo=UTC)
        )
    owner = labeled.owner
    label_images(labeled, owner, [image.pk for image in more[::3]], labeled.b)
    label_images(labeled, owner, [image.pk for image in more[1::3]], labeled.a)
    return labeled


def walked(images, sort, *, backwards):
    """Every page from one end to the other, in the order of the list."""
    page = page_of(images, sort, size=4, at_end=backwards)
    pages = [page]
    while cursor := page.previous if backwards else page.next:
        place = {"before": cursor} if backwards else {"after": cursor}
        page = page_of(images, sort, size=4, **place)
        pages.append(page)
    return pages[:: -1 if backwards else 1]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("backwards", [False, True])
def test_paging_meets_every_image_once_in_order_both_ways(many, sort, backwards):
    images = Image.objects.filter(project=many)
    pages = walked(images, sort, backwards=backwards)
    assert [image for page in pages for image in page.images] == plainly_sorted(many, sort)
    assert [bool(page.previous) for page in pages] == [False, *[True] * (len(pages) - 1)]
    assert [bool(page.next) for page in pages] == [*[True] * (len(pages) - 1), False]


@pytest.mark.parametrize("sort", SORTS)
def test_from_any_place_both_neighbouring_pages_are_the_list_around_it(many, sort):
    images = Image.objects.filter(project=many)
    plain = plainly_sorted(many, sort)
    for start in range(0, len(plain) - 4):
        middle = page_of(images, sort, after=cursor_at(images, sort, plain, start), size=3)
        assert middle.images == plain[start + 1 : start + 4]
        before = page_of(images, sort, before=middle.previous, size=3)
        assert before.images == plain[max(0, start - 2) : start + 1]
        assert page_of(images, sort, after=before.next, size=3) == middle


def cursor_at(images, sort, plain, index):
    """The cursor of one image of the list."""
    page = page_of(images, sort, size=index + 1)
    assert page.images[-1] == plain[index]
    return page.last


@pytest.mark.parametrize("sort", SORTS)
def test_a_walk_that_turns_meets_what_is_left_after_deletions(many, sort):
    images = Image.objects.in_dataset().filter(project=many)
    plain = plainly_sorted(many, sort)
    middle = page_of(images, sort, after=cursor_at(images, sort, plain, 9), size=4)
    gone = [*middle.images, plain[8], plain[15]]
    trash_images(many, many.owner, [image.pk for image in gone])
    left = [image for image in plain if image not in gone]
    at = left.index(plain[9])
    assert page_of(images, sort, before=middle.previous, size=4).images == left[at - 3 : at + 1]
    assert page_of(images, sort, after=middle.next, size=4).images == left[at + 1 : at + 5]


@pytest.mark.parametrize("sort", SORTS)
def test_the_end_of_a_list_has_nothing_behind_it_and_is_still_a_place(many, sort):
    images = Image.objects.filter(project=many)
    end = page_of(images, sort, size=5, at_end=True)
    assert end.images == plainly_sorted(many, sort)[-5:]
    assert (end.next, end.previous) == ("", end.first)
    behind = page_of(images, sort, after=end.last, size=5)
    assert (behind.images, behind.next, behind.last) == ([], "", end.last)
    assert behind.previous == behind.first == end.last


@pytest.mark.parametrize("sort", SORTS)
def test_ids_between_two_images_are_a_piece_of_the_list_whichever_comes_first(many, sort):
    images = Image.objects.filter(project=many)
    plain = plainly_sorted(many, sort)
    ids = [image.pk for image in plain]
    for start, end in [(0, 25), (3, 3), (2, 9), (17, 21), (5, 24)]:
        for first, last in ((plain[start], plain[end]), (plain[end], plain[start])):
            assert ids_between(images, sort, first=first, last=last) == ids[start : end + 1]
    assert ids_between(images, sort, first=plain[7], last=None) == ids[7:]
    assert ids_between(images, sort, first=None, last=plain[7]) == ids[:8]
    assert ids_between(images, sort, first=None, last=None) == ids


def test_ids_between_images_that_match_no_more_are_those_between_their_places(many):
    plain = plainly_sorted(many, "name")
    images = Image.objects.filter(project=many).exclude(pk=plain[4].pk)
    found = ids_between(images, "name", first=plain[4], last=plain[6])
    assert found == [plain[5].pk, plain[6].pk]


def test_an_empty_list_has_no_places(labeled):
    none = Image.objects.none()
    for at_end in (False, True):
        page = page_of(none, "name", size=5, at_end=at_end)
        assert page == Page([], next="", last="", previous="", first="")


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "bnVsbA", "é", "eyJhIjoxfQ"])
def test_a_forged_cursor_is_refused(labeled, cursor):
    with pytest.raises(Refusal):
        page_of(Image.objects.all(), "name", after=cursor, size=2)
    with pytest.raises(Refusal):
        page_of(Image.objects.all(), "name", before=cursor, size=2)


def test_two_cursors_at_once_are_refused(labeled):
    cursor = page_of(Image.objects.all(), "name", size=2).last
    with pytest.raises(Refusal):
        page_of(Image.objects.all(), "name", after=cursor, before=cursor, size=2)
