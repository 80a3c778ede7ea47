from __future__ import annotations

import threading

import numpy as np
import pytest
from django.db import connection

from projects.errors import Conflict, Refusal
from projects.models import Act, Batch, Image, ImageLabel, Label, Project
from projects.services import batches, commits, edits, undo
from projects.services.suggestions import search, suggest
from tests.projects.services.test_batches import row_of
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import direction, make_image, near, three_classes

pytestmark = pytest.mark.django_db

Three = tuple[list[Label], list[Image], Batch]


@pytest.fixture
def three(project: Project) -> Three:
    labels, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    return labels, images, batch


def labels_of(image: Image) -> list[tuple[str, str, bool]]:
    rows = ImageLabel.objects.filter(image=image).order_by("label__position")
    return [(row.label.name, row.source, row.score is not None) for row in rows]


def everything(project: Project) -> list:
    """The state that undo must bring back, but for ids and the history."""
    images = project.images.order_by("pk").values_list("pk", "state", "is_labeled", "name")
    carried = ImageLabel.objects.filter(image__project=project).order_by("image", "label")
    rows = project.batches.order_by("pk").values_list("pk", "state")
    return [
        list(images),
        list(carried.values_list("image", "label", "source", "score", "is_default")),
        [row for row in rows if row[1] != "discarded"],
    ]


def test_committing_saves_the_ticks_with_their_origin(project: Project, three: Three) -> None:
    (_cat, dog, owl), images, batch = three
    user = project.owner
    batch.k = 1
    batch.save()
    edits.set_tick(batch, user, row_of(batch, images[0]).item.pk, owl, ticked=True)
    edits.set_tick(batch, user, row_of(batch, images[1]).item.pk, dog, ticked=False)
    done = commits.commit(batch, user)
    assert (done.labeled, done.left_unlabeled, done.rest) == (11, 1, None)
    assert labels_of(images[0]) == [("owl", "hand", False)]
    assert labels_of(images[1]) == []
    assert labels_of(images[2]) == [("owl", "suggestion", True)]
    images[2].refresh_from_db()
    images[1].refresh_from_db()
    assert (images[2].is_labeled, images[1].is_labeled) == (True, False)
    batch.refresh_from_db()
    assert batch.state == Batch.State.COMMITTED
    assert batch.closed_at


def test_a_tick_on_an_offered_label_is_a_confirmed_suggestion(
    project: Project, three: Three
) -> None:
    (cat, *_), images, batch = three
    batches.set_controls(batch, k=10, threshold=100, top_only=True)
    edits.set_tick(batch, project.owner, row_of(batch, images[0]).item.pk, cat, ticked=True)
    commits.commit(batch, project.owner)
    assert labels_of(images[0]) == [("cat", "suggestion", True)]
    assert labels_of(images[3]) == []


def test_several_ticks_in_a_multi_label_project(project: Project) -> None:
    project.multi_label = True
    project.save()
    (cat, _dog, owl), images = three_classes(project)
    batch = batch_of(project, images[:1])
    batch.k = 1
    batch.save()
    search(batch)
    edits.set_tick(batch, project.owner, batch.items.get().pk, owl, ticked=True)
    commits.commit(batch, project.owner)
    assert labels_of(images[0]) == [("cat", "suggestion", True), ("owl", "hand", False)]
    default = ImageLabel.objects.get(image=images[0], is_default=True)
    assert default.label == cat


def test_an_image_labeled_before_gets_the_tick_instead_or_besides(project: Project) -> None:
    labels, _ = three_classes(project)
    mislabeled = make_image(project, direction(0), labels[1])
    batch = batch_of(project, [mislabeled])
    search(batch)
    commits.commit(batch, project.owner)
    assert [name for name, *_ in labels_of(mislabeled)] == ["cat"]
    undo.undo(project, project.owner)
    assert [name for name, *_ in labels_of(mislabeled)] == ["dog"]
    project.multi_label = True
    project.save()
    commits.commit(Batch.objects.get(pk=batch.pk), project.owner)
    assert [name for name, *_ in labels_of(mislabeled)] == ["cat", "dog"]


@pytest.fixture
def uploaded(project: Project) -> tuple[list[Label], list[Image], Batch]:
    """A review of six staged images, of which one waits and one cannot be read."""
    labels, _ = three_classes(project)
    batch = batches.create_for_upload(project, project.owner)
    staged = Image.State.STAGED
    images = [make_image(project, direction(at % 3), state=staged) for at in range(4)]
    images += [make_image(project, state=staged) for _ in range(2)]
    Image.objects.filter(pk=images[5].pk).update(embedding_state="failed", failure_reason="Torn.")
    for at, image in enumerate(images):
        batch.items.create(image=image, position=at)
    search(batch)
    return labels, images, batch


def test_staged_images_join_the_dataset_and_waiting_ones_stay_under_review(
    project: Project, uploaded: Three
) -> None:
    _, images, batch = uploaded
    before = everything(project)
    done = commits.commit(batch, project.owner)
    states = [Image.objects.get(pk=image.pk).state for image in images]
    assert states == ["dataset"] * 4 + ["staged", "dataset"]
    assert [item.image_id for item in done.rest.items.all()] == [images[4].pk]
    after = everything(project)
    for _ in range(2):
        undo.undo(project, project.owner)
        assert everything(project) == before
        assert batch.items.count() == 6
        undo.redo(project, project.owner)
        assert everything(project) == after


def test_waiting_rows_are_taken_without_a_label_when_the_person_says_so(
    project: Project, uploaded: Three
) -> None:
    _, _images, batch = uploaded
    done = commits.commit(batch, project.owner, take_waiting=True)
    assert done.rest is None
    assert not Image.objects.staged().exists()
    assert done.left_unlabeled == 2


def test_a_waiting_row_that_the_person_labeled_is_committed(
    project: Project, uploaded: Three
) -> None:
    (cat, *_), images, batch = uploaded
    edits.set_tick(batch, project.owner, row_of(batch, images[4]).item.pk, cat, ticked=True)
    assert commits.commit(batch, project.owner).rest is None
    assert labels_of(images[4]) == [("cat", "hand", False)]


def test_a_batch_of_which_nothing_is_ready_is_refused(project: Project) -> None:
    batch = batch_of(project, [make_image(project)])
    with pytest.raises(Refusal, match="No row"):
        commits.commit(batch, project.owner)


def test_discarding_throws_staged_images_away_and_leaves_others(
    project: Project, uploaded: Three
) -> None:
    _, _images, batch = uploaded
    before = everything(project)
    commits.discard(batch, project.owner)
    assert not Image.objects.staged().exists()
    with pytest.raises(Conflict, match="discarded"):
        commits.commit(batch, project.owner)
    undo.undo(project, project.owner)
    assert everything(project) == before
    undo.redo(project, project.owner)
    assert not Image.objects.staged().exists()


def test_discarding_a_next_batch_leaves_its_images(project: Project, three: Three) -> None:
    _, images, batch = three
    commits.discard(batch, project.owner)
    assert Image.objects.in_dataset().filter(pk__in=[i.pk for i in images]).count() == 12


def test_a_name_taken_meanwhile_gets_a_number_when_a_discard_is_undone(project: Project) -> None:
    batch = batches.create_for_upload(project, project.owner)
    image = make_image(project, name="a.jpg", state=Image.State.STAGED)
    batch.items.create(image=image, position=0)
    commits.discard(batch, project.owner)
    make_image(project, name="a.jpg")
    undo.undo(project, project.owner)
    image.refresh_from_db()
    assert (image.name, image.state) == ("a (2).jpg", "staged")


def test_undo_opens_the_batch_with_its_edits(project: Project, three: Three) -> None:
    (_, _, owl), images, batch = three
    edits.set_tick(batch, project.owner, row_of(batch, images[0]).item.pk, owl, ticked=True)
    before = everything(project)
    commits.commit(batch, project.owner)
    record = undo.undo(project, project.owner)
    assert record.summary == "Undid: Added the labels of 12 images to the dataset"
    assert everything(project) == before
    batch.refresh_from_db()
    assert row_of(batch, images[0]).ticked == (owl.pk,)
    edits.reset(batch, project.owner)
    commits.commit(batch, project.owner)
    assert labels_of(images[0]) == [("cat", "suggestion", True)]


def test_a_redo_of_a_batch_committed_anew_is_refused(project: Project, three: Three) -> None:
    _, _, batch = three
    commits.commit(batch, project.owner)
    undo.undo(project, project.owner)
    act = Act.objects.get(kind=Act.Kind.COMMIT)
    commits.commit(batch, project.owner)
    act.refresh_from_db()
    assert act.state == Act.State.DROPPED
    assert undo.redo(project, project.owner) is None


def test_what_was_not_seen_is_not_committed(project: Project, three: Three) -> None:
    (_cat, dog, _), images, batch = three
    seen = {row.item.pk: list(row.ticked) for row in suggest(batch)}
    edits.set_tick(batch, project.owner, row_of(batch, images[0]).item.pk, dog, ticked=True)
    with pytest.raises(Conflict, match="look again"):
        commits.commit(batch, project.owner, seen=seen)
    assert not Act.objects.filter(kind=Act.Kind.COMMIT).exists()
    seen[row_of(batch, images[0]).item.pk] = [dog.pk]
    commits.commit(batch, project.owner, seen=seen)


def test_edits_after_the_commit_are_refused(project: Project, three: Three) -> None:
    (cat, *_), images, batch = three
    item = row_of(batch, images[0]).item.pk
    edits.set_tick(batch, project.owner, item, cat, ticked=False)
    commits.commit(batch, project.owner)
    stale = Batch.objects.get(pk=batch.pk)
    for attempt in (
        lambda: edits.set_tick(stale, project.owner, item, cat, ticked=True),
        lambda: edits.remove_row(stale, project.owner, item),
        lambda: batches.set_controls(stale, k=1, threshold=1, top_only=True),
        lambda: undo.undo(project, project.owner, batch=stale),
        lambda: commits.discard(stale, project.owner),
    ):
        with pytest.raises(Conflict, match="already added"):
            attempt()


def test_how_many_were_right_is_counted_as_the_docstring_says(
    project: Project, three: Three
) -> None:
    (_cat, dog, owl), _images, batch = three
    user = project.owner
    item = [row.item.pk for row in suggest(batch)]
    edits.set_tick(batch, user, item[0], owl, ticked=True)  # corrected: wrong
    edits.set_tick(batch, user, item[1], dog, ticked=False)  # rejected: wrong
    edits.accept_label(batch, user, owl)  # confirmed: right
    commits.commit(batch, user)
    assert commits.tally(project) == commits.Tally(rows=12, right=10, wrong=2, empty=1)
    more = [make_image(project, near(5, np.random.default_rng(0)))]
    second = batch_of(project, more)
    search(second)
    batches.set_controls(second, k=10, threshold=100, top_only=True)
    edits.set_tick(second, user, second.items.get().pk, owl, ticked=True)
    commits.commit(second, user)
    (first_batch, first), (_, last) = commits.tallies(project)
    assert first_batch == batch
    assert (first.right, first.judged) == (10, 12)
    assert (last.unsuggested, last.judged, last.percent) == (1, 0, None)
    assert commits.tally(project).judged == 12
    undo.undo(project, user)
    assert commits.tally(project).rows == 12


def test_in_a_multi_label_project_all_ticks_must_agree(project: Project) -> None:
    project.multi_label = True
    project.save()
    (_cat, _dog, owl), images = three_classes(project)
    batch = batch_of(project, images[:2])
    search(batch)
    batches.set_controls(batch, k=3, threshold=30, top_only=False)
    first, _ = suggest(batch)
    edits.set_tick(batch, project.owner, first.item.pk, owl, ticked=True)
    commits.commit(batch, project.owner)
    assert [item.was_right for item in batch.items.all()] == [False, True]


@pytest.mark.django_db(transaction=True)
def test_two_commits_at_once_save_once(project: Project) -> None:
    _, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def attempt() -> None:
        try:
            mine = Batch.objects.get(pk=batch.pk)
            barrier.wait()
            commits.commit(mine, project.owner)
            outcomes.append("done")
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["batch_committed"] * 3 + ["done"]
    assert Act.objects.filter(kind=Act.Kind.COMMIT).count() == 1
    assert ImageLabel.objects.filter(image__in=images).count() == 12
