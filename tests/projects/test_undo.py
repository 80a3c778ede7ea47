"""Undo and redo: what is done comes undone as a whole, and nobody else's work is lost."""

import random
from contextlib import suppress

import pytest
from django.contrib.auth.models import User

from projects.errors import Conflict
from projects.models import AbsentLabel, Act, Image, ImageLabel, Label
from projects.services.label_list import (
    add_label,
    delete_label,
    merge_labels,
    recolor,
    rename_label,
    reorder,
    set_key,
)
from projects.services.labels import get_or_create_labels, label_images, mark_rest_absent, star
from projects.services.trash import trash_images
from projects.services.undo import redo, undo

from .images import make_images

pytestmark = pytest.mark.django_db


@pytest.fixture
def several(project):
    project.multi_label = True
    project.save()
    return project


def picture_of(project):
    """Everything undo must bring back."""
    rows = ImageLabel.objects.filter(image__project=project).order_by("image", "label")
    labels = Label.objects.live().filter(project=project).order_by("pk")
    images = Image.objects.filter(project=project).order_by("pk")
    absent = AbsentLabel.objects.in_effect().filter(image__project=project, label__in=labels)
    return (
        list(
            rows.values_list("image", "label", "source", "labeled_by", "labeled_at", "is_default")
        ),
        list(labels.values_list("pk", "name", "color", "key", "position")),
        list(images.values_list("pk", "name", "state", "is_labeled")),
        sorted(absent.values_list("image", "label")),
    )


def assert_sound(project):
    """One default label on each labeled image, `is_labeled` true to the rows, none absent too."""
    absent = AbsentLabel.objects.in_effect().values_list("image", "label")
    assert not set(absent) & set(ImageLabel.objects.values_list("image", "label"))
    for image in Image.objects.filter(project=project).prefetch_related("image_labels"):
        rows = list(image.image_labels.all())
        assert image.is_labeled == bool(rows)
        assert sum(row.is_default for row in rows) == min(1, len(rows))
        if not project.multi_label:
            assert len(rows) <= 1


def random_act(rng, project, user):
    """Do something at random; many of these change nothing, as in life."""
    ids = list(Image.objects.in_dataset().filter(project=project).values_list("pk", flat=True))
    some = rng.sample(ids, rng.randint(1, len(ids))) if ids else []
    labels = list(Label.objects.live().filter(project=project))
    label, other = rng.choice(labels), rng.choice(labels)
    what = rng.randrange(17)
    if what < 5:
        label_images(project, user, some, label, mode=rng.choice(["add", "toggle", "set"]))
    elif what == 5:
        label_images(project, user, some, label, mode="remove")
    elif what == 6:
        star(project, user, some, label)
    elif what == 7:
        add_label(project, user, f"label {rng.random()}")
    elif what == 8:
        rename_label(project, user, label, f"renamed {rng.random()}")
    elif what == 9:
        set_key(project, user, label, rng.choice("123456789"))
    elif what == 10:
        reorder(project, user, [each.pk for each in rng.sample(labels, len(labels))])
    elif what == 11 and label != other:
        merge_labels(project, user, [label], other)
    elif what == 12 and len(labels) > 3:
        delete_label(project, user, label)
    elif what == 13 and len(some) < 4:
        trash_images(project, user, some)
    elif what > 13:
        mark_rest_absent(project, user, some)


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_undoing_all_of_any_acts_restores_the_start_and_redoing_all_the_end(
    project, owner, seed, multi_label
):
    project.multi_label = multi_label
    project.save()
    rng = random.Random(seed)
    make_images(project, 12)
    get_or_create_labels(project, owner, ["a", "b", "c", "d"])
    start = picture_of(project)
    for _ in range(25):
        random_act(rng, project, owner)
        assert_sound(project)
    end = picture_of(project)
    for _ in range(2):
        while undo(project, owner):
            assert_sound(project)
        assert picture_of(project) == start
        while redo(project, owner):
            assert_sound(project)
        assert picture_of(project) == end


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_two_people_doing_and_undoing_at_random_leave_a_sound_project(
    project, owner, seed, multi_label
):
    project.multi_label = multi_label
    project.save()
    people = [owner, User.objects.create_user("second")]
    rng = random.Random(seed)
    make_images(project, 8)
    get_or_create_labels(project, owner, ["a", "b", "c", "d"])
    for _ in range(60):
        with suppress(Conflict):
            rng.choice([random_act] * 2 + [lambda _, *a: undo(*a), lambda _, *a: redo(*a)])(
                rng, project, rng.choice(people)
            )
        assert_sound(project)


def test_undo_takes_back_the_newest_act_only(project, owner):
    (image,) = make_images(project, 1)
    cat, dog = get_or_create_labels(project, owner, ["cat", "dog"])
    label_images(project, owner, [image.pk], cat)
    label_images(project, owner, [image.pk], dog)
    assert undo(project, owner).summary == "Undid: Labeled 1 image as dog"
    assert image.image_labels.get().label == cat


def test_nothing_to_undo_or_redo_is_no_error(project, owner):
    assert undo(project, owner) is None
    assert redo(project, owner) is None


def test_nobody_undoes_what_another_did(project, owner, stranger):
    (image,) = make_images(project, 1)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, [image.pk], cat)
    assert undo(project, stranger) is None


def test_a_new_act_ends_what_could_be_redone(project, owner):
    one, two = make_images(project, 2)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, [one.pk], cat)
    undo(project, owner)
    label_images(project, owner, [two.pk], cat)
    assert redo(project, owner) is None


def test_an_image_another_person_labeled_since_is_left_alone_and_counted(project, owner, stranger):
    one, two = make_images(project, 2)
    cat, dog = get_or_create_labels(project, owner, ["cat", "dog"])
    label_images(project, owner, [one.pk, two.pk], cat)
    label_images(project, stranger, [two.pk], dog)
    record = undo(project, owner)
    assert "1 image was changed since" in record.summary
    assert not one.image_labels.exists()
    assert two.image_labels.get().label == dog
    redo(project, owner)
    assert one.image_labels.get().label == cat
    assert two.image_labels.get().label == dog


def test_a_label_another_person_added_beside_ours_stays_and_gets_the_star(several, owner, stranger):
    (image,) = make_images(several, 1)
    cat, dog = get_or_create_labels(several, owner, ["cat", "dog"])
    label_images(several, owner, [image.pk], cat)
    label_images(several, stranger, [image.pk], dog)
    undo(several, owner)
    assert image.image_labels.get().label == dog
    assert image.image_labels.get().is_default


def test_undo_of_a_deleted_label_gives_it_back_with_its_stars(several, owner):
    images = make_images(several, 3)
    cat, dog = get_or_create_labels(several, owner, ["cat", "dog"])
    label_images(several, owner, [image.pk for image in images], cat)
    label_images(several, owner, [images[0].pk], dog)
    before = picture_of(several)
    act = delete_label(several, owner, cat)
    assert act.summary == "Deleted the label cat; 3 images lost it"
    assert not Label.objects.live().filter(name="cat").exists()
    undo(several, owner)
    assert picture_of(several) == before


def test_a_deleted_label_whose_name_is_taken_cannot_come_back_and_says_why(
    project, owner, stranger
):
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    delete_label(project, owner, cat)
    add_label(project, stranger, "Cat")
    with pytest.raises(Conflict, match="named cat by now"):
        undo(project, owner)


def test_merging_says_how_many_images_changed_and_keeps_who_gave_the_label(
    project, owner, stranger
):
    images = make_images(project, 2)
    cat, kitty = get_or_create_labels(project, owner, ["cat", "kitty"])
    label_images(project, stranger, [image.pk for image in images], kitty)
    act = merge_labels(project, owner, [kitty], cat)
    assert act.summary == "Merged kitty into cat (2 images)"
    assert {row.labeled_by for row in ImageLabel.objects.filter(label=cat)} == {stranger}


def test_a_label_made_for_an_act_goes_with_it_and_comes_back_with_it(project, owner):
    (image,) = make_images(project, 1)
    made = get_or_create_labels(project, owner, ["cat"])
    label_images(project, owner, [image.pk], made[0], created=made)
    undo(project, owner)
    assert not Label.objects.live().exists()
    redo(project, owner)
    assert image.image_labels.get().label == made[0]
    assert Label.objects.live().count() == 1


def test_an_added_label_that_is_in_use_stays_and_undo_says_why(project, owner, stranger):
    (image,) = make_images(project, 1)
    _, cat = add_label(project, owner, "cat")
    label_images(project, stranger, [image.pk], cat)
    with pytest.raises(Conflict, match="carry this label by now"):
        undo(project, owner)


def test_renaming_to_a_taken_name_offers_to_merge(project, owner):
    _cat, dog = get_or_create_labels(project, owner, ["cat", "dog"])
    with pytest.raises(Conflict, match="merge"):
        rename_label(project, owner, dog, "CAT")


def test_a_key_moves_from_the_label_that_had_it_and_undo_moves_it_back(project, owner):
    _cat, dog = get_or_create_labels(project, owner, ["cat", "dog"])
    set_key(project, owner, dog, "1")
    assert list(Label.objects.values_list("name", "key")) == [("cat", ""), ("dog", "1")]
    undo(project, owner)
    assert list(Label.objects.values_list("name", "key")) == [("cat", "1"), ("dog", "2")]


def test_colors_are_checked_and_undone(project, owner):
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    before = cat.color
    recolor(project, owner, cat, "#123456")
    undo(project, owner)
    cat.refresh_from_db()
    assert cat.color == before


def test_deleted_images_come_back_even_if_their_name_was_taken(project, owner):
    (image,) = make_images(project, 1)
    trash_images(project, owner, [image.pk])
    make_images(project, 1, content_hash="f" * 64)
    undo(project, owner)
    image.refresh_from_db()
    assert (image.state, image.name) == (Image.State.DATASET, "photo-00000 (2).jpg")


def test_history_is_only_added_to(project, owner):
    (image,) = make_images(project, 1)
    (cat,) = get_or_create_labels(project, owner, ["cat"])
    act = label_images(project, owner, [image.pk], cat)
    undo(project, owner)
    redo(project, owner)
    assert act.changes.count() == 1
    assert Act.objects.filter(kind=Act.Kind.UNDO, undoes=act).count() == 2
