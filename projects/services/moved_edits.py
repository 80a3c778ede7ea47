"""Ticks under review follow their label when it is merged into another, and come back on undo."""

from __future__ import annotations

from collections.abc import Collection

from projects.models import Act, Batch, BatchEdit, Label


def move_edits(act: Act, gone: Collection[int], into: Label) -> None:
    """Turn what people decided about merged labels into decisions about `into`.

    A row on which somebody decided about `into` itself keeps that decision. What was moved is
    written into the act's payload; saving the act is left to the caller.
    """
    mine = BatchEdit.objects.filter(item__batch__state=Batch.State.OPEN)
    decided = set(mine.filter(label=into).values_list("item", flat=True))
    moved = {}
    # A set tick goes before a removed one: the image carries one of the labels that are now one.
    for edit in mine.filter(label__in=gone).order_by("-ticked", "id"):
        if edit.item_id not in decided:
            decided.add(edit.item_id)
            moved[edit.pk] = edit.label_id
    BatchEdit.objects.filter(pk__in=moved).update(label=into)
    act.payload["moved_edits"] = [[pk, label] for pk, label in moved.items()]


def move_edits_back(act: Act) -> None:
    """Give the moved decisions their own labels again, but for those changed since."""
    for pk, label in act.payload.get("moved_edits", []):
        BatchEdit.objects.filter(pk=pk, label=act.payload["into"]).update(label=label)
