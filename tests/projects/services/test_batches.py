from __future__ import annotations

import random
import threading

import pytest
from django.db import connection

from projects.errors import Conflict, Refusal
from projects.models import Batch, Image, Label, Project
from projects.services import batches, commits, edits, undo
from projects.services.batches import set_controls
from projects.services.suggestions import controls_of, search, suggest
from projects.services.ticks import Controls
from tests.projects.services.test_suggestions import batch_of, plain_ticks
from tests.reviews import direction, make_image, three_classes

pytestmark = pytest.mark.django_db


def row_of(batch: Batch, image: Image):
    return next(row for row in suggest(batch) if row.image.pk == image.pk)


@pytest.fixture
def three(project: Project) -> tuple[list[Label], list[Image], Batch]:
    labels, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    return labels, images, batch


def test_a_single_label_project_starts_with_top_only(project: Project, three) -> None:
    assert three[2].top_only
    project.multi_label = True
    project.save()
    assert not batch_of(project, three[1]).top_only


def test_next_batch_takes_unlabeled_images_once_and_remembers_its_size(
    project: Project, three
) -> None:
    three[2].delete()
    for seed in range(20):
        make_image(project, direction(seed))
    first = batches.next_batch(project, project.owner, 20)
    second = batches.next_batch(project, project.owner)
    ids = [item.image_id for each in (first, second) for item in each.items.all()]
    assert (first.items.count(), second.items.count()) == (20, 12)
    assert len(set(ids)) == 32
    assert not Image.objects.filter(pk__in=ids, is_labeled=True).exists()
    assert Project.objects.get(pk=project.pk).batch_size == 20
    with pytest.raises(Conflict, match="open batch"):
        batches.next_batch(project, project.owner)


def test_images_left_without_a_label_come_again_last(project: Project, three) -> None:
    three[2].delete()
    first = batches.next_batch(project, project.owner, 10)
    search(first)
    left = first.items.order_by("position").first().image_id
    edits.set_tick(first, project.owner, first.items.first().pk, three[0][0], ticked=False)
    edits_before = {item.image_id for item in first.items.all()}
    commits.commit(first, project.owner)
    second = batches.next_batch(project, project.owner, 10)
    order = [item.image_id for item in second.items.all()]
    assert len(order) == 3
    assert order[-1] == left
    assert not edits_before & set(order[:-1])


@pytest.mark.parametrize("size", [9, 101, -1])
def test_next_batch_refuses_other_sizes(project: Project, size: int) -> None:
    with pytest.raises(Refusal, match="10 to 100"):
        batches.next_batch(project, project.owner, size)


def test_next_batch_says_why_nothing_is_left(project: Project) -> None:
    with pytest.raises(Conflict, match="Every image"):
        batches.next_batch(project, project.owner)
    image = make_image(project)
    with pytest.raises(Conflict, match="being prepared"):
        batches.next_batch(project, project.owner)
    Image.objects.filter(pk=image.pk).update(embedding_state="failed")
    with pytest.raises(Conflict, match="cannot be read"):
        batches.next_batch(project, project.owner)


def test_a_selection_is_bounded_and_keeps_to_the_project(project: Project, stranger) -> None:
    theirs = Project.objects.create(name="theirs", owner=stranger)
    foreign = make_image(theirs, direction(0))
    staged = make_image(project, direction(0), state=Image.State.STAGED)
    for ids in ([], [foreign.pk], [staged.pk]):
        with pytest.raises(Refusal, match="at least one"):
            batches.create_from_images(project, project.owner, ids)
    with pytest.raises(Refusal, match="at most 500"):
        batches.create_from_images(project, project.owner, range(501))


@pytest.mark.parametrize(("k", "threshold"), [(0, 30), (101, 30), (10, -1), (10, 100.5)])
def test_controls_out_of_bounds_are_refused(three, k: int, threshold: float) -> None:
    with pytest.raises(Refusal):
        set_controls(three[2], k=k, threshold=threshold, top_only=True)


def test_a_control_says_how_many_ticks_it_changed(three) -> None:
    _, images, batch = three
    assert set_controls(batch, k=10, threshold=100, top_only=True).changed == len(images)
    move = set_controls(batch, k=10, threshold=30, top_only=True)
    assert (move.changed, sum(bool(row.ticked) for row in move.rows)) == (12, 12)
    batch = Batch.objects.get(pk=batch.pk)
    since = Controls(10, 100, True, True)
    assert set_controls(batch, k=10, threshold=30, top_only=True, since=since).changed == 12


def test_a_control_searches_nothing(three) -> None:
    batch = three[2]
    batch.items.update(hits=[])
    set_controls(batch, k=3, threshold=10, top_only=True)
    assert all(item.hits == [] for item in batch.items.all())


def test_edits_survive_every_control_and_a_reset_returns_the_row(project: Project, three) -> None:
    (cat, _dog, owl), images, batch = three
    user = project.owner
    item = row_of(batch, images[0]).item.pk
    other = row_of(batch, images[3]).item.pk
    assert row_of(batch, images[0]).ticked == (cat.pk,)
    edits.set_tick(batch, user, item, owl, ticked=True)
    edits.set_tick(batch, user, other, cat, ticked=False)
    for k, threshold in [(1, 0), (100, 100), (10, 0), (3, 55.5)]:
        set_controls(batch, k=k, threshold=threshold, top_only=True)
        assert row_of(batch, images[0]).ticked == (owl.pk,)
        assert row_of(batch, images[3]).ticked == ()
        assert row_of(batch, images[0]).edited
    set_controls(batch, k=10, threshold=30, top_only=True)
    edits.reset(batch, user, [item])
    assert row_of(batch, images[0]).ticked == (cat.pk,)
    assert not row_of(batch, images[0]).edited
    assert row_of(batch, images[3]).edited
    edits.reset(batch, user)
    assert not any(row.edited for row in suggest(batch))
    assert edits.reset(batch, user) is None


def test_ticking_twice_is_one_act(project: Project, three) -> None:
    (cat, *_), images, batch = three
    item = row_of(batch, images[0]).item.pk
    assert edits.set_tick(batch, project.owner, item, cat, ticked=True)
    assert edits.set_tick(batch, project.owner, item, cat, ticked=True) is None
    assert row_of(batch, images[0]).ticked == (cat.pk,)


def test_a_label_by_name_joins_the_list_and_undo_takes_it_away(project: Project, three) -> None:
    _, images, batch = three
    item = row_of(batch, images[0]).item.pk
    edits.offer_label(batch, project.owner, item, "Hoopoe")
    row = row_of(batch, images[0])
    assert [label.label.name for label in row.labels if label.ticked] == ["Hoopoe"]
    undo.undo(project, project.owner, batch=batch)
    assert not Label.objects.live().filter(name="Hoopoe").exists()
    assert row_of(batch, images[0]).ticked
    undo.redo(project, project.owner, batch=batch)
    assert row_of(batch, images[0]).labels[-1].label.name == "Hoopoe"


def test_accepting_a_label_pins_its_rows_and_leaves_edited_ones(project: Project, three) -> None:
    (cat, dog, _), images, batch = three
    set_controls(batch, k=10, threshold=100, top_only=True)
    mine = row_of(batch, images[0]).item.pk
    edits.set_tick(batch, project.owner, mine, dog, ticked=True)
    act = edits.accept_label(batch, project.owner, cat)
    assert act.summary == "Accepted cat in 3 rows"
    cats = [row for row in suggest(batch) if row.ticked == (cat.pk,)]
    assert [row.image.pk for row in cats] == [image.pk for image in images[3::3]]
    assert row_of(batch, images[0]).ticked == (dog.pk,)
    assert edits.accept_label(batch, project.owner, cat) is None
    undo.undo(project, project.owner, batch=batch)
    assert [row.ticked for row in suggest(batch) if row.ticked] == [(dog.pk,)]


def test_acts_of_a_review_have_a_stack_of_their_own(project: Project, three) -> None:
    (_cat, dog, _), images, batch = three
    revision = Project.objects.get(pk=project.pk).revision
    edits.set_tick(batch, project.owner, row_of(batch, images[0]).item.pk, dog, ticked=True)
    assert undo.next_undo(project, project.owner) is None
    assert undo.next_undo(project, project.owner, batch=batch) is not None
    assert Project.objects.get(pk=project.pk).revision == revision


def test_removing_a_row_throws_a_staged_image_away_and_undo_brings_it_back(
    project: Project, three
) -> None:
    (_, dog, _), images, batch = three
    staged = make_image(project, direction(0), state=Image.State.STAGED)
    item = batch.items.create(image=staged, position=99)
    edits.set_tick(batch, project.owner, item.pk, dog, ticked=True)
    edits.remove_row(batch, project.owner, item.pk)
    staged.refresh_from_db()
    assert staged.state == Image.State.TRASH
    assert batch.items.count() == 12
    undo.undo(project, project.owner, batch=batch)
    staged.refresh_from_db()
    assert staged.state == Image.State.STAGED
    assert row_of(batch, staged).ticked == (dog.pk,)
    undo.undo(project, project.owner, batch=batch)
    undo.redo(project, project.owner, batch=batch)
    undo.redo(project, project.owner, batch=batch)
    staged.refresh_from_db()
    assert staged.state == Image.State.TRASH
    edits.remove_row(batch, project.owner, row_of(batch, images[0]).item.pk)
    images[0].refresh_from_db()
    assert images[0].state == Image.State.DATASET


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_reviews_tick_what_the_plain_definition_ticks(
    project: Project, multi_label: bool, seed: int
) -> None:
    """Edits, controls, undo and redo in any order, beside a list of states in plain Python."""
    project.multi_label = multi_label
    project.save()
    labels, images = three_classes(project, labeled=3, unlabeled=2)
    batch = batch_of(project, images)
    search(batch)
    user, chance = project.owner, random.Random(f"{multi_label}{seed}")
    items = list(batch.items.all())
    done: list[dict] = [{item.pk: {} for item in items}]
    undone: list[dict] = []

    def act(change) -> None:
        state = {pk: dict(edits_) for pk, edits_ in done[-1].items()}
        change(state)
        if state != done[-1]:
            done.append(state)
            undone.clear()

    def tick() -> None:
        item, label, ticked = chance.choice(items), chance.choice(labels), chance.random() < 0.6
        edits.set_tick(batch, user, item.pk, label, ticked=ticked)

        def change(state) -> None:
            mine = state[item.pk]
            if not multi_label and ticked:
                state[item.pk] = mine = {pk: value for pk, value in mine.items() if not value}
            mine.pop(label.pk, None)
            mine[label.pk] = ticked

        act(change)

    def reset() -> None:
        item = chance.choice(items)
        edits.reset(batch, user, [item.pk])
        act(lambda state: state.update({item.pk: {}}))

    def accept() -> None:
        label = chance.choice(labels)
        tops = {row.item.pk: row.top.label.pk for row in suggest(batch) if row.top}
        edits.accept_label(batch, user, label)

        def change(state) -> None:
            for pk, mine in state.items():
                if tops.get(pk) == label.pk and not mine:
                    mine[label.pk] = True

        act(change)

    def controls() -> None:
        top_only = not multi_label or chance.random() < 0.5
        set_controls(
            batch, k=chance.randint(1, 12), threshold=chance.uniform(0, 99), top_only=top_only
        )

    def take_back() -> None:
        undo.undo(project, user, batch=batch)
        if len(done) > 1:
            undone.append(done.pop())

    def again() -> None:
        undo.redo(project, user, batch=batch)
        if undone:
            done.append(undone.pop())

    for _ in range(50):
        chance.choice([tick, tick, tick, reset, accept, controls, take_back, again])()
        batch = Batch.objects.get(pk=batch.pk)
        for row in suggest(batch):
            scores = [(e.label.pk, e.score) for e in row.labels if e.score is not None]
            mine = list(done[-1][row.item.pk].items())
            assert set(row.ticked) == plain_ticks(scores, mine, controls_of(batch))
            assert row.edited == bool(mine)


def test_open_batches_are_offered_with_their_edits(project: Project, three) -> None:
    (_, dog, _), images, batch = three
    batches.create_for_upload(project, project.owner)
    edits.set_tick(batch, project.owner, row_of(batch, images[0]).item.pk, dog, ticked=True)
    edits.set_tick(batch, project.owner, row_of(batch, images[1]).item.pk, dog, ticked=True)
    (offered,) = batches.open_batches(project)
    assert (offered.batch.pk, offered.rows, offered.edited, offered.waiting) == (batch.pk, 12, 2, 0)


@pytest.mark.django_db(transaction=True)
def test_two_next_batches_at_once_share_no_image(project: Project) -> None:
    for seed in range(30):
        make_image(project, direction(seed))
    made: list[Batch] = []
    barrier = threading.Barrier(3)

    def take() -> None:
        try:
            barrier.wait()
            made.append(batches.next_batch(Project.objects.get(pk=project.pk), project.owner, 10))
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [item.image_id for batch in made for item in batch.items.all()]
    assert len(ids) == len(set(ids)) == 30
