"""Which index every page and count of the grid reads: a scan of a table is a second at a million.

Plans of an empty SQLite database are those of a full one: nobody runs ANALYZE on it.
"""

import re

import pytest
from django.db import connection

from projects.forms import GridFilter
from projects.services.counts import counts_of, images_to_page
from projects.services.labels import get_or_create_labels, label_images
from projects.services.selection import page_of

from .images import make_images

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="plans of SQLite"),
]
SORTS = [sort for sort, _ in GridFilter.SORTS]
INDEX_OF = {"name": "image_by_name", "time": "image_by_time", "label": "image_by_label"}
WITHOUT_LABELS = [
    "", "show=unlabeled", "show=labeled", "show=failed", "show=pending", "name=photo",
    "since=2024-01-01&until=2024-02-01", "show=failed&name=7",
]  # fmt: skip
WITH_LABELS = ["label=a", "label=a&label=b&match=all", "label=a&match=none", "source=hand"]


@pytest.fixture
def photos(project, owner):
    project.multi_label = True
    project.save()
    images = make_images(project, 12)
    project.a, project.b = get_or_create_labels(project, owner, ["a", "b"])
    label_images(project, owner, [image.pk for image in images[:8]], project.a)
    label_images(project, owner, [image.pk for image in images[6:9]], project.b)
    return project


def form_of(project, query):
    for name in ("a", "b"):
        query = query.replace(f"label={name}", f"label={getattr(project, name).pk}")
    return GridFilter(project, query).checked()


@pytest.fixture
def plans(django_assert_max_num_queries):
    """A function that returns the plans of all queries that read images while it calls another."""

    def of(call):
        with django_assert_max_num_queries(30) as asked:
            call()
        found = []
        for query in asked.captured_queries:
            if '"projects_image"' in query["sql"] and query["sql"].startswith("SELECT"):
                with connection.cursor() as cursor:
                    cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
                    found.append("\n".join(row[3] for row in cursor.fetchall()))
        return found

    return of


def scans(plan):
    return re.search(r"SCAN (projects_image\b|projects_imagelabel\b|U\d)", plan)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("query", WITHOUT_LABELS)
def test_every_page_is_read_in_order_from_the_index_of_its_sort(photos, plans, sort, query):
    form = form_of(photos, f"{query}&sort={sort}")
    middle = page_of(form_of(photos, "").images(), sort, size=6).last
    for place in ({}, {"at_end": True}, {"after": middle}, {"before": middle}):
        found = plans(lambda p=place: page_of(images_to_page(form), sort, size=3, **p))
        assert found
        for plan in found:
            # Those without a label stand in order of their names in either index.
            either = "image_by_name" if sort == "label" else ""
            assert INDEX_OF[sort.lstrip("-")] in plan or (either and either in plan), plan
            assert "TEMP B-TREE" not in plan, plan
            assert not scans(plan), plan


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("query", WITH_LABELS)
def test_no_page_of_a_label_scans_a_table(photos, plans, sort, query):
    form = form_of(photos, f"{query}&sort={sort}")
    for from_labels in (False, True):
        images, only = form.images(from_labels=from_labels), form.needs_label
        # Pages without some labels ask each image on their way; all others begin with the labels.
        asked = "none" in query and not from_labels
        looked_up = "(image_id=? AND label_id=?)" if asked else "images_of_a_label (label_id=?"
        found = plans(lambda i=images, o=only: page_of(i, sort, labeled_only=o, size=3))
        assert len(found) == (2 if sort == "label" and not only else 1)
        for plan in found:
            assert looked_up in plan
            assert not scans(plan), plan


@pytest.mark.parametrize(
    "query", ["show=labeled", "show=failed", "label=a", "", "label=a&source=hand"]
)
def test_counts_of_one_field_read_kept_numbers_and_no_image(photos, plans, query):
    assert plans(lambda: counts_of(photos, form_of(photos, query))) == []


@pytest.mark.parametrize(
    "query", [*WITH_LABELS, "name=photo", "label=a&show=failed", "until=2024-01-01"]
)
def test_other_counts_read_an_index(photos, plans, query):
    for plan in plans(lambda: counts_of(photos, form_of(photos, query))):
        assert not scans(plan), plan
        assert "COVERING INDEX" in plan or "INTEGER PRIMARY KEY" in plan or "image_by" in plan


def test_a_count_from_labels_looks_up_their_images_and_no_others(photos, plans):
    [plan] = plans(lambda: form_of(photos, "label=a&show=failed").images(from_labels=True).count())
    assert "SEARCH projects_image USING INTEGER PRIMARY KEY (rowid=?)" in plan
