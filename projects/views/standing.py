"""The page of a project's progress: what is labeled, how right it is, and whether to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from ..access import may, person, project_for
from ..forms import StandingForm
from ..models import Project, Role
from ..services import standing as service
from ..services.outlook import LEVELS, Outlook, is_kept, outlook
from ..services.standing import Standing
from ..services.stopping import verdict
from .batch_chart import chart_of

_KEY = "allowed_errors"
_BAR = 1000
"""Width of the stacked bar in its own units."""


@require_GET
def standing(request: HttpRequest, pk: int) -> HttpResponse:
    """The page. It asks for the forecasts itself where they are not known yet."""
    project = project_for(request, pk)
    form = StandingForm(request.GET).valid()
    context = _context(request, project, form, compare=form.cleaned_data["wait"])
    return render(request, "projects/standing.html", context)


@require_GET
def part(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything below the heading, forecasts included: slow in a project of 100,000 images."""
    project = project_for(request, pk)
    form = StandingForm(request.GET).valid()
    return render(
        request, "projects/_standing.html", _context(request, project, form, compare=True)
    )


def _context(
    request: HttpRequest, project: Project, form: StandingForm, *, compare: bool
) -> dict[str, Any]:
    compare = compare or is_kept(project)
    found = outlook(project) if compare else None
    counts = service.standing_of(project)
    percent = _allowed(request, project, form)
    # Something was labeled between the two readings: the numbers would not agree, so ask again.
    has_moved = found is not None and len(found) > counts.ready
    is_known = (compare or not (counts.labeled and counts.ready)) and not has_moved
    shown = found if is_known else None
    held = service.held_of(project)
    accepted, shares = service.accepted_of(project), service.batch_shares(project)
    return {
        "project": project,
        "base": reverse("project", args=[project.pk]),
        "can_label": may(person(request), project, Role.LABELER),
        "counts": counts,
        "outlook": shown,
        "is_known": is_known,
        "segments": segments_of(counts, shown),
        "levels": [(level, shown.at_least(level)) for level in LEVELS] if shown else [],
        "percent": percent,
        "choices": form.ALLOWED,
        "verdict": verdict(project, counts, shown, held, percent=percent) if is_known else None,
        "accepted": accepted,
        "error": service.overall_error(counts, accepted),
        "shares": shares,
        "recently": service.recently_right(shares),
        "chart": chart_of(shares),
    }


@dataclass(frozen=True)
class Segment:
    """A part of the stacked bar; `start` and `width` in its own units, 1,000 in all."""

    name: str
    words: str
    number: int
    percent: float
    start: float
    width: float


def segments_of(counts: Standing, found: Outlook | None) -> list[Segment]:
    """Return every image of the dataset once, in the order of the bar; empty parts are left out."""
    parts = [
        ("hand", "Labeled by hand", counts.by_hand),
        ("imported", "Labeled by import or API", counts.imported),
        ("reviewed", "Accepted after review", counts.reviewed),
        ("unseen", "Accepted unseen", counts.unseen),
        *_parts_of_ready(counts, found),
        ("waiting", "Left: still being prepared", counts.waiting),
        ("failed", "Left: could not be read", counts.failed),
    ]
    segments, start = [], 0.0
    for name, words, number in parts:
        if number:
            share = number / counts.images
            segments.append(Segment(name, words, number, 100 * share, start, _BAR * share))
            start += _BAR * share
    return segments


def _parts_of_ready(counts: Standing, found: Outlook | None) -> list[tuple[str, str, int]]:
    if found is None:
        return [("ready", "Left: ready to be compared", counts.ready)]
    surest, sure, likely = (found.at_least(level) for level in LEVELS)
    return [
        ("p99", "Left: suggestion 99 % likely right, or more", surest),
        ("p90", "Left: 90 to 99 %", sure - surest),
        ("p50", "Left: 50 to 90 %", likely - sure),
        ("p0", "Left: below 50 %", len(found) - found.unlike - likely),
        ("new", "Left: unlike everything labeled (new?)", found.unlike),
        ("ready", "Left: not compared yet", counts.ready - len(found)),
    ]


def _allowed(request: HttpRequest, project: Project, form: StandingForm) -> int:
    """The allowed error in percent: as asked for, else as last chosen in this project, else 1."""
    chosen: int | None = form.cleaned_data["allowed"]
    kept = request.session.get(_KEY, {})
    if chosen is None:
        found = kept.get(str(project.pk), form.ALLOWED[0])
        return int(found) if found in form.ALLOWED else form.ALLOWED[0]
    if kept.get(str(project.pk)) != chosen:
        request.session[_KEY] = {**kept, str(project.pk): chosen}
    return chosen
