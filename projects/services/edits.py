"""The person's own ticks under review. Each act is pinned, undoable, and survives a reload."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from projects.errors import Conflict
from projects.models import Act, Batch, BatchEdit, BatchItem, Image, Label
from similarity.methods import DEFAULT_METHOD

from .acts import count, shortened
from .batches import lock_open
from .label_list import get_or_create_labels
from .review_rows import Row
from .suggestions import Ballot, controls_of, kept_items
from .trash import put_back
from .undo_label_list import hide_created, revive_created

Edits: TypeAlias = dict[int, bool]
"""A row's edits: label id to ticked."""


def set_tick(
    batch: Batch, user: AbstractBaseUser, item_id: int, label: Label, *, ticked: bool
) -> Act | None:
    """Set or remove one tick of one row; None where it is pinned so already.

    In a single-label project a tick takes the place of the person's former one, and a removed tick
    leaves the row empty.
    """
    single = not batch.project.multi_label

    def work(_row: Row, edits: Edits) -> Edits:
        kept = edits
        if single and ticked:
            kept = {pk: value for pk, value in edits.items() if not value}
        return {**{pk: value for pk, value in kept.items() if pk != label.pk}, label.pk: ticked}

    done = "Ticked" if ticked else "Removed the tick of"
    return _change(batch, user, work, [item_id], lambda _n: f"{done} {label.name}")


def offer_label(batch: Batch, user: AbstractBaseUser, item_id: int, name: str) -> Act | None:
    """Tick a label by its name; one that the project does not have yet joins its list.

    Undoing the tick takes a label made for it from the list again, unless an image carries it.
    """
    with transaction.atomic():
        known = set(Label.objects.live().filter(project=batch.project).values_list("pk", flat=True))
        label = get_or_create_labels(batch.project, user, [name])[0]
        act = set_tick(batch, user, item_id, label, ticked=True)
        if act and label.pk not in known:
            act.payload["created"] = [label.pk]
            act.save(update_fields=["payload"])
    return act


def reset(
    batch: Batch, user: AbstractBaseUser, item_ids: Iterable[int] | None = None
) -> Act | None:
    """Return rows to what is suggested, all rows if none are named; None: nothing was edited."""
    return _change(
        batch, user, lambda _row, _edits: {}, item_ids, lambda n: f"Reset {count(n, 'row')}"
    )


def accept_label(batch: Batch, user: AbstractBaseUser, label: Label) -> Act | None:
    """Pin a label in every row whose top suggestion it is; None where there is no such row.

    Whether it reaches the threshold does not matter: the person says so. Rows that the person
    edited stay as they left them.
    """

    def work(row: Row, edits: Edits) -> Edits:
        wanted = row.top is not None and row.top.label.pk == label.pk
        return {label.pk: True} if wanted and not edits else edits

    return _change(batch, user, work, None, lambda n: f"Accepted {label.name} in {count(n, 'row')}")


def _change(
    batch: Batch,
    user: AbstractBaseUser,
    work: Callable[[Row, Edits], Edits],
    item_ids: Iterable[int] | None,
    summary: Callable[[int], str],
) -> Act | None:
    """Give rows other edits as one act; None and no act where that changes nothing."""
    with transaction.atomic():
        lock_open(batch)
        rows = {row.item.pk: row for row in _rows(batch, item_ids)}
        if item_ids is not None and not rows:
            raise Conflict(
                "That row is no longer part of this batch; reload the page.", code="row_gone"
            )
        before = edits_of(rows)
        after = {pk: work(row, before[pk]) for pk, row in rows.items()}
        changed = [pk for pk in rows if before[pk] != after[pk]]
        if not changed:
            return None
        act = _begin(batch, user, summary(len(changed)))
        act.payload = {
            "edits": [
                [rows[pk].item.image_id, _pairs(before[pk]), _pairs(after[pk])] for pk in changed
            ]
        }
        act.save(update_fields=["payload"])
        _write({pk: after[pk] for pk in changed})
        return act


def _rows(batch: Batch, item_ids: Iterable[int] | None) -> list[Row]:
    """The rows that an act changes, without what only the page shows of them.

    An act on single rows asks nothing about what is suggested, and may have made a label in this
    transaction: methods fitted in it would be kept under a revision that a rollback takes back.
    """
    controls = controls_of(batch)
    if item_ids is not None:
        controls = replace(controls, method=DEFAULT_METHOD)
    return Ballot(batch, most=controls.k, item_ids=item_ids).rows(controls)


def remove_row(batch: Batch, user: AbstractBaseUser, item_id: int) -> Act:
    """Take a row out of the batch; an image uploaded for this review is thrown away with it.

    For an image that cannot be read, or that should not have been there. Undoable.
    """
    with transaction.atomic():
        lock_open(batch)
        item = kept_items(batch).select_related("image").filter(pk=item_id).first()
        if item is None:
            raise Conflict(
                "That row is no longer part of this batch; reload the page.", code="row_gone"
            )
        act = _begin(batch, user, f"Removed {item.image.name} from the batch")
        act.payload = {"removed": _described(item)}
        act.save(update_fields=["payload"])
        _take_out(act, item)
        return act


def _described(item: BatchItem) -> dict[str, Any]:
    edits = _pairs(edits_of([item.pk])[item.pk])
    return {"image": item.image_id, "position": item.position, "edits": edits}


def _take_out(act: Act, item: BatchItem) -> None:
    if item.image.state == Image.State.STAGED:
        Image.objects.filter(pk=item.image_id).update(
            state=Image.State.TRASH, trashed_at=timezone.now(), trashed_by=act
        )
    item.delete()


def edits_of(item_ids: Iterable[int]) -> dict[int, Edits]:
    """Return the edits of each row, in the order of their making."""
    found: dict[int, Edits] = {pk: {} for pk in item_ids}
    edits = BatchEdit.objects.filter(item__in=list(found)).order_by("id")
    for item_id, label_id, ticked in edits.values_list("item_id", "label_id", "ticked"):
        found[item_id][label_id] = ticked
    return found


def _write(after: Mapping[int, Edits]) -> None:
    BatchEdit.objects.filter(item__in=list(after)).delete()
    BatchEdit.objects.bulk_create(
        BatchEdit(item_id=item_id, label_id=label_id, ticked=ticked)
        for item_id, edits in after.items()
        for label_id, ticked in edits.items()
    )


def _pairs(edits: Edits) -> list[list[int | bool]]:
    return [[label_id, ticked] for label_id, ticked in edits.items()]


def _begin(batch: Batch, user: AbstractBaseUser, summary: str) -> Act:
    """Like `begin_act`, under the batch's lock and without raising the project's revision.

    A tick under review changes no label of any image, so no search has to be made again.
    """
    stack = Act.objects.stack_of(user.pk, batch.project, batch_id=batch.pk)
    stack.filter(state=Act.State.UNDONE).update(state=Act.State.DROPPED)
    return Act.objects.create(
        project=batch.project,
        user_id=user.pk,
        batch=batch,
        kind=Act.Kind.REVIEW,
        summary=shortened(summary),
    )


def undo_edits(act: Act, _record: Act) -> int:
    """Undo of every act of this module. Rows that were edited since by another are left alone."""
    lock_open(_batch_of(act))
    if "removed" in act.payload:
        return _put_back(act)
    left = _swap(act, old=2, new=1)
    hide_created(act, _record)
    return left


def redo_edits(act: Act, _record: Act) -> int:
    """Redo of every act of this module."""
    batch = _batch_of(act)
    lock_open(batch)
    if "removed" in act.payload:
        item = batch.items.select_related("image").filter(image=act.payload["removed"]["image"])
        for each in item:
            _take_out(act, each)
        return 0
    revive_created(act, _record)
    return _swap(act, old=1, new=2)


def _batch_of(act: Act) -> Batch:
    if act.batch is None:
        raise Conflict("That batch is gone.", code="batch_gone")
    return act.batch


def _swap(act: Act, *, old: int, new: int) -> int:
    """Give rows the edits of one side of the act where they still have those of the other."""
    batch = _batch_of(act)
    item_of = dict(batch.items.values_list("image_id", "pk"))
    live = set(Label.objects.live().filter(project=act.project_id).values_list("pk", flat=True))
    now = edits_of(item_of.values())
    then: dict[int, Edits] = {}
    for entry in act.payload["edits"]:
        item_id = item_of.get(entry[0])
        if item_id is not None and _pairs(now[item_id]) == entry[old]:
            then[item_id] = {pk: ticked for pk, ticked in entry[new] if pk in live}
    _write(then)
    return len(act.payload["edits"]) - len(then)


def _put_back(act: Act) -> int:
    removed = act.payload["removed"]
    batch = _batch_of(act)
    put_back(act, state=Image.State.STAGED)
    image = Image.objects.kept().filter(pk=removed["image"]).first()
    if image is None:
        return 1
    item, _ = BatchItem.objects.get_or_create(
        batch=batch, image=image, defaults={"position": removed["position"]}
    )
    _write({item.pk: dict(removed["edits"])})
    return 0
