"""Looking at accepted suggestions: what a check writes down, corrects and reports."""

from __future__ import annotations

import pytest

from projects.errors import Conflict, Refusal
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Label, Project
from projects.services import checks, labels, undo
from projects.services.acceptances import measured_error, take_back
from projects.services.checks import check, open_checks, report_of
from projects.services.offers import offer
from tests.acceptances import make_many, sure_project
from tests.projects.services.test_acceptances import accept_all, carried

pytestmark = pytest.mark.django_db

Accepted = tuple[list[Label], Batch]


@pytest.fixture
def accepted(project: Project) -> Accepted:
    names, _ = sure_project(project)
    _, batch = accept_all(project)
    return names, batch


def sample(batch: Batch) -> list[BatchItem]:
    return list(batch.items.filter(asked_back=True).order_by("pk"))


def another(names: list[Label], item: BatchItem) -> Label:
    return next(label for label in names if label.pk != item.chosen[0])


def test_the_sample_is_shown_label_by_label_with_evidence(accepted: Accepted) -> None:
    names, batch = accepted
    shown = checks.sample_of(batch)
    assert len(shown) == 30
    places = [names.index(each.label) for each in shown]
    assert places == sorted(places)
    accepted_images = set(batch.items.values_list("image", flat=True))
    for each in shown:
        assert not each.changed
        assert each.percent == pytest.approx(99.8, abs=0.2)
        assert each.evidence.percent > 50
        assert each.evidence.image.pk not in accepted_images
        assert ImageLabel.objects.get(image=each.evidence.image).label == each.label


def test_evidence_is_the_nearest_of_all_that_carry_the_label(accepted: Accepted) -> None:
    _, batch = accepted
    each = checks.sample_of(batch)[0]
    whole = checks.collections.collection(batch.project)
    query = whole.centered(whole.rows([each.item.image_id]))[0]
    carriers = Image.objects.filter(image_labels__label=each.label).exclude(
        batch_items__batch=batch
    )
    ids = list(carriers.values_list("pk", flat=True))
    similarities = whole.centered(whole.rows(ids)) @ query
    assert each.evidence.image.pk == ids[int(similarities.argmax())]
    assert each.evidence.percent == round(100 * float(similarities.max()))


def test_a_check_corrects_the_wrong_ones_by_hand_in_one_act(accepted: Accepted) -> None:
    names, batch = accepted
    items = sample(batch)
    before = carried(batch.project)
    right = another(names, items[0])
    wrong = {items[0].pk: right.pk, items[1].pk: None, items[2].pk: "newt"}
    act = check(batch, batch.project.owner, shown=[item.pk for item in items], wrong=wrong)
    assert act.kind == Act.Kind.CHECK
    assert act.summary == "Checked 30 accepted suggestions, 3 of them wrong"
    given = ImageLabel.objects.get(image=items[0].image_id)
    assert (given.label, given.source) == (right, ImageLabel.Source.HAND)
    assert not ImageLabel.objects.filter(image=items[1].image_id).exists()
    assert ImageLabel.objects.get(image=items[2].image_id).label.name == "newt"
    kept = ImageLabel.objects.get(image=items[3].image_id)
    assert kept.source == ImageLabel.Source.SUGGESTION
    verdicts = list(batch.items.filter(asked_back=True).order_by("pk"))
    assert [item.checked_right for item in verdicts] == [False] * 3 + [True] * 27
    after = carried(batch.project)

    undo.undo(batch.project, batch.project.owner)
    assert carried(batch.project) == before
    assert not batch.items.filter(checked_right__isnull=False).exists()
    assert not Label.objects.live().filter(name="newt").exists()
    undo.redo(batch.project, batch.project.owner)
    assert carried(batch.project) == after
    assert report_of(batch).wrong == 3


def test_the_report_says_what_was_measured_and_what_was_allowed(accepted: Accepted) -> None:
    names, batch = accepted
    items = sample(batch)
    wrong = {item.pk: another(names, item).pk for item in items[:2]}
    check(batch, batch.project.owner, shown=[item.pk for item in items], wrong=wrong)
    report = report_of(batch)
    assert report.sentence == (
        "2 of 30 wrong: 6.7 % measured (1.8 to 21 % with 95 % confidence), 1 % was allowed"
    )
    assert report.is_too_wrong
    assert (report.accepted, report.waiting, report.unchecked) == (300, 0, 270)
    assert measured_error(batch.project).wrong == 2


def test_one_wrong_of_thirty_may_be_chance_at_two_percent(accepted: Accepted) -> None:
    names, batch = accepted
    Batch.objects.filter(pk=batch.pk).update(allowed_error=0.02)
    batch.refresh_from_db()
    items = sample(batch)
    check(
        batch,
        batch.project.owner,
        shown=[item.pk for item in items],
        wrong={items[0].pk: another(names, items[0]).pk},
    )
    assert not report_of(batch).is_too_wrong


def test_where_all_were_checked_nothing_is_left_to_guess(project: Project) -> None:
    names, _ = sure_project(project, unlabeled=12)
    _, batch = accept_all(project, allowed=0.1)
    items = sample(batch)
    wrong = {item.pk: another(names, item).pk for item in items[:2]}
    check(batch, project.owner, shown=[item.pk for item in items], wrong=wrong)
    report = report_of(batch)
    assert report.sentence == ("2 of 12 wrong: 17 % measured (all were checked), 10 % was allowed")
    assert report.is_too_wrong


def test_the_accepted_label_given_again_says_that_it_was_right(accepted: Accepted) -> None:
    _, batch = accepted
    items = sample(batch)
    wrong = {items[0].pk: items[0].chosen[0]}
    check(batch, batch.project.owner, shown=[item.pk for item in items], wrong=wrong)
    assert report_of(batch).wrong == 0


def test_rows_are_checked_once(accepted: Accepted) -> None:
    _, batch = accepted
    shown = [item.pk for item in sample(batch)]
    check(batch, batch.project.owner, shown=shown, wrong={})
    with pytest.raises(Conflict) as refused:
        check(batch, batch.project.owner, shown=shown, wrong={})
    assert refused.value.code == "checked_already"
    assert batch.project.acts.filter(kind=Act.Kind.CHECK).count() == 1


def test_rows_of_another_batch_are_refused(accepted: Accepted, project: Project) -> None:
    _, batch = accepted
    make_many(project, [0] * 60, seed=3)
    _, other = accept_all(project, allowed=0.05)
    with pytest.raises(Conflict):
        check(batch, project.owner, shown=[sample(other)[0].pk], wrong={})


def test_a_wrong_row_must_be_among_the_shown(accepted: Accepted) -> None:
    _, batch = accepted
    items = sample(batch)
    with pytest.raises(Refusal):
        check(batch, batch.project.owner, shown=[items[0].pk], wrong={items[1].pk: None})
    with pytest.raises(Refusal):
        check(batch, batch.project.owner, shown=[], wrong={})


def test_what_was_taken_back_cannot_be_checked(accepted: Accepted) -> None:
    _, batch = accepted
    shown = [item.pk for item in sample(batch)]
    take_back(batch, batch.project.owner)
    with pytest.raises(Conflict):
        check(batch, batch.project.owner, shown=shown, wrong={})


def test_an_image_labeled_otherwise_since_is_pointed_out(accepted: Accepted) -> None:
    names, batch = accepted
    item = sample(batch)[0]
    right = another(names, item)
    labels.label_images(batch.project, batch.project.owner, [item.image_id], right)
    (changed,) = [each for each in checks.sample_of(batch) if each.changed]
    assert (changed.item, changed.now) == (item, right)


def test_said_to_be_right_it_gets_its_label_again(accepted: Accepted) -> None:
    names, batch = accepted
    item = sample(batch)[0]
    labels.label_images(batch.project, batch.project.owner, [item.image_id], another(names, item))
    check(batch, batch.project.owner, shown=[item.pk], wrong={})
    assert ImageLabel.objects.get(image=item.image_id).label_id == item.chosen[0]


def test_a_label_deleted_meanwhile_is_shown_as_gone_and_can_be_marked(accepted: Accepted) -> None:
    _, batch = accepted
    item = sample(batch)[0]
    Label.objects.filter(pk=item.chosen[0]).update(deleted_at="2026-01-01T00:00Z")
    ImageLabel.objects.filter(image=item.image_id).delete()
    shown = next(each for each in checks.sample_of(batch) if each.item == item)
    assert shown.label is None
    assert shown.changed
    check(batch, batch.project.owner, shown=[item.pk], wrong={item.pk: None})
    item.refresh_from_db()
    assert item.checked_right is False


def test_a_wrong_one_without_a_label_is_not_accepted_again(accepted: Accepted) -> None:
    _, batch = accepted
    item = sample(batch)[0]
    check(batch, batch.project.owner, shown=[item.pk], wrong={item.pk: None})
    batch.project.refresh_from_db()
    assert list(batch.project.images.for_next_batch()) == [item.image]
    assert offer(batch.project, allowed=0.1).candidates == 0


def test_all_others_come_least_certain_first_and_do_not_count_as_measured(
    accepted: Accepted,
) -> None:
    names, batch = accepted
    first = list(batch.items.filter(asked_back=False).order_by("pk"))[:2]
    for item, probability in zip(first, (0.2, 0.1), strict=True):
        BatchItem.objects.filter(pk=item.pk).update(probability=probability)
    shown = checks.least_certain(batch)
    assert len(shown) == checks.PAGE
    assert [each.item for each in shown[:2]] == first[::-1]
    rows = [each.item.pk for each in shown]
    check(batch, batch.project.owner, shown=rows, wrong={first[0].pk: another(names, first[0]).pk})
    report = report_of(batch)
    of_sample = sum(each.item.asked_back for each in shown)
    assert (report.checked, report.wrong) == (of_sample, 0)
    assert (report.looked_at, report.looked_at_wrong) == (60 - of_sample, 1)
    assert not {each.item.pk for each in checks.least_certain(batch)} & set(rows)


def test_open_checks_are_those_that_wait(accepted: Accepted) -> None:
    _, batch = accepted
    project, items = batch.project, sample(batch)
    (waiting,) = open_checks(project)
    assert (waiting.batch, waiting.accepted, waiting.waiting) == (batch, 300, 30)
    Image.objects.filter(pk=items[0].image_id).update(state=Image.State.TRASH)
    assert open_checks(project)[0].waiting == 29
    check(batch, project.owner, shown=[item.pk for item in items[1:]], wrong={})
    assert open_checks(project) == []
    undo.undo(project, project.owner)
    assert open_checks(project)[0].waiting == 29
    take_back(batch, project.owner)
    assert open_checks(project) == []
