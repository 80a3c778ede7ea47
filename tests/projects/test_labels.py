"""Giving labels to images and taking them."""

import time

import pytest
from django.db import transaction

from projects.errors import Conflict, Refusal, TooLarge
from projects.models import Act, Image, ImageLabel, LabelChange
from projects.services import labels as labels_service
from projects.services.acts import begin_act
from projects.services.labels import Given, apply_labels, get_or_create_labels, label_images, star

from .images import make_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def several(project):
    project.multi_label = True
    project.save()
    return project


def carried(image):
    """Names of an image's labels, the default one first."""
    rows = image.image_labels.order_by("-is_default", "label__name")
    return list(rows.values_list("label__name", flat=True))


def test_labeling_says_how_many_and_as_what(project, owner):
    images = make_images(project, 3)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    act = label_images(project, owner, [image.pk for image in images], cat)
    assert act.summary == "Labeled 3 images as cat"
    assert [carried(image) for image in images] == [["cat"]] * 3
    assert not Image.objects.filter(is_labeled=False).exists()


def test_an_image_of_a_single_label_project_changes_its_label(project, owner):
    (image,) = make_images(project, 1)
    cat, dog = get_or_create_labels(project, owner, ["cat", "dog"])
    label_images(project, owner, [image.pk], cat)
    label_images(project, owner, [image.pk], dog)
    assert carried(image) == ["dog"]


def test_an_image_keeps_its_other_labels_where_several_are_allowed(several, owner):
    (image,) = make_images(several, 1)
    cat, dog = get_or_create_labels(several, owner, ["cat", "dog"])
    label_images(several, owner, [image.pk], dog)
    label_images(several, owner, [image.pk], cat)
    assert carried(image) == ["dog", "cat"]


def test_what_an_image_carries_already_is_not_written_again(project, owner):
    images = make_images(project, 2)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, [images[0].pk], cat)
    before = ImageLabel.objects.get().labeled_at
    act = label_images(project, owner, [image.pk for image in images], cat)
    assert act.summary == "Labeled 1 image as cat"
    assert images[0].image_labels.get().labeled_at == before


def test_an_act_that_changes_nothing_leaves_no_trace(project, owner):
    (image,) = make_images(project, 1)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, [image.pk], cat)
    revision = project.revision
    assert label_images(project, owner, [image.pk], cat) is None
    project.refresh_from_db()
    assert (project.revision, Act.objects.count()) == (revision, 1)


def test_a_key_gives_the_label_unless_all_carry_it_and_then_takes_it(project, owner):
    images = make_images(project, 3)
    ids = [image.pk for image in images]
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, ids[:1], cat, mode="toggle")
    label_images(project, owner, ids, cat, mode="toggle")
    assert ImageLabel.objects.count() == 3
    act = label_images(project, owner, ids, cat, mode="toggle")
    assert act.summary == "Took cat from 3 images"
    assert not Image.objects.labeled().exists()


def test_taking_the_default_label_stars_the_oldest_of_the_others(several, owner):
    (image,) = make_images(several, 1)
    a, b, c = get_or_create_labels(several, owner, ["a", "b", "c"])
    for label in (a, b, c):
        label_images(several, owner, [image.pk], label)
    label_images(several, owner, [image.pk], a, mode="remove")
    assert carried(image) == ["b", "c"]


def test_setting_leaves_exactly_the_wanted_labels(several, owner):
    (image,) = make_images(several, 1)
    a, b, c = get_or_create_labels(several, owner, ["a", "b", "c"])
    with transaction.atomic():
        act = begin_act(several, owner, kind=Act.Kind.LABEL, summary="")
        apply_labels(act, {image.pk: [Given(b.pk), Given(a.pk)]}, mode="set")
        assert carried(image) == ["b", "a"]
        apply_labels(act, {image.pk: [Given(c.pk, 81.5), Given(a.pk)]}, mode="set")
        assert carried(image) == ["a", "c"]
        assert image.image_labels.get(label=c).score == 81.5
        apply_labels(act, {image.pk: []}, mode="set")
        assert carried(image) == []


def test_adding_no_label_to_an_image_leaves_it_alone(project, owner):
    (image,) = make_images(project, 1)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, [image.pk], cat)
    with transaction.atomic():
        act = begin_act(project, owner, kind=Act.Kind.LABEL, summary="")
        assert apply_labels(act, {image.pk: []}, mode="add") == 0
    assert carried(image) == ["cat"]


def test_the_starred_label_is_one_the_image_carries(several, owner):
    with_both, with_one = make_images(several, 2)
    cat, dog = get_or_create_labels(several, owner, ["cat", "dog"])
    label_images(several, owner, [with_both.pk, with_one.pk], cat)
    label_images(several, owner, [with_both.pk], dog)
    act = star(several, owner, [with_both.pk, with_one.pk], dog)
    assert act.summary == "Made dog the default label of 1 image"
    assert carried(with_both) == ["dog", "cat"]
    assert carried(with_one) == ["cat"]


def test_images_of_another_project_are_left_alone(project, several, owner, stranger):
    from projects.models import Project

    other = Project.objects.create(name="Theirs", owner=stranger)
    (image,) = make_images(other, 1)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    assert label_images(project, owner, [image.pk], cat) is None
    assert carried(image) == []


def test_a_deleted_label_cannot_be_given(project, owner):
    from projects.services.label_list import delete_label

    (image,) = make_images(project, 1)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    delete_label(project, owner, cat)
    with pytest.raises(Conflict, match="deleted"):
        label_images(project, owner, [image.pk], cat)


def test_every_change_is_in_the_history(project, owner):
    (image,) = make_images(project, 1)
    cat, dog = get_or_create_labels(project, owner, ["cat", "dog"])
    label_images(project, owner, [image.pk], cat)
    label_images(project, owner, [image.pk], dog)
    last = LabelChange.objects.order_by("-pk")[:2]
    assert {(change.label_id, change.before is None) for change in last} == {
        (cat.pk, False),
        (dog.pk, True),
    }


def test_ten_thousand_images_take_one_act_and_under_two_seconds(project, owner):
    images = make_images(project, 10_000)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    started = time.process_time()
    act = label_images(project, owner, [image.pk for image in images], cat)
    assert time.process_time() - started < 2
    assert act.summary == "Labeled 10,000 images as cat"
    assert Image.objects.labeled().count() == 10_000


def test_more_images_than_the_limit_are_refused_with_the_remedy(project, owner, monkeypatch):
    monkeypatch.setattr(labels_service, "MAX_IMAGES", 2)
    images = make_images(project, 3)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    with pytest.raises(TooLarge, match="narrow the filter"):
        label_images(project, owner, project.images.all(), cat)
    assert not ImageLabel.objects.exists()
    assert images


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a|b", "a\x00b"])
def test_a_bad_name_is_refused_with_a_sentence(project, owner, name):
    with pytest.raises(Refusal, match=r"name.*\."):
        get_or_create_labels(project, owner, [name])


def test_names_are_one_whatever_their_case_and_unicode_form(project, owner):
    (first,) = get_or_create_labels(project, owner, ["Café"])
    again = get_or_create_labels(project, owner, ["CAFÉ", "café ", "  café"])
    assert again == [first]


def test_new_labels_get_the_next_free_color_and_key(project, owner):
    made = get_or_create_labels(project, owner, [f"label {index}" for index in range(25)])
    assert [label.key for label in made] == [*"123456789", *[""] * 16]
    assert len({label.color for label in made}) == 20
    assert [label.position for label in made] == list(range(25))
