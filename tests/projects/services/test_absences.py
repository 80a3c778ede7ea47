"""Absent told apart from unknown: who says it, what takes it back, and what undo restores."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from projects.errors import TooLarge
from projects.models import AbsentLabel, Image, Label, Project
from projects.services import absences, commits, edits, labels
from projects.services.label_list import delete_label, merge_labels
from projects.services.labels import label_images, mark_rest_absent
from projects.services.suggestions import search
from projects.services.thresholds import truth
from projects.services.undo import redo, undo
from tests.projects.services.test_batches import row_of
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import make_image, make_label, three_classes

pytestmark = pytest.mark.django_db


@pytest.fixture
def several(project: Project) -> Project:
    project.multi_label = True
    project.save()
    return project


def absent(image: Image) -> list[str]:
    return [label.name for label in absences.absent_labels_of(image)]


def test_a_committed_row_says_what_its_image_does_not_carry(several: Project) -> None:
    (cat, _dog, owl), images = three_classes(several)
    batch = batch_of(several, images[:3])
    search(batch)
    edits.set_tick(batch, several.owner, row_of(batch, images[0]).item.pk, owl, ticked=True)
    edits.set_tick(batch, several.owner, row_of(batch, images[1]).item.pk, cat, ticked=False)
    for label in row_of(batch, images[1]).ticked:
        edits.set_tick(
            batch, several.owner, row_of(batch, images[1]).item.pk,
            Label.objects.get(pk=label), ticked=False,
        )  # fmt: skip
    commits.commit(batch, several.owner)
    assert absent(images[0]) == ["dog"]
    assert absent(images[1]) == [], "a row without a tick says nothing"
    assert absent(images[2]) == ["cat", "dog"]
    undo(several, several.owner)
    assert not AbsentLabel.objects.in_effect().exists()
    redo(several, several.owner)
    assert absent(images[2]) == ["cat", "dog"]


def test_a_label_the_image_carried_before_is_not_absent(several: Project) -> None:
    (cat, _dog, owl), images = three_classes(several)
    label_images(several, several.owner, [images[0].pk], owl)
    batch = batch_of(several, images[:1])
    search(batch)
    assert row_of(batch, images[0]).ticked == (cat.pk,)
    commits.commit(batch, several.owner)
    assert absent(images[0]) == ["dog"]


def test_with_many_labels_only_removed_ticks_are_absent(
    several: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "MOST_DECIDED", 2)
    (cat, dog, _owl), images = three_classes(several)
    batch = batch_of(several, images[:1])
    search(batch)
    item = row_of(batch, images[0]).item.pk
    edits.set_tick(batch, several.owner, item, cat, ticked=True)
    edits.set_tick(batch, several.owner, item, dog, ticked=False)
    commits.commit(batch, several.owner)
    assert absent(images[0]) == ["dog"]


def test_a_single_label_project_says_nothing(project: Project) -> None:
    _labels, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    commits.commit(batch, project.owner)
    assert not AbsentLabel.objects.exists()


def test_giving_the_label_takes_the_absence_back_and_undo_restores_it(several: Project) -> None:
    cat, dog = make_label(several, "cat"), make_label(several, "dog")
    image = make_image(several, None, cat)
    act = mark_rest_absent(several, several.owner, [image.pk])
    assert act
    assert act.summary == "Marked the rest of the labels as absent on 1 image"
    assert absent(image) == ["dog"]
    assert mark_rest_absent(several, several.owner, [image.pk]) is None
    label_images(several, several.owner, [image.pk], dog)
    assert absent(image) == []
    undo(several, several.owner)
    assert absent(image) == ["dog"]
    label_images(several, several.owner, [image.pk], cat, mode="remove")
    assert absent(image) == ["dog"], "what was taken is unknown, not absent"


def test_a_label_made_later_is_unknown(several: Project) -> None:
    cat = make_label(several, "cat")
    image = make_image(several, None, cat)
    make_label(several, "dog")
    mark_rest_absent(several, several.owner, [image.pk])
    make_label(several, "owl")
    said = truth(several, [image.pk])
    assert said.matrix.tolist() == [[1, 0, -1]]
    assert said.image_ids == [image.pk]


def test_truth_is_of_this_project_and_of_live_labels(several: Project, stranger: User) -> None:
    cat, dog = make_label(several, "cat"), make_label(several, "dog")
    image = make_image(several, None, cat)
    theirs = make_image(Project.objects.create(name="Theirs", owner=stranger))
    mark_rest_absent(several, several.owner, [image.pk, theirs.pk])
    assert absent(theirs) == []
    delete_label(several, several.owner, dog)
    said = truth(several, [image.pk, theirs.pk])
    assert (said.image_ids, said.label_ids, said.matrix.tolist()) == ([image.pk], [cat.pk], [[1]])
    undo(several, several.owner)
    assert truth(several, [image.pk]).matrix.tolist() == [[1, 0]]


def test_a_merged_label_is_absent_only_where_all_of_them_were(several: Project) -> None:
    names = ("cat", "kitty", "dog")
    cat, kitty, dog = (make_label(several, name) for name in names)
    both, one, carrying = (make_image(several, None, dog) for _ in range(3))
    label_images(several, several.owner, [carrying.pk], kitty)
    mark_rest_absent(several, several.owner, [both.pk, carrying.pk])
    label_images(several, several.owner, [one.pk], kitty)
    mark_rest_absent(several, several.owner, [one.pk])
    label_images(several, several.owner, [one.pk], kitty, mode="remove")
    assert [absent(each) for each in (both, one, carrying)] == [["cat", "kitty"], ["cat"], ["cat"]]
    merge_labels(several, several.owner, [kitty], cat)
    assert [absent(each) for each in (both, one, carrying)] == [["cat"], [], []]
    undo(several, several.owner)
    assert [absent(each) for each in (both, one, carrying)] == [["cat", "kitty"], ["cat"], ["cat"]]


def test_what_another_person_labeled_since_stays_decided(several: Project, stranger: User) -> None:
    """Undo leaves the image alone as a whole: its labels and what was said of the others."""
    _labels, images = three_classes(several)
    batch = batch_of(several, images[:2])
    search(batch)
    commits.commit(batch, several.owner)
    given = images[0].image_labels.get().label
    label_images(several, stranger, [images[0].pk], given, mode="remove")
    label_images(several, stranger, [images[0].pk], given)
    record = undo(several, several.owner)
    assert record
    assert "1 image was changed since" in record.summary
    assert len(absent(images[0])) == 2
    assert absent(images[1]) == []


def test_too_many_images_times_labels_are_refused(
    several: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MAX_PAIRS", 3)
    make_label(several, "cat")
    make_label(several, "dog")
    ids = [make_image(several).pk for _ in range(2)]
    with pytest.raises(TooLarge, match="2 images times 2 labels is more than 3"):
        mark_rest_absent(several, several.owner, ids)
    assert not several.acts.exists()
