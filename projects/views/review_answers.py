"""Rows of a review as HTML, and the answer that every act of a review gets."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from ..access import person, project_for
from ..errors import Refusal
from ..models import Act, Batch, Image, Label, Project, Role
from ..services import undo as undo_service
from ..services.evidence import PLACES
from ..services.opinions import reason_of
from ..services.review_list import summarize_rows
from ..services.review_rows import Like, Neighbour, Row, SuggestedLabel
from ..services.selection import one_variable
from ..services.suggestions import suggest
from ..services.thresholds import Chosen
from .answers import body_of

MOST_OFFERED = 5
"""Suggestions a row shows; ticked and edited ones always, the others by the picker."""
LEAST_OFFERED = 1.0
"""Percent. Nobody ticks what scores less; the best one is shown whatever it scores."""
MOST_NEIGHBOURS = PLACES
"""Places a strip has before it is asked for all: 100 rows of 100 pictures choke a browser. Where
there are more neighbours, the last place is the button that asks."""


def batch_for(request: HttpRequest, pk: int, batch_pk: int) -> Batch:
    """Return the batch if the person may review it; somebody else's is 404."""
    project = project_for(request, pk, needs=Role.LABELER)
    batches = Batch.objects.filter(project=project).select_related("project")
    return get_object_or_404(batches, pk=batch_pk)


class ShownNeighbour(NamedTuple):
    """A neighbour with what the page says of it, in texts."""

    base: str
    image_id: str
    name: str
    percent: str
    labels: str
    """Ids, with commas."""
    chips: SafeString
    like: bool = False
    """Whether it stands in for a label."""

    @property
    def html(self) -> SafeString:
        return _drawn_neighbour(self)


@lru_cache(maxsize=8_192)
def _drawn_neighbour(hit: ShownNeighbour) -> SafeString:
    """Draw a neighbour once: a moved k shows nearly the same ones again. At most 8 MB.

    Drawing them anew took half of the answer to a k moved on 100 rows: 100 ms of 200.
    """
    return render_to_string("projects/_hit.html", {"hit": hit})


class ShownLikes(NamedTuple):
    """Neighbours that stand in the strip for the best label, or for the runner-up."""

    label: str
    second: bool
    neighbours: list[ShownNeighbour]

    @property
    def strip(self) -> SafeString:
        return _strip_of(self.neighbours)


@dataclass(frozen=True)
class ShownRow:
    """A row cut to what is drawn of it. Without neighbours the page keeps the strip it has."""

    row: Row
    version: str
    sure: int | None
    """Percent, see `Row.probability`."""
    offered: Sequence[SuggestedLabel]
    has_strip: bool
    neighbours: Sequence[ShownNeighbour]
    more_neighbours: int
    likes: Sequence[ShownLikes]

    @property
    def strip(self) -> SafeString:
        return _strip_of(self.neighbours)


def _strip_of(neighbours: Sequence[ShownNeighbour]) -> SafeString:
    # Joined here: a loop in a template took as long as all the rest of the row.
    return mark_safe("".join(f"<li>{hit.html}</li>" for hit in neighbours))  # noqa: S308


def shown_rows(
    rows: Sequence[Row], known: Mapping[int, str] | None = None, *, all_neighbours: bool = False
) -> list[ShownRow]:
    """Return what is drawn of rows that differ from the versions a page has; one query.

    A control moved by one changes the ticks of many rows and the neighbours of none: what the page
    has of a row is not drawn again.
    """
    known = known or {}
    versions = {row.item.pk: version_of(row) for row in rows}
    changed = [row for row in rows if known.get(row.item.pk) != str(versions[row.item.pk])]
    strips = {
        row.item.pk: row.neighbours if all_neighbours else first_neighbours(row)
        for row in changed
        if versions[row.item.pk].strip != known.get(row.item.pk, "")[-8:]
    }
    likes = {
        row.item.pk: _likes(row, strips[row.item.pk]) for row in changed if row.item.pk in strips
    }
    drawer = _StripDrawer(
        _base_of(rows),
        [*strips.values(), *([like.neighbour for like in each] for each in likes.values())],
    )
    return [
        ShownRow(
            row=row,
            version=str(versions[row.item.pk]),
            sure=_percent(row),
            offered=offered_labels(row),
            has_strip=row.item.pk in strips,
            neighbours=[drawer.shown(hit) for hit in strips.get(row.item.pk, ())],
            more_neighbours=0
            if all_neighbours
            else len(row.neighbours) - len(first_neighbours(row)),
            likes=drawer.likes(likes.get(row.item.pk, [])),
        )
        for row in changed
    ]


def _base_of(rows: Sequence[Row]) -> str:
    return reverse("project", args=[rows[0].image.project_id]) if rows else ""


def first_neighbours(row: Row) -> Sequence[Neighbour]:
    """Return as many neighbours as the strip has places for."""
    hits = row.neighbours
    return hits if len(hits) <= MOST_NEIGHBOURS else hits[: MOST_NEIGHBOURS - 1]


def _likes(row: Row, strip: Sequence[Neighbour]) -> list[Like]:
    """Return what stands in for the best two labels and is not in the strip anyway."""
    there = {hit.image_id for hit in strip}
    return [like for like in row.likes if like.neighbour.image_id not in there]


class _StripDrawer:
    """Names of the neighbours, and the chips of each set of labels drawn once."""

    def __init__(self, base: str, strips: Iterable[Sequence[Neighbour]]) -> None:
        self.base = base
        ids = {hit.image_id for strip in strips for hit in strip}
        images = Image.objects.filter(pk__in=one_variable(list(ids)))
        self.names = dict(images.values_list("pk", "name"))
        self.chips: dict[tuple[int, ...], SafeString] = {}

    def shown(self, hit: Neighbour, *, like: bool = False) -> ShownNeighbour:
        ids = tuple(label.pk for label in hit.labels)
        if ids not in self.chips:
            context = {"labels": hit.labels}
            self.chips[ids] = render_to_string("projects/_hit_labels.html", context)
        return ShownNeighbour(
            base=self.base,
            image_id=str(hit.image_id),
            name=self.names.get(hit.image_id, ""),
            percent=str(round(hit.similarity * 100)),
            labels=",".join(map(str, ids)),
            chips=self.chips[ids],
            like=like,
        )

    def likes(self, likes: Sequence[Like]) -> list[ShownLikes]:
        return [
            ShownLikes(name, second, [self.shown(like.neighbour, like=True) for like in each])
            for (name, second), each in groupby(likes, lambda e: (e.label.name, e.second))
        ]


def offered_labels(row: Row) -> list[SuggestedLabel]:
    """Return the labels a row shows: the best, and every one that is ticked or was edited."""
    return [
        label
        for at, label in enumerate(row.labels)
        if label.ticked or label.edited or at == 0 or (at < MOST_OFFERED and _counts(label))
    ]


def _counts(label: SuggestedLabel) -> bool:
    return label.score is not None and label.score >= LEAST_OFFERED


class Version(NamedTuple):
    """Short texts that differ wherever a row or its strip would be drawn otherwise."""

    decision: str
    strip: str

    def __str__(self) -> str:
        return f"{self.decision}-{self.strip}"


def version_of(row: Row) -> Version:
    labels = [(e.label.pk, e.label.name, e.label.color, *e[1:4], e.threshold) for e in row.labels]
    present = [(label.name, label.color) for label in row.present]
    image = (row.image.failure_reason, row.image.name, bool(row.image.lease_until))
    likes = [(_drawn(like.neighbour), like.label.name, like.second) for like in row.likes]
    # Those beyond the strip's places are only counted there.
    strip = ([_drawn(hit) for hit in first_neighbours(row)], len(row.neighbours), likes)
    return Version(_short((row.state, image, labels, present, _percent(row))), _short(strip))


def _drawn(hit: Neighbour) -> tuple[int, float, list[tuple[str, str]]]:
    return hit.image_id, hit.similarity, [(label.name, label.color) for label in hit.labels]


def _percent(row: Row) -> int | None:
    """How sure the best label is, as it is shown: never 0 or 100, which nobody can know."""
    return None if row.probability is None else min(99, max(1, round(100 * row.probability)))


def _short(drawn: object) -> str:
    return f"{zlib.crc32(repr(drawn).encode()):08x}"


def rows_html(project: Project, rows: Iterable[ShownRow]) -> dict[int, str]:
    """Draw rows, by the id of their item."""
    context = {"base": reverse("project", args=[project.pk])}
    return {
        shown.row.item.pk: render_to_string("projects/_row.html", context | {"shown": shown})
        for shown in rows
    }


def summary_json(request: HttpRequest, batch: Batch, rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything of the page around the rows."""
    summary = summarize_rows(rows)
    undo = undo_service.next_undo(batch.project, person(request), batch=batch)
    redo = undo_service.next_redo(batch.project, person(request), batch=batch)
    return {
        "rows": summary.rows,
        "ticked": summary.ticked,
        "edited": summary.edited,
        "waiting": summary.waiting,
        "failed": summary.failed,
        "expected_wrong": summary.expected_wrong,
        "alone": summary.alone,
        "problem": batch.project.encoder_problem,
        "uploading": batch.uploads.filter(finished_at=None).exists(),
        "groups": [
            {
                "label": group.label.pk,
                "name": group.label.name,
                "color": group.label.color,
                "rows": group.rows,
            }
            for group in summary.groups
        ],
        "undo": undo.summary if undo else "",
        "redo": redo.summary if redo else "",
    }


def controls_json(batch: Batch) -> dict[str, Any]:
    """Return the controls, and what the thresholds of the labels are and were chosen from."""
    chosen = Chosen.of(batch) if batch.per_label else None
    return {
        "k": batch.k,
        "threshold": batch.threshold,
        "top_only": batch.top_only,
        "per_label": batch.per_label,
        "method": batch.method,
        "reason": reason_of(batch),
        "chosen": chosen and chosen.as_json(),
    }


def labels_json(project: Project) -> list[dict[str, Any]]:
    """Return the labels a person may choose from."""
    labels = Label.objects.live().filter(project=project)
    return [{"id": e.pk, "name": e.name, "color": e.color, "key": e.key} for e in labels]


def answer(
    request: HttpRequest,
    batch: Batch,
    *,
    act: Act | None = None,
    rows: Sequence[Row] | None = None,
    near: Collection[int] | None = None,
    **extra: Any,
) -> JsonResponse:
    """Answer with the rows that are drawn differently than the page has them, and the summary.

    The page names its rows with their versions in `known`; the others are not drawn. `rows` are
    given where they were voted on already. With `near` only those are drawn, and the ids of others
    that changed are told as `stale`: the page asks for them when they come into view.
    """
    known = known_rows(body_of(request))
    rows = suggest(batch) if rows is None else rows
    by_id = {row.item.pk: row for row in rows}
    asked = [row for pk, row in by_id.items() if pk in known]
    far = [] if near is None else [row for row in asked if row.item.pk not in near]
    if far:
        asked = [row for row in asked if near is None or row.item.pk in near]
    return JsonResponse(
        {
            "html": rows_html(batch.project, shown_rows(asked, known)),
            "stale": [r.item.pk for r in far if known[r.item.pk] != str(version_of(r))],
            "gone": [pk for pk in known if pk not in by_id],
            "summary": summary_json(request, batch, rows),
            "labels": labels_json(batch.project),
            "controls": controls_json(batch),
            "ids": list(by_id),
            "said": act.summary if act else "",
            **extra,
        }
    )


def known_rows(body: Mapping[str, Any]) -> dict[int, str]:
    """Return `known` of a request: item id to the version the page has."""
    known = body.get("known", {})
    if not isinstance(known, dict):
        raise Refusal("“known” must be an object of rows and versions.", code="bad_request")
    return {number(pk, "known"): str(version) for pk, version in known.items()}


def number(value: Any, name: str) -> int:
    """Return a whole number that a request sent as number or text."""
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refusal(f"“{name}” must be a whole number.", code="bad_request")
    return int(text)


def label_of(project: Project, value: Any) -> Label:
    return get_object_or_404(Label.objects.live(), project=project, pk=number(value, "label"))
