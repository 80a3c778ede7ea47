"""Near-duplicates of a project: which groups there are, in what order, and acts on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from django.contrib.auth.models import User

from projects.errors import Conflict
from projects.models import Act, Image, Label, Project
from projects.services import near_pairs
from projects.services.duplicates import (
    PAGE,
    Group,
    Standing,
    cards_of,
    find_groups,
    label_groups_like_labeled,
    label_like,
    page_of_groups,
    sums_of,
)
from projects.services.labels import label_images
from projects.services.near_pairs import pairs_if_soon, pairs_of
from projects.services.trash import trash_images
from projects.services.undo import redo, undo
from similarity.duplicates import Pairs
from tests.reviews import direction, give_vector, make_image, make_label, put_label, take_labels

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    yield
    near_pairs.forget()


def copies(project: Project, subject: int, *labels: Label | None) -> list[Image]:
    """Images that are all but the same picture, one for each of `labels`, None for unlabeled."""
    rng = np.random.default_rng(subject)
    made = []
    for label in labels:
        vector = direction(subject) + rng.normal(scale=0.01, size=32)
        made.append(
            make_image(project, vector / np.linalg.norm(vector), *([label] if label else []))
        )
    return made


def groups_of(project: Project, percent: int = 95) -> list[Group]:
    project.refresh_from_db()
    return find_groups(project, pairs_of(project), percent=percent)


def members(project: Project, percent: int = 95) -> list[set[int]]:
    return [set(group.image_ids) for group in groups_of(project, percent)]


def ids(images: Sequence[Image]) -> set[int]:
    return {image.pk for image in images}


def labels_of(images: Sequence[Image]) -> list[list[str]]:
    return [
        sorted(Label.objects.filter(image_labels__image=image).values_list("name", flat=True))
        for image in images
    ]


def test_groups_that_need_a_person_come_first(project: Project) -> None:
    cat, dog = make_label(project, "cat"), make_label(project, "dog")
    agreeing = copies(project, 1, cat, cat)
    unlabeled = copies(project, 2, None, None, None)
    partly = copies(project, 3, None, dog)
    disagreeing = copies(project, 4, cat, dog, None)
    make_image(project, direction(5))
    assert members(project) == [ids(disagreeing), ids(partly), ids(unlabeled), ids(agreeing)]
    assert [group.standing for group in groups_of(project)] == list(Standing)
    sums = sums_of(groups_of(project))
    assert (sums.groups, sums.images, sums.partly, sums.to_label) == (4, 10, 1, 1)


def test_the_percentage_says_how_alike_they_must_be(project: Project) -> None:
    first = direction(1)
    other = np.linalg.qr(np.stack((first, direction(2)), axis=1))[0][:, 1]
    near = 0.93 * first + np.sqrt(1 - 0.93**2) * other
    pair = [make_image(project, first), make_image(project, near)]
    assert members(project, 92) == [ids(pair)]
    assert groups_of(project, 92)[0].percents in {(100, 92), (100, 93)}
    assert members(project, 94) == []


def test_staged_and_deleted_images_are_in_no_group(owner: User, project: Project) -> None:
    images = copies(project, 1, None, None, None)
    trash_images(project, owner, [images[0].pk])
    assert members(project) == [ids(images[1:])]
    Image.objects.filter(pk=images[1].pk).update(state=Image.State.STAGED)
    assert members(project) == []
    undo(project, owner)
    assert members(project) == [{images[0].pk, images[2].pk}]


def test_new_images_join_and_only_they_are_compared(project: Project) -> None:
    images = copies(project, 1, None, None)
    assert members(project) == [ids(images)]
    kept = near_pairs._of(project)
    assert kept.known
    # With the known pair taken away, a comparison of all would find it again.
    nothing = Pairs(*(column[:0] for column in kept.known.pairs))
    kept.known = replace(kept.known, pairs=nothing)
    late = make_image(project, direction(1))
    project.refresh_from_db()
    known = pairs_of(project)
    assert list(zip(known.pairs.lower, known.pairs.upper, strict=True)) == [(0, 2), (1, 2)]
    assert members(project) == [{*ids(images), late.pk}]


def test_an_image_that_is_gone_for_good_has_everything_compared_again(project: Project) -> None:
    images = copies(project, 1, None, None, None)
    assert members(project) == [ids(images)]
    images[0].delete()
    project.raise_revision()
    assert members(project) == [ids(images[1:])]


def test_another_encoder_has_everything_compared_again(project: Project) -> None:
    images = copies(project, 1, None, None)
    assert members(project) == [ids(images)]
    Project.objects.filter(pk=project.pk).update(encoder="another", encoder_version="1")
    project.refresh_from_db()
    for number, image in enumerate(images):
        image.project = project
        give_vector(image, direction(number))
    assert members(project) == []


def test_a_project_without_embeddings_has_no_groups(project: Project) -> None:
    make_image(project)
    assert members(project) == []


def test_what_takes_long_is_compared_in_a_thread(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = copies(project, 1, None, None)
    project.refresh_from_db()
    monkeypatch.setattr(near_pairs, "AT_ONCE", 1)
    assert pairs_if_soon(project) is None
    for thread in threading.enumerate():
        if thread.name == "near-pairs":
            thread.join(20)
    known = pairs_if_soon(project)
    assert known is not None
    assert [set(g.image_ids) for g in find_groups(project, known, percent=95)] == [ids(images)]


def test_a_page_does_not_wait_long_for_another_that_compares(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies(project, 1, None, None)
    project.refresh_from_db()
    monkeypatch.setattr(near_pairs, "PATIENCE", 0.01)
    with near_pairs._of(project).lock:
        assert pairs_if_soon(project) is None
    assert pairs_if_soon(project) is not None


def test_all_are_labeled_like_one_of_them(owner: User, project: Project) -> None:
    cat, dog = make_label(project, "cat"), make_label(project, "dog")
    images = copies(project, 1, cat, dog, None)
    act = label_like(project, owner, ids(images), like=images[1].pk)
    assert act is not None
    assert act.summary == "Labeled 2 images like another one"
    assert labels_of(images) == [["dog"]] * 3
    undo(project, owner)
    assert labels_of(images) == [["cat"], ["dog"], []]
    redo(project, owner)
    assert labels_of(images) == [["dog"]] * 3
    assert label_like(project, owner, ids(images), like=images[0].pk) is None


def test_several_labels_and_the_default_one_are_passed_on(owner: User, project: Project) -> None:
    Project.objects.update(multi_label=True)
    project.refresh_from_db()
    labels = [make_label(project, name) for name in ("cat", "outside")]
    images = copies(project, 1, None, None)
    for image in images:
        image.project = project
    label_images(project, owner, [images[0].pk], labels[1])
    label_images(project, owner, [images[0].pk], labels[0])
    label_like(project, owner, ids(images), like=images[0].pk)
    assert labels_of(images) == [["cat", "outside"]] * 2
    default = images[1].image_labels.get(is_default=True)
    assert default.label == labels[1]


def test_there_must_be_a_label_to_pass_on(owner: User, project: Project) -> None:
    images = copies(project, 1, None, None)
    with pytest.raises(Conflict, match="carries no label"):
        label_like(project, owner, ids(images), like=images[0].pk)
    assert not Act.objects.exists()


def test_all_groups_are_labeled_like_their_labeled_images_in_one_act(
    owner: User, project: Project
) -> None:
    cat, dog = make_label(project, "cat"), make_label(project, "dog")
    partly = copies(project, 1, cat, None, None)
    also = copies(project, 2, None, dog)
    disagreeing = copies(project, 3, cat, dog, None)
    unlabeled = copies(project, 4, None, None)
    act = label_groups_like_labeled(project, owner, groups_of(project))
    assert act is not None
    assert act.summary == "Labeled 3 images like their near-duplicates"
    assert labels_of(partly) == [["cat"]] * 3
    assert labels_of(also) == [["dog"]] * 2
    assert labels_of(disagreeing) == [["cat"], ["dog"], []]
    assert labels_of(unlabeled) == [[], []]
    undo(project, owner)
    assert labels_of(partly) == [["cat"], [], []]
    assert labels_of(also) == [[], ["dog"]]


def test_labels_that_changed_since_the_groups_were_made_count(
    owner: User, project: Project
) -> None:
    cat, dog = make_label(project, "cat"), make_label(project, "dog")
    now_disagree = copies(project, 1, cat, None, None)
    now_bare = copies(project, 2, dog, None)
    groups = groups_of(project)
    put_label(now_disagree[1], dog)
    take_labels(now_bare[0])
    assert label_groups_like_labeled(project, owner, groups) is None
    assert labels_of(now_disagree) == [["cat"], ["dog"], []]
    assert labels_of(now_bare) == [[], []]


def test_thinning_out_keeps_the_labeled_one_else_the_largest(project: Project) -> None:
    cat = make_label(project, "cat")
    labeled = copies(project, 1, None, cat)
    bare = copies(project, 2, None, None, None)
    Image.objects.filter(pk=labeled[0].pk).update(width=4000, height=3000)
    Image.objects.filter(pk=bare[1].pk).update(width=400, height=300)
    Image.objects.filter(pk=bare[2].pk).update(byte_size=9000)
    cards = cards_of(project, groups_of(project))
    assert [card.best.pk for card in cards] == [labeled[1].pk, bare[1].pk]


def test_a_card_has_another_version_when_anything_on_it_changes(
    owner: User, project: Project
) -> None:
    cat = make_label(project, "cat")
    images = copies(project, 1, None, None)
    versions = set()

    def look() -> None:
        versions.add(cards_of(project, groups_of(project))[0].version)

    look()
    look()
    assert len(versions) == 1
    label_images(project, owner, [images[0].pk], cat)
    look()
    Image.objects.filter(pk=images[0].pk).update(name="renamed.jpg")
    look()
    assert len(versions) == 3


def test_paging_by_place_shows_every_group_once_though_some_are_labeled_meanwhile(
    owner: User, project: Project
) -> None:
    cat = make_label(project, "cat")
    number = PAGE + 7
    for subject in range(number):
        copies(project, 100 + subject, None, None)
    groups = groups_of(project)
    assert len(groups) == number
    first = page_of_groups(groups, after=None)
    assert len(first) == PAGE
    label_images(project, owner, first[3].image_ids, cat)
    second = page_of_groups(groups_of(project), after=first[-1].place)
    assert {g.key for g in first} | {g.key for g in second} == {g.key for g in groups}
    assert [group.key for group in second if group in first or group.key == first[3].key] == [
        first[3].key
    ]
