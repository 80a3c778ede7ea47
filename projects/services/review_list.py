"""The rows of a review as the page shows them: in which order, which of them, and their sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from projects.models import Label

from .review_rows import Row, RowState

SORTS = {
    "uploaded": "As uploaded",
    "uncertain": "Least certain first",
    "label": "Suggested label",
    "name": "Name",
}
FILTERS = {
    "all": "All rows",
    "unticked": "No tick",
    "edited": "Edited",
    "failed": "Not readable",
}


def arrange(rows: Sequence[Row], *, sort: str, show: str) -> list[Row]:
    """Return the rows that a filter shows, in the order of a sort; equal ones as uploaded.

    Least certain is where the best score is least ahead of the second; rows in which nothing is
    suggested come first. By suggested label follows the list of labels, the most certain row first,
    and ends with rows that have none.
    """
    shown = [row for row in rows if _is_shown(row, show)]
    if sort == "uncertain":
        shown.sort(key=lambda row: row.certainty)
    elif sort == "label":
        shown.sort(key=_label_order)
    elif sort == "name":
        shown.sort(key=lambda row: row.image.name.casefold())
    return shown


def _is_shown(row: Row, show: str) -> bool:
    if show == "unticked":
        return not row.ticked
    if show == "edited":
        return row.edited
    if show == "failed":
        return row.state == RowState.FAILED
    return True


def _label_order(row: Row) -> tuple[bool, int, int, float]:
    if row.top is None:
        return True, 0, 0, 0.0
    label = row.top.label
    return False, label.position, label.pk, -(row.top.score or 0.0)


@dataclass(frozen=True)
class Group:
    """A suggested label and how many rows accepting it would pin."""

    label: Label
    rows: int


@dataclass(frozen=True)
class Summary:
    """What the rows of a batch add up to."""

    rows: int
    ticked: int
    edited: int
    waiting: int
    failed: int
    alone: int
    groups: tuple[Group, ...]
    expected_wrong: float | None
    """How many of the rows ticked by suggestion alone are wrong; None where nobody can say yet."""


def summarize_rows(rows: Sequence[Row]) -> Summary:
    states = Counter(row.state for row in rows)
    tops = [row.top.label for row in rows if row.top and not row.edited]
    counted = Counter(label.pk for label in tops)
    labels = {label.pk: label for label in tops}
    groups = [Group(labels[pk], number) for pk, number in counted.items()]
    return Summary(
        rows=len(rows),
        ticked=sum(bool(row.ticked) for row in rows),
        edited=sum(row.edited for row in rows),
        waiting=states[RowState.WAITING],
        failed=states[RowState.FAILED],
        alone=states[RowState.ALONE],
        groups=tuple(sorted(groups, key=lambda g: (g.label.position, g.label.pk))),
        expected_wrong=_expected_wrong(rows),
    )


def _expected_wrong(rows: Sequence[Row]) -> float | None:
    doubts = [
        1.0 - row.probability
        for row in rows
        if row.ticked_by_suggestion and row.probability is not None
    ]
    return sum(doubts) if doubts else None
