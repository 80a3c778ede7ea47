"""The project's list of labels: add, rename, recolor, keys, order, merge, delete. One act each."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from projects.errors import Conflict, Refusal
from projects.models import Act, ImageLabel, Label, Project
from projects.models.labels import COLORS, name_key
from projects.services.absences import keep_where_all_are_absent
from projects.services.acts import begin_act, count, summarize
from projects.services.label_states import (
    States,
    chunked,
    read_states,
    with_one_default,
    write_states,
)
from projects.services.moved_edits import move_edits

MAX_NAME = 100
MAX_KEY = 200
"""Of `Label.name_key`: one sign may stand for eighteen."""
MAX_LABELS = 5_000
"""More classes than any set people label by eye, few enough for a list in a page."""
KEYS = "123456789"


def clean_name(name: str) -> str:
    """Return a label's name as it is stored, or refuse it with a sentence."""
    cleaned = " ".join(unicodedata.normalize("NFC", str(name)).split())
    if not cleaned:
        raise Refusal("A label needs a name.", code="label_name")
    if len(cleaned) > MAX_NAME:
        raise Refusal(
            f"A label's name has at most {MAX_NAME} characters; this one has {len(cleaned)}.",
            code="label_name",
        )
    if len(name_key(cleaned)) > MAX_KEY:
        raise Refusal("This label's name is too long when it is spelled out.", code="label_name")
    if "|" in cleaned or any(unicodedata.category(sign) == "Cc" for sign in cleaned):
        raise Refusal(
            "A label's name cannot contain | (it separates labels in downloads) or control "
            "characters.",
            code="label_name",
        )
    return cleaned


def get_or_create_labels(
    project: Project,
    user: AbstractBaseUser,  # noqa: ARG001 - asked for so that callers say who, as everywhere
    names: Iterable[str],
) -> list[Label]:
    """Return the labels of these names, without doubles; those that are missing are made.

    Names are the same whatever their case and Unicode form. New labels get the next free color and
    key. It is no act of its own: what they are made for is.

    Raises:
        Refusal: a name is empty, too long or has a sign it must not have; too many labels.
    """
    wanted = {name_key(cleaned): cleaned for cleaned in map(clean_name, names)}
    found = _live_by_key(project)
    if wanted.keys() <= found.keys():
        return [found[key] for key in wanted]
    with transaction.atomic():
        project.raise_revision()
        found = _live_by_key(project)
        for key, name in wanted.items():
            if key not in found:
                found[key] = _new_label(project, name, list(found.values()))
    return [found[key] for key in wanted]


def _live_by_key(project: Project) -> dict[str, Label]:
    return {label.name_key: label for label in Label.objects.live().filter(project=project)}


def _new_label(project: Project, name: str, others: Sequence[Label]) -> Label:
    if len(others) >= MAX_LABELS:
        raise Refusal(f"A project has at most {MAX_LABELS:,} labels.", code="too_many_labels")
    used = Counter(label.color for label in others)
    taken = {label.key for label in others}
    return Label.objects.create(
        project=project,
        name=name,
        color=min(COLORS, key=lambda color: used[color]),
        key=next((key for key in KEYS if key not in taken), ""),
        position=max((label.position for label in others), default=-1) + 1,
    )


def add_label(project: Project, user: AbstractBaseUser, name: str) -> tuple[Act, Label]:
    """Add a label to the list.

    Raises:
        Conflict: there is one of that name, whatever its case.
    """
    cleaned = clean_name(name)
    with transaction.atomic():
        act = begin_act(
            project, user, kind=Act.Kind.ADD_LABEL, summary=f"Added the label {cleaned}"
        )
        others = _live_by_key(project)
        refuse_taken_name(project, cleaned)
        label = _new_label(project, cleaned, list(others.values()))
        act.payload = {"label": label.pk}
        act.save(update_fields=["payload"])
    return act, label


def refuse_taken_name(project: Project, name: str, *, but: Label | None = None) -> None:
    """Raise `Conflict` if another live label has that name, whatever its case."""
    other = Label.objects.live().filter(project=project, name_key=name_key(name))
    taken = (other.exclude(pk=but.pk) if but else other).first()
    if taken:
        raise Conflict(
            f"There is a label {taken.name} already; to have one of both, merge them.",
            code="label_exists",
        )


def rename_label(project: Project, user: AbstractBaseUser, label: Label, name: str) -> Act | None:
    """Rename a label; None if that is its name."""
    cleaned = clean_name(name)
    summary = f"Renamed {label.name} to {cleaned}"
    with transaction.atomic():
        project.raise_revision()
        refuse_taken_name(project, cleaned, but=label)
        return _edit(project, user, {label: {"name": cleaned}}, summary)


def recolor(project: Project, user: AbstractBaseUser, label: Label, color: str) -> Act | None:
    """Give a label another color, `#rrggbb`."""
    color = color.lower()
    if len(color) != 7 or color[0] != "#" or set(color[1:]) - set("0123456789abcdef"):
        raise Refusal("A color is written like #0090ff.", code="label_color")
    with transaction.atomic():
        return _edit(project, user, {label: {"color": color}}, f"Changed the color of {label.name}")


def set_key(project: Project, user: AbstractBaseUser, label: Label, key: str) -> Act | None:
    """Give a label a key from 1 to 9, taking it from whoever had it; an empty one takes it away."""
    if key and key not in KEYS:
        raise Refusal("A label's key is one of 1 to 9.", code="label_key")
    with transaction.atomic():
        project.raise_revision()
        edits: dict[Label, dict[str, Any]] = {}
        if key:
            having = Label.objects.live().filter(project=project, key=key).exclude(pk=label.pk)
            edits.update({other: {"key": ""} for other in having})
        edits[label] = {"key": key}
        text = f"Gave {label.name} the key {key}" if key else f"Took the key of {label.name}"
        return _edit(project, user, edits, text)


def reorder(project: Project, user: AbstractBaseUser, label_ids: Sequence[int]) -> Act | None:
    """Put the labels in this order; those not named follow in the order they had."""
    with transaction.atomic():
        project.raise_revision()
        labels = list(Label.objects.live().filter(project=project))
        rank = {pk: index for index, pk in enumerate(label_ids)}
        labels.sort(key=lambda label: (rank.get(label.pk, len(rank)), label.position, label.pk))
        edits = {label: {"position": index} for index, label in enumerate(labels)}
        return _edit(project, user, edits, "Changed the order of the labels")


def _edit(
    project: Project,
    user: AbstractBaseUser,
    edits: Mapping[Label, Mapping[str, Any]],
    summary: str,
) -> Act | None:
    """Change fields of labels, in the order given, as one act; None when nothing changes."""
    payload: list[dict[str, Any]] = []
    for label, fields in edits.items():
        before = {field: getattr(label, field) for field in fields}
        if before != dict(fields):
            payload.append({"label": label.pk, "before": before, "after": dict(fields)})
    if not payload:
        return None
    act = begin_act(
        project, user, kind=Act.Kind.EDIT_LABEL, summary=summary, payload={"edits": payload}
    )
    for label, fields in edits.items():
        for field, value in fields.items():
            setattr(label, field, value)
        label.save()
    return act


def merge_labels(
    project: Project, user: AbstractBaseUser, labels: Sequence[Label], into: Label
) -> Act:
    """Give every image of `labels` the label `into` instead, and delete `labels`.

    The label keeps who gave it, when and from what source. A starred label stays starred as `into`.
    Ticks in open reviews follow.
    """
    gone = [label for label in labels if label.pk != into.pk]
    if not gone:
        raise Refusal("A label cannot be merged into itself.", code="label_merge")
    names = ", ".join(label.name for label in gone)
    with transaction.atomic():
        act = begin_act(
            project,
            user,
            kind=Act.Kind.MERGE_LABEL,
            summary=f"Merged {names} into {into.name}",
            payload={"deleted": [label.pk for label in gone], "into": into.pk},
        )
        changed = take_from_all_images(act, gone, instead=into)
        keep_where_all_are_absent(act, gone, into)
        move_edits(act, [label.pk for label in gone], into)
        _hide(gone)
        summarize(act, f"Merged {names} into {into.name} ({count(changed, 'image')})")
    return act


def delete_label(project: Project, user: AbstractBaseUser, label: Label) -> Act:
    """Delete a label and take it from every image."""
    with transaction.atomic():
        act = begin_act(
            project,
            user,
            kind=Act.Kind.DELETE_LABEL,
            summary=f"Deleted the label {label.name}",
            payload={"deleted": [label.pk]},
        )
        changed = take_from_all_images(act, [label])
        _hide([label])
        lost = f"; {count(changed, 'image')} lost it" if changed else ""
        summarize(act, f"Deleted the label {label.name}{lost}")
    return act


def take_from_all_images(act: Act, labels: Sequence[Label], instead: Label | None = None) -> int:
    """Take labels from every image that carries them, as part of an act; count the images."""
    gone = {label.pk for label in labels}
    carrying = ImageLabel.objects.filter(label__in=gone).order_by("image").distinct()
    changed = 0
    for chunk in chunked(list(carrying.values_list("image", flat=True))):
        before = read_states(act.project_id, chunk)
        after = {pk: _without(states, gone, instead) for pk, states in before.items()}
        changed += write_states(act, before, after)
    return changed


def _without(states: States, gone: set[int], instead: Label | None) -> States:
    left = {pk: state for pk, state in states.items() if pk not in gone}
    taken = [state for pk, state in states.items() if pk in gone]
    if instead and taken:
        starred = any(state.is_default for state in taken)
        heir = left.get(instead.pk) or taken[0]
        left[instead.pk] = replace(heir, is_default=heir.is_default or starred)
    return with_one_default(left)


def _hide(labels: Sequence[Label]) -> None:
    now = timezone.now()
    Label.objects.filter(pk__in=[label.pk for label in labels]).update(deleted_at=now)
