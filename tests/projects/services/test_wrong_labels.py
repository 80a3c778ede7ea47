"""Labels that look wrong: which, with what evidence, and what a person says of them."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User

from projects.errors import Conflict
from projects.models import Act, Image, ImageLabel, Label, Project
from projects.services.labels import label_images
from projects.services.trash import trash_images
from projects.services.undo import redo, undo
from projects.services.verdicts import (
    Pair,
    Replacement,
    confirm_labels,
    confirmed,
    replace_labels,
)
from projects.services.wrong_labels import (
    EVIDENCE,
    PAGE,
    Card,
    Suspect,
    cards_of,
    judge,
    next_suspects,
    sums_of,
)
from tests.reviews import make_image, make_label, near, put_label, three_classes

pytestmark = pytest.mark.django_db


def wrong_project(
    project: Project, *wrong: tuple[int, int], labeled: int = 12
) -> tuple[list[Label], list[Image]]:
    """Three classes well apart; `wrong` are images of one class labeled as another."""
    labels, _ = three_classes(project, labeled=labeled, unlabeled=0)
    rng = np.random.default_rng(99)
    images = [make_image(project, near(true, rng), labels[given]) for true, given in wrong]
    project.refresh_from_db()
    return labels, images


def suspects(project: Project) -> list[Suspect]:
    project.refresh_from_db()
    return list(judge(project).suspects)


def pairs(project: Project) -> list[Pair]:
    return [(each.image_id, each.given) for each in suspects(project)]


def cards(project: Project) -> list[Card]:
    found = suspects(project)
    labels = {label.pk: label for label in Label.objects.live().filter(project=project)}
    return cards_of(project, judge(project), found, labels)


def carried(image: Image) -> list[str]:
    rows = ImageLabel.objects.filter(image=image).order_by("-is_default", "label__name")
    return list(rows.values_list("label__name", flat=True))


def replacement(project: Project, image: Image) -> Replacement:
    found = next(each for each in suspects(project) if each.image_id == image.pk)
    return Replacement(found.image_id, found.given, found.suggested)


def test_a_wrong_label_is_found_first_with_the_right_one_suggested(project: Project) -> None:
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    found = suspects(project)
    assert found[0][:3] == (image.pk, dog.pk, cat.pk)
    assert found[0].probability > 0.4
    assert sums_of(found) == (len(found), round(sum(each.probability for each in found)))


def test_where_all_is_right_nothing_is_found(project: Project) -> None:
    wrong_project(project)
    assert suspects(project) == []
    assert judge(project).enough


def test_with_fewer_than_20_labeled_images_nothing_is_said(project: Project) -> None:
    wrong_project(project, (0, 1), labeled=6)
    assert not judge(project).enough
    assert suspects(project) == []


def test_an_empty_project_is_judged_too(project: Project) -> None:
    assert suspects(project) == []
    assert judge(project).judged == 0


def test_images_in_the_trash_are_neither_found_nor_evidence(project: Project, owner: User) -> None:
    _, (image, other) = wrong_project(project, (0, 1), (0, 1))
    trash_images(project, owner, [image.pk])
    found = cards(project)
    assert next(card.suspect.image_id for card in found) == other.pk
    shown = {hit.image.pk for card in found for hit in (*card.like, *card.unlike)}
    assert image.pk not in shown


def test_evidence_is_the_nearest_images_of_either_label(project: Project) -> None:
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    card = cards(project)[0]
    assert (card.given, card.suggested, card.tile.image) == (dog, cat, image)
    assert [len(card.like), len(card.unlike)] == [EVIDENCE, EVIDENCE]
    assert {hit.labels for hit in card.like} == {str(cat.pk)}
    assert {hit.labels for hit in card.unlike} == {str(dog.pk)}
    assert image.pk not in {hit.image.pk for hit in card.unlike}
    assert min(hit.percent for hit in card.like) > max(hit.percent for hit in card.unlike)
    percents = [hit.percent for hit in card.like]
    assert percents == sorted(percents, reverse=True)


def test_a_card_changes_its_version_with_its_labels_name(project: Project) -> None:
    (cat, _, _), _ = wrong_project(project, (0, 1))
    before = cards(project)[0].version
    assert cards(project)[0].version == before
    Label.objects.filter(pk=cat.pk).update(name="kitten")
    assert cards(project)[0].version != before


def test_taking_the_suggested_label_is_one_act_that_undo_takes_back(
    project: Project, owner: User
) -> None:
    _, images = wrong_project(project, (0, 1), (2, 1))
    act = replace_labels(
        project,
        owner,
        [replacement(project, image) for image in images],
        source=ImageLabel.Source.SUGGESTION,
    )
    assert act
    assert act.summary == "Corrected the labels of 2 images, each as suggested"
    assert [carried(image) for image in images] == [["cat"], ["owl"]]
    assert {row.source for row in ImageLabel.objects.filter(image__in=images)} == {"suggestion"}
    assert not {image.pk for image in images} & {pk for pk, _ in pairs(project)}
    undo(project, owner)
    assert [carried(image) for image in images] == [["dog"], ["dog"]]
    assert {image.pk for image in images} <= {pk for pk, _ in pairs(project)}
    redo(project, owner)
    assert [carried(image) for image in images] == [["cat"], ["owl"]]


def test_an_image_relabeled_meanwhile_is_left_alone(project: Project, owner: User) -> None:
    (_, _, owl), (image, other) = wrong_project(project, (0, 1), (0, 1))
    wanted = [replacement(project, image), replacement(project, other)]
    label_images(project, owner, [image.pk], owl)
    act = replace_labels(project, owner, wanted)
    assert act
    assert act.summary == "Corrected the label of 1 image to cat"
    assert [carried(image), carried(other)] == [["owl"], ["cat"]]
    acts = project.acts.count()
    assert replace_labels(project, owner, wanted) is None
    assert project.acts.count() == acts, "what changes nothing leaves no act"


def test_a_deleted_label_is_refused(project: Project, owner: User) -> None:
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    Label.objects.filter(pk=cat.pk).update(deleted_at="2026-01-01T00:00Z")
    with pytest.raises(Conflict):
        replace_labels(project, owner, [Replacement(image.pk, dog.pk, cat.pk)])
    assert carried(image) == ["dog"]


def test_of_several_labels_only_the_wrong_one_is_replaced(owner: User) -> None:
    project = Project.objects.create(name="Several", owner=owner, multi_label=True)
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    put_label(image, make_label(project, "indoors"))
    replace_labels(project, owner, [Replacement(image.pk, dog.pk, cat.pk)])
    assert carried(image) == ["cat", "indoors"], "the default label is the one instead"


def test_a_label_the_image_carries_too_is_kept_once(owner: User) -> None:
    project = Project.objects.create(name="Several", owner=owner, multi_label=True)
    (cat, dog, _), (image,) = wrong_project(project, (0, 1))
    put_label(image, cat)
    replace_labels(project, owner, [Replacement(image.pk, dog.pk, cat.pk)])
    assert carried(image) == ["cat"]


def test_a_confirmed_label_is_not_shown_again(project: Project, owner: User) -> None:
    (_, dog, _), (image, other) = wrong_project(project, (0, 1), (0, 1))
    assert (image.pk, dog.pk) in pairs(project)
    act = confirm_labels(project, owner, [(image.pk, dog.pk)])
    assert act
    assert act.summary == "Confirmed the label of 1 image"
    assert (image.pk, dog.pk) not in pairs(project)
    assert (other.pk, dog.pk) in pairs(project)
    undo(project, owner)
    assert (image.pk, dog.pk) in pairs(project)
    redo(project, owner)
    assert (image.pk, dog.pk) not in pairs(project)


def test_a_confirmation_ends_when_the_label_changes(project: Project, owner: User) -> None:
    (_, dog, owl), (image,) = wrong_project(project, (0, 1))
    confirm_labels(project, owner, [(image.pk, dog.pk)])
    label_images(project, owner, [image.pk], owl)
    assert (image.pk, owl.pk) in pairs(project), "another label was not confirmed"
    undo(project, owner)
    assert (image.pk, dog.pk) not in pairs(project), "undo brings back the label that was"
    label_images(project, owner, [image.pk], owl)
    label_images(project, owner, [image.pk], dog)
    assert (image.pk, dog.pk) in pairs(project), "given anew, it was not confirmed"


def test_confirmations_of_other_projects_and_images_count_for_nothing(
    project: Project, owner: User
) -> None:
    (_, dog, _), (image,) = wrong_project(project, (0, 1))
    elsewhere = Project.objects.create(name="Elsewhere", owner=owner)
    assert confirm_labels(elsewhere, owner, [(image.pk, dog.pk)]) is None
    assert confirm_labels(project, owner, [(image.pk, dog.pk + 1), (10**9, dog.pk)]) is None
    assert not Act.objects.filter(kind=Act.Kind.CONFIRM).exists()
    assert confirmed(project, [(image.pk, dog.pk)]) == set()


def test_the_next_ones_are_those_not_shown_in_their_order() -> None:
    all_of_them = [Suspect(pk, 1, 2, 0.9) for pk in range(1, PAGE + 11)]
    first = next_suspects(all_of_them)
    assert first == all_of_them[:PAGE]
    assert next_suspects(all_of_them, {each.image_id for each in first}) == all_of_them[PAGE:]
