"""Review by label on made-up vectors: what is shown in what order, and what decisions come to."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects.errors import Conflict
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Label, Project
from projects.services import batches, commits
from projects.services.by_label import Decision, decide, rejections, sheet
from projects.services.by_label_evidence import MOST_SHOWN, evidence
from projects.services.label_list import delete_label
from projects.services.labels import label_images
from projects.services.teaching import forecast, kept_forecast, taught
from projects.services.undo import redo, undo
from tests.reviews import direction, make_image, make_label, near, put_label, three_classes

pytestmark = pytest.mark.django_db

WRONG = None


@pytest.fixture
def animals(project: Project) -> tuple[list[Label], list[Image]]:
    """Cat, dog and owl, 8 labeled images each; the unlabeled ones come as cat, dog, owl, cat ..."""
    return three_classes(project, labeled=8, unlabeled=4)


def labels_of(image: Image) -> list[str]:
    return list(image.image_labels.order_by("label").values_list("label__name", flat=True))


def said(image: Image, suggested: Label, chosen: Label | None) -> Decision:
    return Decision(image.pk, suggested.pk, chosen and chosen.pk)


def shown(project: Project, **knobs) -> dict[str | None, list[int]]:
    """Image ids by the name of their section."""
    sections = sheet(project, **knobs).sections
    return {s.label and s.label.name: [t.image.pk for t in s.tiles] for s in sections}


# --- the sheet -------------------------------------------------------------------------------


def test_images_stand_under_the_label_of_their_class_the_surest_first(project, animals) -> None:
    labels, images = animals
    found = sheet(project)
    by_name = {section.label.name: section for section in found.sections}
    for at, label in enumerate(labels):
        tiles = by_name[label.name].tiles
        assert {tile.image.pk for tile in tiles} == {image.pk for image in images[at::3]}
        assert {tile.label_id for tile in tiles} == {label.pk}
    lesson = taught(project)
    said_of = forecast(project, lesson, [image.pk for image in images])
    certainty = dict(zip(said_of.image_ids.tolist(), said_of.certainty.tolist(), strict=True))
    for section in found.sections:
        sure = [certainty[tile.image.pk] for tile in section.tiles]
        assert sure == sorted(sure, reverse=True)
    firsts = [certainty[section.tiles[0].image.pk] for section in found.sections]
    assert firsts == sorted(firsts, reverse=True)


def test_counts_are_of_all_images_and_not_of_the_sheet(project, animals) -> None:
    labels, _ = animals
    found = sheet(project, size=2)
    assert found.counts == {label.pk: 4 for label in labels}
    assert found.left == 12
    assert len(found.tiles) == 2


def test_one_label_alone_and_what_is_left_out_for_now(project, animals) -> None:
    labels, images = animals
    dogs = [image.pk for image in images[1::3]]
    assert {name: set(ids) for name, ids in shown(project, label_id=labels[1].pk).items()} == {
        "dog": set(dogs)
    }
    rest = shown(project, label_id=labels[1].pk, but=dogs[:3])
    assert rest == {"dog": dogs[3:]}
    assert sheet(project, but=dogs).counts[labels[1].pk] == 4


def test_expected_wrong_is_the_sum_of_the_doubts(project, animals) -> None:
    for section in sheet(project).sections:
        doubts = [1 - tile.probability for tile in section.tiles]
        assert section.expected_wrong == pytest.approx(sum(doubts))
        assert 0 < section.expected_wrong < len(section.tiles)


def test_the_other_labels_come_by_likelihood_without_the_suggested_one(project, animals) -> None:
    labels, _ = animals
    for tile in sheet(project).tiles:
        assert set(tile.others) == {label.pk for label in labels} - {tile.label_id}


def test_without_a_labeled_image_there_is_no_lesson(project) -> None:
    make_image(project, direction(0))
    found = sheet(project)
    assert (found.lesson, found.sections, found.left) == (None, (), 1)


def test_what_is_unlike_everything_comes_last_under_no_label(project, animals) -> None:
    labels, _ = animals
    away = -sum(direction(number) for number in range(len(labels)))
    new = make_image(project, away / np.linalg.norm(away))
    found = sheet(project)
    assert found.sections[-1].label is None
    assert [tile.image.pk for tile in found.sections[-1].tiles] == [new.pk]
    assert found.sections[-1].tiles[0].unlike
    assert found.unlike == 1
    assert sum(found.counts.values()) == 12
    assert shown(project, unlike=True) == {None: [new.pk]}
    assert all(
        new.pk not in ids for name in labels for ids in shown(project, label_id=name.pk).values()
    )


def test_images_under_review_labeled_staged_or_trashed_are_not_shown(project, animals) -> None:
    labels, images = animals
    batches.create_from_images(project, project.owner, [images[0].pk])
    put_label(images[1], labels[1])
    Image.objects.filter(pk=images[2].pk).update(state=Image.State.TRASH)
    Image.objects.filter(pk=images[3].pk).update(state=Image.State.STAGED)
    waiting = make_image(project)
    ids = {pk for part in shown(project).values() for pk in part}
    assert ids == {image.pk for image in images[4:]}
    assert waiting.pk not in ids


def test_other_projects_are_not_looked_at(project, animals, stranger: User) -> None:
    other = Project.objects.create(name="Other", owner=stranger)
    three_classes(other, unlabeled=1)
    assert sheet(project).left == 12
    assert {tile.image.project_id for tile in sheet(project).tiles} == {project.pk}


def test_a_label_deleted_is_suggested_no_more(project, animals) -> None:
    labels, _ = animals
    delete_label(project, project.owner, labels[0])
    assert set(shown(project)) <= {"dog", "owl", None}
    assert labels[0].pk not in {other for tile in sheet(project).tiles for other in tile.others}


def test_a_sheet_asks_as_much_for_three_images_as_for_sixty(project, animals) -> None:
    def asked() -> int:
        taught(project)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            sheet(project)
        return len(queries)

    few = asked()
    rng = np.random.default_rng(4)
    for at in range(40):
        make_image(project, near(at % 3, rng))
    assert asked() == few


# --- decisions -------------------------------------------------------------------------------


def test_accepted_corrected_and_rejected_in_one_act(project, animals) -> None:
    (cat, dog, _), images = animals
    act = decide(
        project,
        project.owner,
        [said(images[0], cat, cat), said(images[3], cat, dog), said(images[6], cat, WRONG)],
    )
    assert act.summary == "Accepted 1 suggestion, corrected 1, rejected 1"
    assert [labels_of(images[at]) for at in (0, 3, 6)] == [["cat"], ["dog"], []]
    sources = dict(ImageLabel.objects.filter(image__in=images).values_list("image", "source"))
    assert sources == {images[0].pk: "suggestion", images[3].pk: "hand"}
    items = dict(act.project.batches.get().items.values_list("image", "was_right"))
    assert items == {images[0].pk: True, images[3].pk: False, images[6].pk: False}
    tally = commits.tally(project)
    assert (tally.right, tally.wrong) == (1, 2)


def test_the_probability_is_computed_and_not_believed(project, animals) -> None:
    (cat, *_), images = animals
    tile = next(tile for tile in sheet(project).tiles if tile.image == images[0])
    lie = Decision(images[0].pk, cat.pk, cat.pk, 0.123)
    decide(project, project.owner, [lie, said(images[1], cat, cat)])
    items = {item.image_id: item.probability for item in BatchItem.objects.all()}
    assert items[images[0].pk] == pytest.approx(tile.probability)
    # It is a dog, and nobody suggests it as a cat any more.
    assert items[images[1].pk] is None
    scores = dict(ImageLabel.objects.filter(image__in=images).values_list("image", "score"))
    assert scores == {images[0].pk: round(100 * tile.probability, 1), images[1].pk: None}


def test_what_is_decided_is_gone_and_comes_back_by_undo(project, animals) -> None:
    (cat, *_), images = animals
    before = shown(project)
    decide(project, project.owner, [said(image, cat, cat) for image in images[0::3]])
    assert "cat" not in shown(project)
    assert undo(project, project.owner).summary == "Undid: Accepted 4 suggestions"
    assert shown(project) == before
    assert not BatchItem.objects.exists()
    redo(project, project.owner)
    assert "cat" not in shown(project)
    assert commits.tally(project).right == 4
    undo(project, project.owner)
    assert commits.tally(project).right == 0


def test_a_rejected_label_is_not_proposed_again_until_that_is_undone(project, animals) -> None:
    (cat, dog, owl), images = animals
    decide(project, project.owner, [said(images[0], cat, WRONG)])
    assert rejections(project) == {images[0].pk: {cat.pk}}
    tile = next(tile for tile in sheet(project).tiles if tile.image == images[0])
    assert tile.label_id in {dog.pk, owl.pk}
    assert cat.pk not in tile.others
    undo(project, project.owner)
    assert rejections(project) == {}
    tile = next(tile for tile in sheet(project).tiles if tile.image == images[0])
    assert tile.label_id == cat.pk
    redo(project, project.owner)
    assert rejections(project) == {images[0].pk: {cat.pk}}


def test_with_every_label_rejected_an_image_is_new(project, animals) -> None:
    labels, images = animals
    for label in labels:
        decide(project, project.owner, [said(images[0], label, WRONG)])
    found = sheet(project)
    assert found.unlike == 1
    (tile,) = sheet(project, unlike=True).tiles
    assert (tile.image, tile.label_id, tile.probability, tile.others) == (images[0], None, 0.0, ())
    act = decide(project, project.owner, [Decision(images[0].pk, None, labels[0].pk)])
    assert act.summary == "Labeled 1 image nothing was suggested for"
    assert labels_of(images[0]) == ["cat"]
    assert BatchItem.objects.get(chosen=[labels[0].pk]).was_right is None


def test_images_decided_meanwhile_are_left_and_counted(project, animals) -> None:
    (cat, dog, _), images = animals
    put_label(images[0], dog)
    Image.objects.filter(pk=images[6].pk).update(state=Image.State.TRASH)
    act = decide(project, project.owner, [said(images[at], cat, cat) for at in (0, 3, 6)])
    assert act.summary == ("Accepted 1 suggestion; 2 images were decided or deleted meanwhile")
    assert [labels_of(images[at]) for at in (0, 3, 6)] == [["dog"], ["cat"], []]


def test_the_same_again_is_a_conflict_that_leaves_no_trace(project, animals) -> None:
    (cat, *_), images = animals
    for decision in (said(images[0], cat, cat), said(images[3], cat, WRONG)):
        decide(project, project.owner, [decision])
        trace = (Act.objects.count(), BatchItem.objects.count(), Batch.objects.count())
        with pytest.raises(Conflict, match="decided meanwhile"):
            decide(project, project.owner, [decision])
        assert trace == (Act.objects.count(), BatchItem.objects.count(), Batch.objects.count())
    assert undo(project, project.owner).summary == "Undid: Rejected 1"


def test_one_image_named_twice_counts_once_by_the_last_word(project, animals) -> None:
    (cat, dog, _), images = animals
    decide(project, project.owner, [said(images[0], cat, cat), said(images[0], cat, dog)])
    assert labels_of(images[0]) == ["dog"]
    assert BatchItem.objects.count() == 1


def test_images_of_another_project_are_ignored(project, animals, stranger: User) -> None:
    (cat, *_), images = animals
    other = Project.objects.create(name="Other", owner=stranger)
    theirs = make_image(other, direction(0))
    with pytest.raises(Conflict):
        decide(project, project.owner, [said(theirs, cat, cat)])
    act = decide(project, project.owner, [said(theirs, cat, cat), said(images[0], cat, cat)])
    assert act.summary == "Accepted 1 suggestion"
    assert labels_of(theirs) == []


@pytest.mark.parametrize("as_what", ["suggested", "chosen"])
def test_a_label_deleted_or_of_another_project_is_a_conflict(
    project, animals, stranger: User, as_what: str
) -> None:
    (cat, dog, _), images = animals
    foreign = make_label(Project.objects.create(name="Other", owner=stranger), "cat")
    delete_label(project, project.owner, dog)
    for label in (foreign, dog):
        decision = said(images[0], cat, WRONG)._replace(**{as_what: label.pk})
        with pytest.raises(Conflict, match="deleted in the meantime"):
            decide(project, project.owner, [decision])
    assert labels_of(images[0]) == []
    assert not BatchItem.objects.exists()


def test_redo_counts_only_what_could_be_given_again(project, animals) -> None:
    (cat, dog, _), images = animals
    decide(project, project.owner, [said(images[0], cat, cat), said(images[3], cat, WRONG)])
    undo(project, project.owner)
    other = User.objects.create_user("other")
    label_images(project, other, [images[0].pk, images[3].pk], dog)
    redo(project, project.owner)
    assert [labels_of(images[at]) for at in (0, 3)] == [["dog"], ["dog"]]
    assert not BatchItem.objects.exists()


def test_undo_leaves_alone_what_somebody_else_changed_since(project, animals) -> None:
    (cat, dog, _), images = animals
    decide(project, project.owner, [said(images[at], cat, cat) for at in (0, 3)])
    label_images(project, User.objects.create_user("other"), [images[0].pk], dog)
    assert "1 image was changed since" in undo(project, project.owner).summary
    assert [labels_of(images[at]) for at in (0, 3)] == [["dog"], []]


def test_several_labels_an_image_keep_what_is_accepted_beside_others(project) -> None:
    project.multi_label = True
    project.save()
    (cat, *_), images = three_classes(project, labeled=8, unlabeled=1)
    decide(project, project.owner, [said(images[0], cat, cat)])
    assert labels_of(images[0]) == ["cat"]
    assert images[0].pk not in {tile.image.pk for tile in sheet(project).tiles}


def test_acts_of_one_sitting_share_a_batch_up_to_its_limit(project, animals) -> None:
    (cat, *_), images = animals
    for image in images[0:9:3]:
        decide(project, project.owner, [said(image, cat, cat)])
    assert list(project.batches.values_list("kind", "state", "method")) == [
        ("by_label", "committed", "auto")
    ]
    assert [item.position for item in project.batches.get().items.all()] == [0, 1, 2]
    decide(project, project.owner, [said(images[9], cat, cat)], method="head")
    assert project.batches.count() == 2


def test_an_image_rejected_twice_lies_in_two_batches(project, animals) -> None:
    (cat, dog, _), images = animals
    decide(project, project.owner, [said(images[0], cat, WRONG)])
    decide(project, project.owner, [said(images[0], dog, WRONG)])
    assert rejections(project) == {images[0].pk: {cat.pk, dog.pk}}
    assert project.batches.count() == 2


# --- evidence --------------------------------------------------------------------------------


def test_evidence_is_the_nearest_of_the_suggested_label_and_of_the_runner_up(
    project, animals
) -> None:
    (cat, dog, owl), images = animals
    first, second = evidence(project, images[0])
    assert first.label == cat
    assert second.label in {dog, owl}
    tile = next(tile for tile in sheet(project).tiles if tile.image == images[0])
    assert first.percent == round(100 * tile.probability)
    assert second.label.pk == tile.others[0]
    for each in (first, second):
        assert len(each.near) == MOST_SHOWN
        assert all(labels_of(near.image) == [each.label.name] for near in each.near)
        percents = [near.percent for near in each.near]
        assert percents == sorted(percents, reverse=True)
    assert first.near[0].percent > second.near[0].percent


def test_evidence_leaves_out_rejected_labels_and_may_be_none(project, animals) -> None:
    labels, images = animals
    decide(project, project.owner, [said(images[0], labels[0], WRONG)])
    assert labels[0] not in {each.label for each in evidence(project, images[0])}
    for label in labels[1:]:
        decide(project, project.owner, [said(images[0], label, WRONG)])
    assert evidence(project, images[0]) == []
    assert evidence(project, make_image(project)) == []


def test_evidence_of_a_project_with_nothing_labeled_is_none(project) -> None:
    assert evidence(project, make_image(project, direction(0))) == []


# --- what is kept between two sheets ---------------------------------------------------------


def test_between_two_acts_the_method_stays_until_a_fifth_more_is_labeled(project, animals) -> None:
    (cat, *_), images = animals
    first = taught(project)
    put_label(images[0], cat)
    project.refresh_from_db()
    kept = taught(project)
    assert kept is not first
    assert kept.choice is first.choice
    assert len(kept.labeled) == 25
    for image in images[1:5]:
        put_label(image, cat)
    project.refresh_from_db()
    assert taught(project).choice.labeled == 29


def test_a_kept_forecast_is_the_forecast(project, animals) -> None:
    (cat, *_), images = animals
    ids = [image.pk for image in images]

    def both():
        lesson = taught(project)
        rejected = rejections(project)
        kept = kept_forecast(project, lesson, ids, rejected=rejected)
        plain = forecast(project, lesson, ids, rejected=rejected)
        for name in plain.__dataclass_fields__:
            assert np.array_equal(getattr(kept, name), getattr(plain, name)), name
        return kept

    first = both()
    assert both() is first
    ids.pop()
    assert len(both()) == 11
    decide(project, project.owner, [said(images[0], cat, WRONG)])
    assert both().best[0] != cat.pk
