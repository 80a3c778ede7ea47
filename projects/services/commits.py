"""The end of a review: Add to dataset or Discard, each undoable, and how many were right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from projects.errors import Conflict, Refusal
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Project

from .absences import MOST_DECIDED, live_label_ids, mark_absent
from .acts import begin_act, count, summarize
from .batches import lock_open
from .labels import Given, apply_labels
from .review_rows import Row, RowState
from .suggestions import search, suggest
from .sureness import learn
from .trash import put_back


@dataclass(frozen=True)
class Committed:
    """What Add to dataset did."""

    act: Act
    labeled: int
    left_unlabeled: int
    rest: Batch | None
    """The open batch that holds the rows that were not ready yet."""


def commit(
    batch: Batch,
    user: AbstractBaseUser,
    *,
    seen: Mapping[int, Sequence[int]] | None = None,
    take_waiting: bool = False,
) -> Committed:
    """Save the ticked labels and close the batch, as one act that can be undone.

    A label that was suggested, ticked by itself or by the person, is saved as confirmed suggestion
    with its score; one that only the person offered as given by hand. Labels are added to what an
    image carries; in a single-label project they replace it. Rows without a tick keep what they
    have; staged images join the dataset with or without a label.

    Args:
        seen: row to ticked labels as the person saw them. Where they differ from what would be
            saved, because another tab moved a control or a neighbour's label was changed, nothing
            is saved: what is added is what was looked at.
        take_waiting: also close rows whose embedding is still being made, without a label. By
            default they move to a batch of their own, which stays open. Rows that the person
            labeled are never left behind.

    Raises:
        Conflict: the batch is closed already, or differs from what was seen.
        Refusal: no row is ready.
    """
    search(batch, only_new=True)
    learn(batch)
    with transaction.atomic():
        lock_open(batch)
        rows = suggest(batch)
        _refuse_unseen(rows, seen)
        later = [row for row in rows if _is_left_for_later(row) and not take_waiting]
        now = [row for row in rows if take_waiting or not _is_left_for_later(row)]
        if not now:
            raise Refusal(
                "No row of this batch is ready yet; wait until its images are prepared.",
                code="nothing_ready",
            )
        act = begin_act(batch.project, user, kind=Act.Kind.COMMIT, summary="Added a batch")
        rest = _rest_of(batch, later)
        staged = [row.image.pk for row in now if row.image.state == Image.State.STAGED]
        act.payload = {
            "batch": batch.pk,
            "staged": staged,
            "rest": rest.pk if rest else None,
            "later": [row.image.pk for row in later],
        }
        _set_state(staged, Image.State.DATASET)
        _save_labels(act, now)
        if batch.project.multi_label:
            _save_absences(act, now)
        _write_down(now)
        _close(batch, Batch.State.COMMITTED)
        labeled = sum(bool(row.ticked) for row in now)
        summarize(act, _summary(batch, labeled, len(now)))
        return Committed(act, labeled, len(now) - labeled, rest)


def _summary(batch: Batch, labeled: int, rows: int) -> str:
    if batch.kind != Batch.Kind.UPLOADED:
        return f"Added the labels of {count(labeled, 'image')} to the dataset"
    if labeled == rows:
        return f"Added {count(rows, 'image')} to the dataset"
    return (
        f"Added {count(rows, 'image')} to the dataset, {rows - labeled:,} of them without a label"
    )


def _is_left_for_later(row: Row) -> bool:
    return row.state == RowState.WAITING and not row.ticked


def _refuse_unseen(rows: Sequence[Row], seen: Mapping[int, Sequence[int]] | None) -> None:
    ticked = {row.item.pk: set(row.ticked) for row in rows}
    for item_id, labels in (seen or {}).items():
        if ticked.get(item_id) != set(labels):
            raise Conflict(
                "The ticks changed since this page showed them, in another tab or because a "
                "neighbour got another label. They are up to date now: look again, then add.",
                code="ticks_changed",
            )


def _rest_of(batch: Batch, later: Sequence[Row]) -> Batch | None:
    if not later:
        return None
    rest = Batch.objects.create(
        project=batch.project,
        created_by=batch.created_by,
        kind=batch.kind,
        k=batch.k,
        threshold=batch.threshold,
        top_only=batch.top_only,
        per_label=batch.per_label,
        chosen=batch.chosen,
        method=batch.method,
    )
    BatchItem.objects.filter(pk__in=[row.item.pk for row in later]).update(batch=rest)
    # Files of an upload that are still on their way belong to the batch that stays open.
    batch.uploads.update(batch=rest)
    return rest


def _save_labels(act: Act, rows: Sequence[Row]) -> None:
    suggested: dict[int, list[Given]] = {}
    by_hand: dict[int, list[Given]] = {}
    for row in rows:
        for label_id in row.ticked:
            score = row.score_of(label_id)
            given = by_hand if score is None else suggested
            given.setdefault(row.image.pk, []).append(Given(label_id, score))
    apply_labels(act, suggested, mode="add", source=ImageLabel.Source.SUGGESTION)
    apply_labels(act, by_hand, mode="add", source=ImageLabel.Source.HAND)


def _save_absences(act: Act, rows: Sequence[Row]) -> None:
    """What a person who ticked labels in a row did not tick, they decided not to.

    A row without any tick says nothing: it was left for later. Where there are too many labels to
    think of at each row, only those whose ticks the person removed are absent.
    """
    live = live_label_ids(act.project)
    all_decided = len(live) <= MOST_DECIDED
    wanted = {
        row.image.pk: [
            label_id
            for label_id in (live if all_decided else row.unticked)
            if label_id not in row.ticked
        ]
        for row in rows
        if row.ticked
    }
    mark_absent(act, wanted)


def _write_down(rows: Sequence[Row]) -> None:
    for row in rows:
        row.item.suggested, row.item.chosen = list(row.suggested), list(row.ticked)
        row.item.was_right = was_right(row)
        row.item.probability = row.probability if row.suggested else None
    items = [row.item for row in rows]
    written = ["suggested", "chosen", "was_right", "probability"]
    BatchItem.objects.bulk_update(items, written, batch_size=100)


def was_right(row: Row) -> bool | None:
    """Whether the ticks that the suggestion alone set are the ones that were saved.

    None, and counted neither as right nor as wrong, where nothing was suggested, and where the row
    was left without a label. A suggested tick that the person removed was wrong, also where they
    did not say what is right. In a multi-label project all ticks of the row must agree.
    """
    if not row.suggested:
        return None
    if row.ticked:
        return set(row.suggested) == set(row.ticked)
    return False


def _set_state(image_ids: Sequence[int], state: Image.State) -> None:
    for start in range(0, len(image_ids), 900):
        Image.objects.filter(pk__in=image_ids[start : start + 900]).update(state=state)


def _close(batch: Batch, state: Batch.State) -> None:
    batch.state, batch.closed_at = state, timezone.now()
    batch.save(update_fields=["state", "closed_at"])


def _open_again(batch: Batch) -> None:
    batch.state, batch.closed_at = Batch.State.OPEN, None
    batch.save(update_fields=["state", "closed_at"])


def discard(batch: Batch, user: AbstractBaseUser) -> Act:
    """Give a batch up: images uploaded for it are thrown away, others stay as they are. Undoable.

    Raises:
        Conflict: it was closed meanwhile.
    """
    with transaction.atomic():
        lock_open(batch)
        act = begin_act(batch.project, user, kind=Act.Kind.DISCARD, summary="Discarded a batch")
        rows = batch.items.count()
        thrown = _throw_away(batch, act)
        act.payload = {"batch": batch.pk}
        _close(batch, Batch.State.DISCARDED)
        tail = f" and {count(thrown, 'uploaded image')}" if thrown else ""
        summarize(act, f"Discarded a batch of {count(rows, 'row')}{tail}")
        return act


def _throw_away(batch: Batch, act: Act) -> int:
    staged = Image.objects.staged().filter(batch_items__batch=batch)
    ids = list(staged.values_list("pk", flat=True))
    for start in range(0, len(ids), 900):
        Image.objects.filter(pk__in=ids[start : start + 900]).update(
            state=Image.State.TRASH, trashed_at=timezone.now(), trashed_by=act
        )
    return len(ids)


def reopen(act: Act, _record: Act) -> int:
    """Undo of `commit`, after its labels were taken back: the batch is as it was before."""
    batch = Batch.objects.select_for_update().get(pk=act.payload["batch"])
    there = Image.objects.in_dataset().filter(pk__in=act.payload["staged"])
    _set_state(list(there.values_list("pk", flat=True)), Image.State.STAGED)
    rest = Batch.objects.open().filter(pk=act.payload["rest"]).first()
    if rest:
        rest.items.filter(image__in=act.payload["later"]).update(batch=batch)
        rest.uploads.update(batch=batch)
        if not rest.items.exists():
            _close(rest, Batch.State.DISCARDED)
    _open_again(batch)
    return 0


def close_again(act: Act, _record: Act) -> int:
    """Redo of `commit`, before its labels are given again: as it was, whatever was ticked since."""
    batch = Batch.objects.get(pk=act.payload["batch"])
    lock_open(batch)
    there = Image.objects.staged().filter(pk__in=act.payload["staged"])
    _set_state(list(there.values_list("pk", flat=True)), Image.State.DATASET)
    rest = Batch.objects.filter(pk=act.payload["rest"]).first()
    if rest:
        batch.items.filter(image__in=act.payload["later"]).update(batch=rest)
        _open_again(rest)
    _close(batch, Batch.State.COMMITTED)
    return 0


def take_back(act: Act, _record: Act) -> int:
    """Undo of `discard`."""
    batch = Batch.objects.select_for_update().get(pk=act.payload["batch"])
    put_back(act, state=Image.State.STAGED)
    _open_again(batch)
    return 0


def discard_again(act: Act, _record: Act) -> int:
    """Redo of `discard`."""
    batch = Batch.objects.get(pk=act.payload["batch"])
    lock_open(batch)
    _throw_away(batch, act)
    _close(batch, Batch.State.DISCARDED)
    return 0


def act_of(batch: Batch) -> Act | None:
    """Return the act that added a batch to the dataset, as long as it stands."""
    acts = Act.objects.filter(project=batch.project, kind=Act.Kind.COMMIT, state=Act.State.DONE)
    return acts.filter(payload__batch=batch.pk).order_by("-id").first()


def rest_of(act: Act | None) -> Batch | None:
    """Return the open batch with the rows that were not ready at a commit."""
    return Batch.objects.open().filter(pk=act.payload["rest"]).first() if act else None


@dataclass(frozen=True)
class Tally:
    """How the suggestions of committed rows did. `was_right` says what counts as right."""

    rows: int = 0
    right: int = 0
    wrong: int = 0
    unsuggested: int = 0
    """Labeled by the person where nothing reached the threshold."""
    empty: int = 0
    """Committed without a label."""

    @property
    def labeled(self) -> int:
        return self.rows - self.empty

    @property
    def judged(self) -> int:
        return self.right + self.wrong

    @property
    def percent(self) -> float | None:
        """Share of the suggestions that were right; None where none was made."""
        return 100 * self.right / self.judged if self.judged else None


_COUNTS = {
    "rows": Count("pk"),
    "right": Count("pk", filter=Q(was_right=True)),
    "wrong": Count("pk", filter=Q(was_right=False)),
    "unsuggested": Count("pk", filter=Q(was_right=None) & ~Q(chosen=[])),
    "empty": Count("pk", filter=Q(chosen=[])),
}


def tally(project: Project) -> Tally:
    """Count over all reviewed batches of the project that were not undone."""
    items = BatchItem.objects.filter(batch__in=project.batches.reviewed())
    return Tally(**items.aggregate(**_COUNTS))


def tally_of(batch: Batch) -> Tally:
    """Count over one committed batch."""
    return Tally(**batch.items.order_by().aggregate(**_COUNTS))


def tallies(project: Project, *, most: int = 50) -> list[tuple[Batch, Tally]]:
    """Return the newest reviewed batches, oldest of them first, each with its own count."""
    batches = list(project.batches.reviewed().order_by("-closed_at", "-id")[:most])[::-1]
    counted = (
        BatchItem.objects.filter(batch__in=batches).order_by().values("batch").annotate(**_COUNTS)
    )
    by_batch: dict[int, Tally] = {}
    for row in counted:
        counts: dict[str, Any] = dict(row)
        pk = counts.pop("batch")
        by_batch[pk] = Tally(**counts)
    return [(batch, by_batch.get(batch.pk, Tally())) for batch in batches]
