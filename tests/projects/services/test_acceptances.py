"""Accepting within an allowed error, taking it back, and what may be learned from it."""

from __future__ import annotations

import numpy as np
import pytest

from projects.errors import Conflict, Refusal
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Project
from projects.services import batches, checks, commits, labels, teaching, undo
from projects.services.acceptances import SAMPLE, accept, measured_error, take_back
from projects.services.offers import offer
from tests.acceptances import make_many, sure_project
from tests.reviews import make_image, make_label

pytestmark = pytest.mark.django_db


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def accept_all(project: Project, allowed: float = 0.01) -> tuple[Act, Batch]:
    found = offer(project, allowed=allowed)
    act = accept(project, project.owner, allowed=allowed, seen=found.version, rng=rng())
    return act, Batch.objects.select_related("project").get(pk=act.payload["batch"])


def carried(project: Project) -> list[tuple[int, str, str]]:
    rows = ImageLabel.objects.filter(image__project=project).order_by("image", "label")
    return list(rows.values_list("image", "label__name", "source"))


def test_what_is_sure_is_offered_by_label_with_what_will_be_wrong(project: Project) -> None:
    _, images = sure_project(project)
    found = offer(project, allowed=0.01)
    assert (found.number, found.candidates, found.remaining) == (300, 300, 0)
    assert 0 < found.expected_wrong < 3
    assert found.expected_percent == pytest.approx(found.expected_wrong / 3)
    assert {each.label.name: each.number for each in found.per_label} == {
        "cat": 100,
        "dog": 100,
        "owl": 100,
    }
    assert dict(found.choices)[0.1] == 300
    assert found.why_none == ""
    assert {image.pk for image in images} == set(found.forecasts.image_ids.tolist())


def test_few_labeled_images_allow_nothing_and_the_sentence_says_how_many_do(
    project: Project,
) -> None:
    sure_project(project, labeled=60)
    found = offer(project, allowed=0.01)
    assert found.number == 0
    assert found.needed > 300
    assert "labeled images are needed" in found.why_none
    assert "60 images are labeled. 10 % would allow 300 now." in found.why_none
    with pytest.raises(Conflict):
        accept(project, project.owner, allowed=0.01, seen=found.version, rng=rng())


def test_where_vectors_say_nothing_nothing_is_accepted(project: Project) -> None:
    names = [make_label(project, name) for name in ("cat", "dog")]
    make_many(project, [at % 2 for at in range(400)], labels=names, spread=20)
    make_many(project, [at % 2 for at in range(100)], spread=20, seed=1)
    found = offer(project, allowed=0.05)
    assert found.number == 0
    assert "even the surest suggestions are wrong too often for 5 %" in found.why_none


def test_each_empty_offer_says_why(project: Project) -> None:
    assert offer(project, allowed=0.01).why_none == "Every image of this project has a label."
    make_many(project, [0, 1])
    assert "No image is labeled yet" in offer(project, allowed=0.01).why_none


def test_images_unlike_everything_labeled_are_never_accepted(project: Project) -> None:
    sure_project(project)
    strangers = make_many(project, [28] * 20, seed=5)
    found = offer(project, allowed=0.1)
    assert found.unlike == 20
    assert not {image.pk for image in strangers} & set(found.forecasts.image_ids.tolist())
    assert found.remaining == 20


def test_images_under_review_or_left_without_a_label_are_not_offered(project: Project) -> None:
    _, images = sure_project(project)
    opened = batches.create_from_images(project, project.owner, [images[0].pk])
    assert offer(project, allowed=0.01).candidates == 299
    item = opened.items.get()
    item.chosen = []
    item.save()
    Batch.objects.filter(pk=opened.pk).update(state=Batch.State.COMMITTED)
    assert offer(project, allowed=0.01).candidates == 299
    Batch.objects.filter(pk=opened.pk).update(state=Batch.State.DISCARDED)
    assert offer(project, allowed=0.01).candidates == 300


def test_accepting_labels_all_as_suggestions_with_their_probability(project: Project) -> None:
    names, images = sure_project(project)
    act, batch = accept_all(project)
    assert act.kind == Act.Kind.ACCEPT
    assert act.summary == "Accepted 300 suggestions"
    rows = ImageLabel.objects.filter(image__in=images).select_related("label")
    assert len(rows) == 300
    by_image = {row.image_id: row for row in rows}
    for at, image in enumerate(images):
        row = by_image[image.pk]
        assert row.label == names[at % 3]
        assert row.source == ImageLabel.Source.SUGGESTION
        assert 97 < row.score <= 100
    assert project.images.unlabeled().count() == 0
    assert (batch.kind, batch.state) == (Batch.Kind.ACCEPTED, Batch.State.COMMITTED)
    assert (batch.method, batch.allowed_error) == ("auto", 0.01)
    assert 0 < batch.expected_wrong < 3
    assert batch.closed_at


def test_a_random_sample_of_thirty_is_asked_back(project: Project) -> None:
    sure_project(project)
    _, batch = accept_all(project)
    first = set(batch.items.filter(asked_back=True).values_list("image", flat=True))
    assert len(first) == SAMPLE == 30
    item = batch.items.first()
    assert item.suggested == item.chosen
    assert item.was_right is None
    assert item.checked_right is None
    assert item.probability == pytest.approx(0.9976, abs=1e-3)
    undo.undo(project, project.owner)
    found = offer(project, allowed=0.01)
    again = accept(project, project.owner, allowed=0.01, seen=found.version, rng=rng(1))
    second = BatchItem.objects.filter(batch=again.payload["batch"], asked_back=True)
    assert set(second.values_list("image", flat=True)) != first


def test_all_are_asked_back_where_they_are_fewer(project: Project) -> None:
    sure_project(project, unlabeled=12)
    _, batch = accept_all(project, allowed=0.1)
    assert batch.items.filter(asked_back=True).count() == batch.items.count() == 12


def test_undo_takes_the_labels_back_and_redo_gives_them_again(project: Project) -> None:
    sure_project(project)
    before = carried(project)
    _, batch = accept_all(project)
    after = carried(project)
    undo.undo(project, project.owner)
    batch.refresh_from_db()
    assert carried(project) == before
    assert batch.state == Batch.State.DISCARDED
    assert measured_error(project).accepted == 0
    assert offer(project, allowed=0.01).number == 300
    undo.redo(project, project.owner)
    batch.refresh_from_db()
    assert carried(project) == after
    assert batch.state == Batch.State.COMMITTED
    assert measured_error(project).accepted == 300


def test_the_same_offer_is_accepted_only_once(project: Project) -> None:
    sure_project(project)
    seen = offer(project, allowed=0.01).version
    accept(project, project.owner, allowed=0.01, seen=seen, rng=rng())
    with pytest.raises(Conflict) as refused:
        accept(project, project.owner, allowed=0.01, seen=seen, rng=rng())
    assert refused.value.code == "offer_changed"
    assert project.batches.count() == 1
    assert project.acts.count() == 1


def test_an_offer_that_changed_is_not_accepted_and_nothing_is_saved(project: Project) -> None:
    _, images = sure_project(project)
    seen = offer(project, allowed=0.01).version
    batches.create_from_images(project, project.owner, [images[0].pk])
    before, revision = carried(project), project.revision
    with pytest.raises(Conflict):
        accept(project, project.owner, allowed=0.01, seen=seen, rng=rng())
    assert carried(project) == before
    assert not project.acts.exists()
    project.refresh_from_db()
    assert project.revision == revision


def test_a_label_given_between_offer_and_lock_stops_it(project: Project) -> None:
    names, _ = sure_project(project)
    seen = offer(project, allowed=0.01).version
    # Another request's object: this one does not know of the new revision until it has the lock.
    meanwhile = Project.objects.get(pk=project.pk)
    first = project.images.labeled().order_by("pk")[:1]
    labels.label_images(meanwhile, project.owner, [each.pk for each in first], names[1])
    assert offer(project, allowed=0.01).version == seen
    with pytest.raises(Conflict):
        accept(project, project.owner, allowed=0.01, seen=seen, rng=rng())
    assert not project.batches.exists()
    assert project.images.unlabeled().count() == 300


def test_what_was_accepted_unseen_teaches_nothing_until_it_is_checked(project: Project) -> None:
    sure_project(project)
    before = len(teaching.taught(project).labeled)
    _, batch = accept_all(project)
    project.refresh_from_db()
    assert len(teaching.taught(project).labeled) == before == 420
    sample = list(batch.items.filter(asked_back=True).values_list("pk", flat=True))
    checks.check(batch, project.owner, shown=sample, wrong={})
    project.refresh_from_db()
    assert len(teaching.taught(project).labeled) == 450


def test_an_accepted_image_labeled_by_hand_since_teaches(project: Project) -> None:
    names, images = sure_project(project)
    accept_all(project)
    labels.label_images(project, project.owner, [images[0].pk], names[2])
    assert len(teaching.taught(project).labeled) == 421


def test_accepted_rows_do_not_count_among_those_a_person_judged(project: Project) -> None:
    sure_project(project)
    accept_all(project)
    assert commits.tally(project).rows == 0
    assert commits.tallies(project) == []


def test_taking_back_leaves_what_was_checked_and_can_be_undone(project: Project) -> None:
    names, _ = sure_project(project)
    _, batch = accept_all(project)
    items = list(batch.items.filter(asked_back=True).order_by("pk"))
    wrong = {items[0].pk: next(e.pk for e in names if e.pk != items[0].chosen[0])}
    checks.check(batch, project.owner, shown=[item.pk for item in items], wrong=wrong)
    checked = carried(project)
    act = take_back(batch, project.owner)
    assert act.summary == "Took back 270 accepted suggestions"
    batch.refresh_from_db()
    assert batch.state == Batch.State.DISCARDED
    assert ImageLabel.objects.filter(image__in=[item.image_id for item in items]).count() == 30
    assert project.images.unlabeled().count() == 270
    with pytest.raises(Conflict):
        take_back(batch, project.owner)
    undo.undo(project, project.owner)
    batch.refresh_from_db()
    assert batch.state == Batch.State.COMMITTED
    assert carried(project) == checked
    undo.redo(project, project.owner)
    assert project.images.unlabeled().count() == 270


def test_taking_back_leaves_labels_given_by_hand_since(project: Project) -> None:
    names, images = sure_project(project)
    _, batch = accept_all(project)
    labels.label_images(project, project.owner, [images[0].pk], names[1])
    take_back(batch, project.owner)
    assert ImageLabel.objects.get(image=images[0]).label == names[1]


def test_the_measured_error_counts_each_acceptance_with_its_size(project: Project) -> None:
    make_rows(project, n=1_000, checked=30, wrong=0)
    make_rows(project, n=40, checked=30, wrong=15)
    found = measured_error(project)
    assert (found.accepted, found.checked, found.wrong) == (1_040, 60, 15)
    # Half of 40 are wrong by the sample, and none of 1,000: not a quarter of all.
    assert found.interval.share == pytest.approx(20 / 1_040)
    assert found.interval.low < 20 / 1_040 < found.interval.high < 0.2


def make_rows(project: Project, *, n: int, checked: int, wrong: int) -> None:
    batch = Batch.objects.create(
        project=project, kind=Batch.Kind.ACCEPTED, state=Batch.State.COMMITTED
    )
    images = make_many(project, [0] * n)
    BatchItem.objects.bulk_create(
        BatchItem(
            batch=batch,
            image=image,
            position=at,
            chosen=[1],
            asked_back=at < checked,
            checked_right=at >= wrong if at < checked else None,
        )
        for at, image in enumerate(images)
    )


def test_nothing_accepted_measures_nothing(project: Project) -> None:
    found = measured_error(project)
    assert (found.accepted, found.checked, found.wrong) == (0, 0, 0)
    assert found.interval == (0.0, 0.0, 1.0)


def test_several_labels_an_image_are_refused(project: Project) -> None:
    project.multi_label = True
    with pytest.raises(Refusal) as refused:
        offer(project, allowed=0.01)
    assert refused.value.code == "multi_label"


def test_trashed_and_staged_images_are_not_offered(project: Project) -> None:
    sure_project(project)
    make_image(project, np.ones(32) / 32**0.5, state=Image.State.STAGED)
    make_image(project, np.ones(32) / 32**0.5, state=Image.State.TRASH)
    assert offer(project, allowed=0.01).candidates == 300
