"""How far a project is: each image counted once, and shares with their intervals."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from projects.models import Image, ImageLabel, Project
from projects.services import commits, labels, undo
from projects.services.standing import (
    Standing,
    accepted_of,
    batch_shares,
    held_of,
    overall_error,
    recently_right,
    standing_of,
)
from similarity.acceptance import share_of
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import make_image, three_classes
from tests.standings import accept_unseen, more_images, review

pytestmark = pytest.mark.django_db


def plainly(project: Project) -> Standing:
    """The slow definition: look at one image after another."""
    found = dict.fromkeys(Standing.__dataclass_fields__, 0)
    for image in Image.objects.in_dataset().filter(project=project):
        found["images"] += 1
        label = image.image_labels.filter(is_default=True).first()
        if label is None:
            kind = {"pending": "waiting", "failed": "failed"}.get(image.embedding_state)
        elif label.source == "suggestion":
            rows = list(image.batch_items.filter(batch__state="committed").select_related("batch"))
            unseen = any(r.batch.kind == "accepted" and r.checked_right is None for r in rows)
            seen = any(r.batch.kind != "accepted" and r.chosen for r in rows)
            kind = "unseen" if unseen and not seen else "reviewed"
        else:
            kind = "by_hand" if label.source == "hand" else "imported"
        if kind:
            found[kind] += 1
    return Standing(**found)


def test_an_empty_project_has_nothing(project: Project) -> None:
    standing = standing_of(project)
    assert standing == Standing(0, 0, 0, 0, 0, 0, 0)
    assert (standing.labeled, standing.left, standing.percent_labeled) == (0, 0, 0)
    assert batch_shares(project) == []
    assert accepted_of(project).images == 0
    assert overall_error(standing, accepted_of(project)) is None


def test_every_image_is_counted_once_as_one_by_one(project: Project) -> None:
    (cat, *_), images = three_classes(project, unlabeled=8)
    review(project, images[:6], wrong=1, left_out=2)
    accept_unseen(project, images[6:12], cat, checks=[True, False, None])
    # Left out in a review, then accepted without a look: nobody said it is a cat.
    accept_unseen(project, [images[1]], cat)
    ImageLabel.objects.filter(image=images[12]).delete()
    for source in ("api", "import"):
        image = make_image(project, None, cat)
        image.image_labels.update(source=source)
    make_image(project)
    failed = make_image(project)
    Image.objects.filter(pk=failed.pk).update(embedding_state="failed")
    make_image(project, None, state=Image.State.STAGED)
    make_image(project, None, cat, state=Image.State.TRASH)
    standing = standing_of(project)
    assert standing == plainly(project)
    assert standing.labeled + standing.left == standing.images
    assert standing.labeled == project.images.in_dataset().labeled().count()
    assert standing == Standing(
        images=15 + 24 + 4, by_hand=15, imported=2, reviewed=6, unseen=5, waiting=1, failed=1
    )
    assert standing.ready == 13


def test_a_label_corrected_by_hand_is_not_unseen_any_more(project: Project) -> None:
    (cat, dog, _), images = three_classes(project)
    accept_unseen(project, images[:4], cat)
    assert standing_of(project).unseen == 4
    labels.label_images(project, project.owner, [images[0].pk], dog)
    assert standing_of(project).unseen == 3
    assert standing_of(project) == plainly(project)


def test_undoing_a_batch_is_reflected_and_redoing_too(project: Project) -> None:
    _labels, images = three_classes(project)
    before = standing_of(project)
    review(project, images[:9])
    after = standing_of(project)
    assert (after.reviewed, after.left) == (9, before.left - 9)
    assert [each.tally.judged for each in batch_shares(project)] == [9]
    undo.undo(project, project.owner)
    assert standing_of(project) == before
    assert batch_shares(project) == []
    undo.redo(project, project.owner)
    assert standing_of(project) == after
    assert len(batch_shares(project)) == 1


def test_an_acceptance_that_does_not_stand_counts_nowhere(project: Project) -> None:
    (cat, *_), images = three_classes(project)
    accept_unseen(project, images[:5], cat, checks=[True])
    assert accepted_of(project).images == 5
    undo.undo(project, project.owner)
    assert accepted_of(project).images == 0
    assert standing_of(project).unseen == 0
    assert standing_of(project) == plainly(project)


def test_shares_come_oldest_first_with_wilsons_interval(project: Project) -> None:
    _labels, images = three_classes(project, unlabeled=10)
    review(project, images[:10], wrong=2, left_out=1)
    accept_unseen(project, images[10:15], project.labels.first())
    review(project, images[15:25])
    first, second = batch_shares(project)
    assert (first.number, second.number) == (1, 2)
    assert first.share == share_of(7, 10)
    assert second.share == share_of(10, 10)
    assert recently_right([first, second]).share == share_of(17, 20)


def test_only_the_last_batches_say_how_right_it_is_now(project: Project) -> None:
    _labels, images = three_classes(project, unlabeled=12)
    for at in range(6):
        review(project, images[6 * at : 6 * at + 6], wrong=6 if at == 0 else 0)
    measured = recently_right(batch_shares(project))
    assert (measured.hits, measured.n, measured.batches) == (30, 30, 5)


def test_a_batch_without_suggestions_has_no_share(project: Project) -> None:
    batch = batch_of(project, more_images(project, 3))
    commits.commit(batch, project.owner)
    assert batch_shares(project) == []
    assert recently_right([]).n == 0


def test_checked_samples_say_how_right_the_unseen_are(project: Project) -> None:
    (cat, *_), images = three_classes(project, unlabeled=10)
    accept_unseen(project, images[:20], cat, probability=0.9, checks=[True] * 4 + [False, None])
    accepted = accepted_of(project)
    assert (accepted.images, accepted.drawn, accepted.to_check) == (20, 6, 1)
    assert (accepted.checked.hits, accepted.checked.n) == (4, 5)
    assert accepted.share == pytest.approx(share_of(4, 5))
    assert accepted.expected == pytest.approx(0.9)
    standing = standing_of(project)
    assert standing.unseen == 15
    error = overall_error(standing, accepted)
    assert error is not None
    assert error.share == pytest.approx(0.2 * 15 / standing.labeled)
    assert error.low < error.share < error.high


def test_a_check_nobody_asked_for_is_no_random_sample(project: Project) -> None:
    (cat, *_), images = three_classes(project)
    batch = accept_unseen(project, images[:6], cat, probability=None)
    batch.items.filter(position=0).update(checked_right=False)
    accepted = accepted_of(project)
    assert accepted.checked.n == 0
    assert accepted.share == (0, 0, 1)
    assert accepted.expected is None
    assert overall_error(standing_of(project), accepted) is None


def test_without_unseen_labels_no_share_of_them_can_be_wrong(project: Project) -> None:
    _labels, images = three_classes(project)
    review(project, images)
    standing = standing_of(project)
    assert overall_error(standing, accepted_of(project)) == (0, 0, 0)


def test_images_under_review_or_left_out_are_held(project: Project) -> None:
    (cat, *_), images = three_classes(project)
    review(project, images[:5], left_out=2)
    batch_of(project, images[5:8])
    batch = accept_unseen(project, images[8:10], cat, checks=[False])
    labels.clear_labels(project, User.objects.get(), [images[8].pk])
    held = held_of(project)
    assert held.left_out == {images[0].pk, images[1].pk, images[8].pk}
    assert held.under_review == {image.pk for image in images[5:8]}
    assert held.images == held.left_out | held.under_review
    assert batch.items.count() == 2
