"""What images carry, as plain values: read in chunks, compared, written with their history.

Every change of an image's labels goes through `write_states`: it alone keeps `ImageLabel`,
`LabelChange`, `Image.is_labeled` and `Image.default_label` in step, with exactly one default label
on a labeled image, and takes back that a label is absent where it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from django.db.models import Exists, OuterRef, Subquery

from projects.models import AbsentLabel, Act, Image, ImageLabel, LabelChange
from projects.services.rows import insert_rows

CHUNK = 900
"""Ids a query: SQLite builds exist that allow 999 variables."""


@dataclass(frozen=True, slots=True)
class LabelState:
    """One label of one image, as it stands in `LabelChange.before` and `after`."""

    source: str
    labeled_by: int | None
    labeled_at: str
    score: float | None
    is_default: bool

    def same_giving(self, other: LabelState) -> bool:
        """Whether both are the same act of giving, wherever the star is by now."""
        return replace(self, is_default=False) == replace(other, is_default=False)


class Change(NamedTuple):
    """What becomes of one label of one image."""

    image_id: int
    label_id: int
    before: LabelState | None
    after: LabelState | None


States: TypeAlias = dict[int, LabelState]
"""The labels of one image: label id to state, oldest first."""


def chunked(ids: Iterable[int]) -> Iterator[list[int]]:
    """Cut ids into lists short enough for one query."""
    chunk: list[int] = []
    for each in ids:
        chunk.append(each)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def from_json(value: dict[str, Any] | None) -> LabelState | None:
    """Return the state a `LabelChange` wrote down, or None where there was none."""
    return LabelState(**value) if value is not None else None


@lru_cache(maxsize=1_000)
def to_json(state: LabelState | None) -> str | None:
    """Return what a `LabelChange` writes down. One act mostly gives the same thousands of times."""
    if state is None:
        return None
    return json.dumps({name: getattr(state, name) for name in LabelState.__slots__})


def read_states(project_id: int, image_ids: Sequence[int]) -> dict[int, States]:
    """Return what these images carry; ids that are not of the project are left out.

    At most `CHUNK` ids. Two queries.
    """
    images = Image.objects.filter(project=project_id, pk__in=image_ids)
    found: dict[int, States] = {pk: {} for pk in images.values_list("pk", flat=True)}
    rows = ImageLabel.objects.filter(image__in=image_ids).order_by("labeled_at", "pk")
    for image_id, label_id, source, by, at, score, is_default in rows.values_list(
        "image", "label", "source", "labeled_by", "labeled_at", "score", "is_default"
    ):
        if image_id in found:
            found[image_id][label_id] = LabelState(source, by, at.isoformat(), score, is_default)
    return found


def read_all_states(project_id: int, image_ids: Iterable[int]) -> dict[int, States]:
    """Return what `read_states` does, of any number of images."""
    states: dict[int, States] = {}
    for chunk in chunked(image_ids):
        states |= read_states(project_id, chunk)
    return states


def with_one_default(states: States, *, prefer: Iterable[int] = ()) -> States:
    """Return the states with exactly one default label: a preferred one, else the oldest.

    A single default stays what it is.
    """
    defaults = [label_id for label_id, state in states.items() if state.is_default]
    if not states or len(defaults) == 1:
        return states
    candidates = [label_id for label_id in prefer if label_id in (defaults or states)]
    chosen = (candidates or defaults or list(states))[0]
    return {
        label_id: replace(state, is_default=label_id == chosen)
        for label_id, state in states.items()
    }


def write_states(act: Act, before: Mapping[int, States], after: Mapping[int, States]) -> int:
    """Make the images carry `after` instead of `before`, write the history, count the changed.

    Both map the same image ids, at most `CHUNK`; `before` is what `read_states` just returned. The
    caller holds the project's lock.
    """
    changes = list(_differences(before, after))
    if not changes:
        return 0
    changed = {change.image_id for change in changes}
    _replace_rows(changes)
    insert_rows(
        LabelChange,
        "act_id image_id label_id before after",
        [(act.pk, *each[:2], to_json(each.before), to_json(each.after)) for each in changes],
    )
    _take_back_absences(act, changes)
    _star(changed, before, after)
    return len(changed)


def _star(
    changed: Iterable[int], before: Mapping[int, States], after: Mapping[int, States]
) -> None:
    """Write the default labels to the images themselves, which are sorted by them. One query."""
    moved = [pk for pk in changed if _default(after[pk]) != _default(before[pk])]
    if moved:
        starred = ImageLabel.objects.filter(image=OuterRef("pk"), is_default=True)
        Image.objects.filter(pk__in=moved).update(
            is_labeled=Exists(starred), default_label=Subquery(starred.values("label")[:1])
        )


def _default(states: States) -> int | None:
    return next((label_id for label_id, state in states.items() if state.is_default), None)


def _differences(before: Mapping[int, States], after: Mapping[int, States]) -> Iterator[Change]:
    for image_id, new in after.items():
        old = before[image_id]
        for label_id in {**old, **new}:
            was, becomes = old.get(label_id), new.get(label_id)
            if was != becomes:
                yield Change(image_id, label_id, was, becomes)


def _replace_rows(changes: Sequence[Change]) -> None:
    """Delete and insert instead of updating, or the star would stand twice for a moment."""
    had = _images_by_label(change for change in changes if change.before is not None)
    for label_id, image_ids in had.items():
        for chunk in chunked(image_ids):
            ImageLabel.objects.filter(label=label_id, image__in=chunk).delete()
    insert_rows(
        ImageLabel,
        "image_id label_id source labeled_by_id labeled_at score is_default",
        [_row(change, change.after) for change in changes if change.after is not None],
    )


def _row(change: Change, state: LabelState) -> tuple[Any, ...]:
    at = datetime.fromisoformat(state.labeled_at)
    return (
        *(change.image_id, change.label_id, state.source, state.labeled_by),
        *(at, state.score, state.is_default),
    )


def _images_by_label(changes: Iterable[Change]) -> dict[int, list[int]]:
    by_label: dict[int, list[int]] = {}
    for change in changes:
        by_label.setdefault(change.label_id, []).append(change.image_id)
    return by_label


def _take_back_absences(act: Act, changes: Sequence[Change]) -> None:
    given = _images_by_label(change for change in changes if change.before is None)
    for label_id, image_ids in given.items():
        for chunk in chunked(image_ids):
            said = AbsentLabel.objects.in_effect().filter(label=label_id, image__in=chunk)
            said.update(taken_by=act)
