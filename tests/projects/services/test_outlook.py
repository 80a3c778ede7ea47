"""Forecasts of what is left, and what they come to: stop, accept some, or go on."""

from __future__ import annotations

import numpy as np
import pytest

from projects.models import Image, Project
from projects.services import outlook as service
from projects.services.by_label import Decision, decide
from projects.services.outlook import is_kept, outlook, surest
from projects.services.standing import held_of, standing_of
from projects.services.stopping import Kind, Verdict, verdict
from projects.services.teaching import forecast, taught
from similarity.acceptance import accept_within
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import make_image, make_label, near, put_label, three_classes
from tests.standings import more_images, review

pytestmark = pytest.mark.django_db


def said(project: Project, percent: int = 5) -> Verdict:
    project.refresh_from_db()
    return verdict(
        project, standing_of(project), outlook(project), held_of(project), percent=percent
    )


def labeled_and_left(project: Project, *, labeled: int = 45, left: int = 60) -> list[Image]:
    """Three classes nobody mixes up."""
    _labels, images = three_classes(project, labeled=labeled, unlabeled=0)
    assert not images
    return more_images(project, left, seed=7)


def test_an_empty_project_says_what_to_do(project: Project) -> None:
    assert outlook(project) is None
    assert said(project).kind == Kind.EMPTY


def test_without_labels_some_are_asked_for(project: Project) -> None:
    more_images(project, 5)
    found = said(project)
    assert found.kind == Kind.FIRST
    assert found.headline == "Not yet: label about 20 images."


def test_levels_are_those_of_the_forecasts(project: Project) -> None:
    images = labeled_and_left(project)
    found = outlook(project)
    assert found is not None
    lesson = taught(project)
    assert lesson is not None
    plain = forecast(project, lesson, [image.pk for image in images])
    for level in (50, 90, 99):
        want = sum(
            p >= level / 100 and not new
            for p, new in zip(plain.probability, plain.unlike, strict=True)
        )
        assert found.at_least(level) == want
    assert len(found) == 60
    assert found.unlike == int(plain.unlike.sum())
    assert found.share.share == pytest.approx(plain.probability.mean())
    assert found.share.low < found.share.share <= found.share.high


def test_a_label_that_a_person_rejected_is_not_what_is_expected(project: Project) -> None:
    image, *_ = labeled_and_left(project)
    before = outlook(project).forecasts
    row = before.image_ids.tolist().index(image.pk)
    suggested = int(before.best[row])
    decide(project, project.owner, [Decision(image.pk, suggested, None, 0.0)])
    after = outlook(project).forecasts
    row = after.image_ids.tolist().index(image.pk)
    assert after.best[row] not in {suggested, 0}


def test_it_is_kept_until_labels_move(project: Project) -> None:
    images = labeled_and_left(project, left=6)
    assert not is_kept(project)
    first = outlook(project)
    assert is_kept(project)
    assert outlook(project) is first
    put_label(images[0], project.labels.first())
    project.refresh_from_db()
    assert not is_kept(project)
    second = outlook(project)
    assert second is not None
    assert len(second) == 5


def test_no_more_than_some_are_kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_MOST_KEPT", 2)
    images = more_images(project, 4)
    cat = make_label(project, "cat")
    for image in images:
        put_label(image, cat)
        project.refresh_from_db()
        outlook(project)
    service_kept = [key for key in service._kept if key[0] == project.pk]
    assert len(service_kept) == 2


def test_you_can_stop_when_all_that_are_left_keep_the_error(project: Project) -> None:
    labeled_and_left(project)
    found, seen = said(project), outlook(project)
    assert seen is not None
    candidates = len(seen) - seen.unlike
    assert found.kind == Kind.STOP, found
    assert found.headline == (
        f"You can stop: accepting the remaining {candidates} suggestions keeps the error within "
        "5 %."
    )
    plain = accept_within(
        seen.like.certainty,
        seen.like.probability,
        checked=seen.lesson.checked,
        right=seen.lesson.right,
        allowed=0.05,
    )
    assert plain.number == candidates
    most_wrong = 100 * (1 - seen.share.low)
    assert (f"reaches {most_wrong:.0f} % wrong" in found.reason) == (most_wrong > 5)


def test_a_smaller_allowed_error_asks_for_more_labels_and_says_how_many(project: Project) -> None:
    labeled_and_left(project, labeled=45, left=420)
    found = said(project, percent=1)
    assert found.kind == Kind.NOT_YET
    # 400 of them could be accepted under 1 % if 400 labeled images were right; 135 are there.
    assert found.headline == "Not yet: label about 265 more."
    assert "135 labeled images cannot bear out" in found.reason


def test_where_one_wrong_is_too_many_the_last_are_reviewed(project: Project) -> None:
    labeled_and_left(project)
    found = said(project, percent=1)
    assert found.headline == "Not yet: review the last 60."
    assert "would be 2 % already" in found.reason


def test_with_fewer_than_twenty_labeled_some_more_are_asked_for(project: Project) -> None:
    three_classes(project, labeled=4, unlabeled=10)
    found = said(project)
    assert found.headline == "Not yet: label about 8 more."
    assert "With 12 labeled images" in found.reason


def test_images_of_a_mixed_group_are_left_to_be_corrected(project: Project) -> None:
    """Three groups of one label each, and a fourth of cats and dogs that nobody tells apart."""
    labeled_and_left(project, labeled=60, left=60)
    rng = np.random.default_rng(3)
    labels = list(project.labels.all())
    for at in range(90):
        image = make_image(project, near(5, rng))
        if at < 40:
            put_label(image, labels[at % 2])
    found, seen = said(project), outlook(project)
    assert seen is not None
    assert found.kind == Kind.PARTLY, found
    held = held_of(project).images
    acceptance = seen.acceptance(0.05, held)
    assert found.headline.startswith(f"{acceptance.number} of 110 could be accepted now")
    rest = seen.corrections_after(acceptance, held)
    total = float((1 - seen.forecasts.probability).sum())
    assert rest == pytest.approx(total - acceptance.expected_wrong)
    assert rest > 10
    assert f"About {int(np.ceil(rest))} more corrections expected" in found.reason


def test_labels_that_say_nothing_are_not_covered_up(project: Project) -> None:
    """One cloud, labeled by chance: many are labeled, half of them wrong when left out."""
    rng = np.random.default_rng(2)
    labels = [make_label(project, name) for name in ("cat", "dog")]
    for at in range(160):
        carried = [labels[int(rng.integers(2))]] if at < 120 else []
        make_image(project, near(0, rng, 0.3), *carried)
    found = said(project)
    assert found.kind == Kind.NOT_YET
    assert "when left out in turn: too many for 5 %" in found.reason
    assert "cannot be told" in found.reason


def test_images_unlike_everything_labeled_are_never_accepted(project: Project) -> None:
    labeled_and_left(project)
    for _ in range(5):
        make_image(project, near(77, np.random.default_rng(_), 0.01))
    found, seen = said(project), outlook(project)
    assert seen is not None
    assert seen.unlike >= 5
    assert f"{seen.unlike} images are unlike everything labeled" in found.reason
    assert seen.at_least(0) + seen.unlike == len(seen)


def test_images_held_for_a_person_are_no_candidates(project: Project) -> None:
    images = labeled_and_left(project)
    before = outlook(project)
    assert before is not None
    sure = [image for image in images if image.pk in set(before.like.image_ids.tolist())]
    batch_of(project, sure[:3])
    found = said(project)
    seen = outlook(project)
    assert seen is before, "opening a batch moves no revision"
    assert f"the remaining {len(before.like) - 3} suggestions" in found.headline
    assert "3 images are under review in an open batch" in found.reason
    review(project, sure[3:10], left_out=2)
    assert "2 images are left without a label by a person" in said(project).reason


def test_when_every_image_is_labeled_it_says_so(project: Project) -> None:
    _labels, images = three_classes(project)
    review(project, images)
    assert said(project).kind == Kind.DONE


def test_what_cannot_be_compared_is_named(project: Project) -> None:
    three_classes(project, unlabeled=0)
    make_image(project)
    failed = make_image(project)
    Image.objects.filter(pk=failed.pk).update(embedding_state="failed")
    found = said(project)
    assert found.kind == Kind.WAITING
    assert found.reason == (
        "Left: 1 image still being prepared and 1 image that could not be read."
    )


def test_labeled_images_without_a_vector_teach_nothing_yet(project: Project) -> None:
    make_image(project, None, make_label(project, "cat"))
    more_images(project, 2)
    found = said(project)
    assert found.kind == Kind.WAITING
    assert "still being prepared" in found.headline


def test_several_labels_an_image_are_never_accepted_unseen(project: Project) -> None:
    labeled_and_left(project)
    project.multi_label = True
    project.save()
    found = said(project)
    assert found.kind == Kind.LOOK
    assert "the best label of each" in found.reason


def test_the_surest_that_were_wrong_are_counted() -> None:
    checked = np.array([0.1, 0.9, 0.8, 0.7])
    right = np.array([False, True, False, True])
    assert surest(checked, right, 2) == 1
    assert surest(checked, right, 1) == 0
    assert surest(checked, right, 10) == 2
