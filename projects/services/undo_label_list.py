"""Undo and redo of what happens to the list of labels itself; see `services.undo`."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from projects.errors import Conflict
from projects.models import Act, ImageLabel, Label
from projects.models.labels import name_key
from projects.services.absences import keep_where_all_are_absent
from projects.services.label_list import take_from_all_images
from projects.services.moved_edits import move_edits, move_edits_back


def hide_created(act: Act, _record: Act) -> int:
    """Remove labels that were made on the way from the list again, unless they are in use."""
    _hide_unused(act.payload.get("created", []))
    return 0


def revive_created(act: Act, _record: Act) -> int:
    _revive(act.payload.get("created", []))
    return 0


def hide_added(act: Act, _record: Act) -> int:
    """Undo of adding a label.

    Raises:
        Conflict: images carry it by now.
    """
    if not _hide_unused([act.payload["label"]]):
        raise Conflict(
            "Images carry this label by now; delete it in the list of labels if it should go.",
            code="label_in_use",
        )
    return 0


def revive_added(act: Act, _record: Act) -> int:
    _revive([act.payload["label"]])
    return 0


def revive_deleted(act: Act, _record: Act) -> int:
    """First half of undoing a merge or a deletion: only a live label can be given back."""
    _revive(act.payload["deleted"])
    move_edits_back(act)
    return 0


def delete_again(act: Act, record: Act) -> int:
    """Second half of redoing one: whoever was given the label meanwhile loses it too."""
    labels = list(Label.objects.filter(pk__in=act.payload["deleted"]))
    into = Label.objects.live().filter(pk=act.payload.get("into")).first()
    if "into" in act.payload and into is None:
        raise Conflict("The label they were merged into was deleted.", code="label_deleted")
    take_from_all_images(record, labels, instead=into)
    if into:
        keep_where_all_are_absent(record, labels, into)
        move_edits(act, act.payload["deleted"], into)
        act.save(update_fields=["payload"])
    _hide(Label.objects.filter(pk__in=act.payload["deleted"]))
    return 0


def unedit(act: Act, _record: Act) -> int:
    """Set the fields back that are still as the act left them."""
    _apply_edits(reversed(act.payload["edits"]), old="after", new="before")
    return 0


def redo_edit(act: Act, _record: Act) -> int:
    _apply_edits(act.payload["edits"], old="before", new="after")
    return 0


def _apply_edits(edits: Any, *, old: str, new: str) -> None:
    for edit in edits:
        label = Label.objects.live().filter(pk=edit["label"]).first()
        if label is None:
            continue
        for field, value in edit[new].items():
            if getattr(label, field) == edit[old][field]:
                setattr(label, field, value)
        _refuse_doubles(label)
        label.save()


def _refuse_doubles(label: Label) -> None:
    others = Label.objects.live().filter(project=label.project_id).exclude(pk=label.pk)
    if others.filter(name_key=name_key(label.name)).exists():
        raise Conflict(
            f"Another label is named {label.name} by now; rename it first.", code="label_exists"
        )
    if label.key and others.filter(key=label.key).exists():
        label.key = ""


def _revive(pks: list[int]) -> None:
    for label in Label.objects.filter(pk__in=pks, deleted_at__isnull=False):
        label.deleted_at = None
        _refuse_doubles(label)
        label.save()


def _hide_unused(pks: list[int]) -> bool:
    """Hide those of the labels that no image carries; return whether all are hidden now."""
    used = ImageLabel.objects.filter(label__in=pks).values("label")
    _hide(Label.objects.filter(pk__in=pks).exclude(pk__in=used))
    return not Label.objects.live().filter(pk__in=pks).exists()


def _hide(labels: QuerySet[Label]) -> None:
    labels.update(deleted_at=timezone.now())
