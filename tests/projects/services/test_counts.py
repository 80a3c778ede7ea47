"""Kept numbers are what a plain count says, whoever wrote the rows; filters' counts likewise."""

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from projects.apps import keep_triggers
from projects.forms import GridFilter
from projects.models import Act, Image, ImageCount, ImageLabel, Project
from projects.models.count_triggers import TRIGGERS
from projects.services.counts import (
    counts_of,
    images_to_page,
    kept_counts,
    labels_with_counts,
    plain_counts,
    recount,
)
from projects.services.label_list import delete_label, merge_labels
from projects.services.labels import clear_labels, get_or_create_labels, label_images, star
from projects.services.progress import remove_failed, retry_failed
from projects.services.purge import purge_trash
from projects.services.trash import trash_images
from projects.services.undo import redo, undo
from tests.projects.images import make_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def photos(project, owner):
    """Thirty images of a multi-label project, some labeled, two with two labels, some failed."""
    project.multi_label = True
    project.save()
    project.photos = make_images(project, 30)
    project.a, project.b, project.c = get_or_create_labels(project, owner, ["a", "b", "c"])
    ids = [image.pk for image in project.photos]
    label_images(project, owner, ids[:6], project.a)
    label_images(project, owner, ids[4:10], project.b)
    ImageLabel.objects.filter(image__in=ids[3:5]).update(source="suggestion")
    Image.objects.filter(pk__in=ids[8:12]).update(embedding_state="failed")
    Image.objects.filter(pk__in=ids[20:25]).update(embedding_state="pending")
    return project


def numbers_are_right():
    assert kept_counts() == plain_counts()
    return True


def defaults_are_right():
    for image in Image.objects.all():
        stars = image.image_labels.filter(is_default=True).values_list("label", flat=True)
        assert list(stars) == ([image.default_label_id] if image.default_label_id else [])
        assert image.is_labeled == bool(image.default_label_id)
    return True


def test_every_act_and_its_undoing_leaves_numbers_and_stars_right(photos, owner):
    ids = [image.pk for image in photos.photos]
    acts = [
        lambda: label_images(photos, owner, ids[:20], photos.c),
        lambda: label_images(photos, owner, ids[:2], photos.a, mode="remove"),
        lambda: label_images(photos, owner, ids[3:8], photos.c, mode="set"),
        lambda: star(photos, owner, ids, photos.b),
        lambda: trash_images(photos, owner, ids[2:9]),
        lambda: merge_labels(photos, owner, [photos.b], photos.a),
        lambda: delete_label(photos, owner, photos.c),
        lambda: clear_labels(photos, owner, ids[10:]),
        lambda: label_images(photos, owner, ids[12:14], photos.a),
    ]
    for act in acts:
        act()
        assert numbers_are_right()
        assert defaults_are_right()
    for step in (undo, redo, undo):
        while step(photos, owner):
            assert numbers_are_right()
            assert defaults_are_right()
    assert counts_of(photos).labeled == 2  # their source was changed behind the back of the acts


def test_what_is_thrown_away_read_again_or_purged_is_counted_too(photos, owner):
    retry_failed(photos, [photos.photos[8].pk])
    assert numbers_are_right()
    remove_failed(photos, owner)
    assert numbers_are_right()
    Image.objects.filter(state="trash").update(trashed_at="2020-01-01T00:00Z")
    assert purge_trash() == 3
    assert numbers_are_right()
    photos.delete()
    assert numbers_are_right()
    assert not kept_counts()


def test_rows_written_past_every_service_are_counted(photos, owner):
    other = Project.objects.create(name="Other", owner=owner)
    image = photos.photos[0]
    ImageLabel.objects.filter(image=image).update(label=photos.b, source="api")
    assert numbers_are_right()
    Image.objects.filter(pk=image.pk).update(project=other, state="staged")
    assert numbers_are_right()
    Image.objects.filter(pk=image.pk).update(state="dataset")
    ImageLabel.objects.filter(label=photos.a).delete()
    assert numbers_are_right()


def test_a_transaction_that_fails_leaves_the_numbers(photos, owner):
    before = kept_counts()
    with transaction.atomic():
        label_images(photos, owner, [photos.photos[29].pk], photos.a)
        assert kept_counts() != before
        transaction.set_rollback(True)
    assert kept_counts() == before == plain_counts()


def test_numbers_of_the_dataset_are_those_of_its_rows(photos, owner):
    trash_images(photos, owner, [photos.photos[0].pk, photos.photos[29].pk])
    counts = counts_of(photos)
    images = Image.objects.in_dataset().filter(project=photos)
    assert counts.images == counts.matching == images.count() == 28
    assert counts.labeled == images.labeled().count()
    assert counts.failed == images.failed().count()
    assert counts.pending == images.pending().count()
    for label in labels_with_counts(photos):
        assert label.images == images.filter(image_labels__label=label).count()


FILTERS = [
    "show=unlabeled", "show=labeled", "show=failed", "show=pending", "name=0001", "name=PHOTO",
    "name=zzz", "source=hand", "source=suggestion", "source=api", "since=2024-01-01",
    "until=2024-01-01", "label=a", "label=a&match=all", "label=a&match=none", "label=a&label=b",
    "label=a&label=b&match=all", "label=a&label=b&match=none", "label=c", "label=a&source=hand",
    "label=a&label=b&source=suggestion", "label=a&label=b&match=all&source=hand",
    "label=a&match=none&source=hand", "label=a&show=failed", "label=b&name=0008",
    "label=a&label=b&show=labeled&since=2024-01-01", "label=a&match=none&show=unlabeled",
    "source=hand&name=0001", "show=labeled&name=0001", "label=b&label=c&match=all&show=failed",
]  # fmt: skip


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize("query", FILTERS)
def test_the_count_of_every_filter_is_the_number_of_images_it_shows(
    photos, owner, query, multi_label
):
    if not multi_label:
        label_images(
            photos, owner, [image.pk for image in photos.photos[4:6]], photos.a, mode="set"
        )
        photos.multi_label = False
        photos.save()
    trash_images(photos, owner, [photos.photos[1].pk, photos.photos[5].pk, photos.photos[9].pk])
    for name in "abc":
        query = query.replace(f"label={name}", f"label={getattr(photos, name).pk}")
    form = GridFilter(photos, query).checked()
    shown = list(form.images())
    assert counts_of(photos, form).matching == len(shown) == len({image.pk for image in shown})
    assert set(shown) == set(form.images(from_labels=True)) == plainly_matching(photos, form)
    assert set(images_to_page(form)) == set(shown)


def plainly_matching(project, form):
    """The images of a filter, looked at one by one."""
    chosen = form.cleaned_data
    wanted = {label.pk for label in chosen["label"]}

    def matches(image):
        given = list(image.image_labels.values_list("label", "source"))
        of_source = {label for label, source in given if chosen["source"] in ("", source)}
        if chosen["source"] and not of_source:
            return False
        if wanted and chosen["match"] == "none" and wanted & {label for label, _ in given}:
            return False
        if wanted and chosen["match"] == "all" and not wanted <= of_source:
            return False
        if wanted and chosen["match"] in ("", "any") and not wanted & of_source:
            return False
        shows = {
            "": True,
            "labeled": bool(given),
            "unlabeled": not given,
            "failed": image.embedding_state == "failed",
            "pending": image.embedding_state == "pending",
        }
        day = timezone.localdate(image.uploaded_at)
        since, until = chosen["since"] or day, chosen["until"] or day
        named = chosen["name"].lower() in image.name.lower()
        return shows[chosen["show"]] and named and since <= day <= until

    return {image for image in project.images.filter(state="dataset") if matches(image)}


def test_a_wrong_number_is_found_and_repaired(photos):
    assert not recount()
    ImageCount.objects.filter(is_labeled=True).update(number=7)
    call_command("recount")
    assert numbers_are_right()
    assert not recount()


def test_triggers_that_a_migration_took_come_back_with_the_right_numbers(photos):
    there = TRIGGERS[connection.vendor]
    with connection.cursor() as cursor:
        table = "" if connection.vendor == "sqlite" else " ON projects_imagelabel"
        cursor.execute(f"DROP TRIGGER count_label_given{table}")
    ImageLabel.objects.create(image=photos.photos[29], label=photos.c)
    assert kept_counts() != plain_counts()
    keep_triggers(using="default")
    assert numbers_are_right()
    ImageLabel.objects.create(image=photos.photos[28], label=photos.c)
    assert numbers_are_right()
    assert "count_label_given" in there
    assert Act.objects.count()
