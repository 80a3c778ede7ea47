"""The review page: queries beside their evidence, and what each act on them answers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from similarity.methods import DEFAULT_METHOD

from ..access import person
from ..errors import Conflict, Refusal
from ..models import Batch
from ..models.projects import BATCH_SIZES
from ..services import commits, edits
from ..services import undo as undo_service
from ..services.batches import set_controls, split
from ..services.corrections import correct_label
from ..services.review_list import FILTERS, SORTS, arrange
from ..services.selection import checked_ids
from ..services.suggestions import controls_of, search, suggest
from ..services.teaching import METHOD_NAMES
from ..services.thresholds import LEAST_IMAGES, can_choose, refresh
from ..services.ticks import Controls
from .answers import body_of, text_of
from .review_answers import (
    answer,
    batch_for,
    controls_json,
    label_of,
    labels_json,
    number,
    shown_rows,
    summary_json,
)

CHUNK = 50
"""Rows drawn with the page; the others are drawn when they come near the window."""


METHODS_OFFERED = {DEFAULT_METHOD: METHOD_NAMES[DEFAULT_METHOD]} | METHOD_NAMES
"""The default first."""


@require_GET
def review(request: HttpRequest, pk: int, batch_pk: int) -> HttpResponse:
    batch = batch_for(request, pk, batch_pk)
    if batch.kind == Batch.Kind.ACCEPTED:
        return redirect("batch-check", pk, batch_pk)
    if batch.state == Batch.State.COMMITTED:
        return _result(request, batch)
    if batch.state == Batch.State.DISCARDED:
        return render(request, "projects/batch_discarded.html", _about(batch))
    split(batch)
    search(batch)
    refresh(batch)
    rows = suggest(batch)
    sort, show = _choice(request, "sort", SORTS), _choice(request, "show", FILTERS)
    arranged = arrange(rows, sort=sort, show=show)
    ids = [row.item.pk for row in arranged]
    context = {
        **_about(batch),
        "sort": sort,
        "sorts": SORTS,
        "show": show,
        "shows": FILTERS[show],
        "filters": FILTERS,
        "first": shown_rows(arranged[:CHUNK]),
        "later": [ids[start : start + CHUNK] for start in range(CHUNK, len(ids), CHUNK)],
        "has_labeled": batch.project.images.in_dataset().labeled().exists(),
        "can_choose": batch.per_label or can_choose(batch.project),
        "least_images": LEAST_IMAGES,
        "methods": METHODS_OFFERED,
        "summary": summary_json(request, batch, rows),
        "controls": controls_json(batch),
        "labels": labels_json(batch.project),
    }
    return render(request, "projects/review.html", context)


def _about(batch: Batch) -> dict[str, Any]:
    return {
        "project": batch.project,
        "batch": batch,
        "base": reverse("project", args=[batch.project_id]),
        "sizes": BATCH_SIZES,
    }


def _choice(request: HttpRequest, name: str, choices: dict[str, str]) -> str:
    value = request.GET.get(name) or next(iter(choices))
    if value not in choices:
        raise Refusal(f"“{name}” is one of {', '.join(choices)}.", code=name)
    return value


def _result(request: HttpRequest, batch: Batch) -> HttpResponse:
    per_batch = commits.tallies(batch.project)
    act = commits.act_of(batch)
    newest = undo_service.next_undo(batch.project, person(request))
    context = {
        **_about(batch),
        "tally": dict(per_batch).get(batch) or commits.tally_of(batch),
        "overall": commits.tally(batch.project),
        "per_batch": per_batch,
        "act": act,
        "can_undo": bool(act and newest and act.pk == newest.pk),
        "rest": commits.rest_of(act),
        "left": batch.project.images.in_dataset().unlabeled().count(),
    }
    return render(request, "projects/batch_result.html", context)


@require_POST
def rows(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """Rows that are not drawn yet, or that changed: what scrolling and polling ask for."""
    batch = _open_batch(request, pk, batch_pk)
    search(batch, only_new=True)
    return answer(request, batch)


def _open_batch(request: HttpRequest, pk: int, batch_pk: int) -> Batch:
    batch = batch_for(request, pk, batch_pk)
    if batch.state != Batch.State.OPEN:
        raise Conflict(f"This batch is {batch.get_state_display()} by now.", code="batch_closed")
    return batch


@require_GET
def all_neighbours(request: HttpRequest, pk: int, batch_pk: int, item_pk: int) -> HttpResponse:
    """One row's strip with all of its neighbours."""
    batch = _open_batch(request, pk, batch_pk)
    found = suggest(batch, item_ids=[item_pk])
    if not found:
        raise Conflict("That row is no longer part of this batch.", code="row_gone")
    (shown,) = shown_rows(found, all_neighbours=True)
    context = {"shown": shown, "base": reverse("project", args=[pk])}
    return render(request, "projects/_strip.html", context)


@require_POST
def controls(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    batch = _open_batch(request, pk, batch_pk)
    body = body_of(request)
    wanted = _controls(body, batch)
    since = _controls(body["since"], batch) if isinstance(body.get("since"), dict) else None
    move = set_controls(
        batch,
        k=wanted.k,
        threshold=wanted.threshold,
        top_only=wanted.top_only,
        per_label=wanted.per_label is not None,
        method=wanted.method,
        since=since,
    )
    near = set(checked_ids(body["near"])) if "near" in body else None
    return answer(request, batch, rows=move.rows, near=near, changed=move.changed)


def _controls(body: dict[str, Any], batch: Batch) -> Controls:
    threshold = body.get("threshold")
    if not isinstance(threshold, int | float) or isinstance(threshold, bool):
        raise Refusal("“threshold” must be a number from 0 to 100.", code="threshold")
    single = controls_of(batch).single
    top_only = body.get("top_only") is True
    per_label = batch.chosen_thresholds() if body.get("per_label") is True else None
    k, method = number(body.get("k"), "k"), _method(body, batch)
    return Controls(k, float(threshold), top_only, single, per_label, method)


def _method(body: dict[str, Any], batch: Batch) -> str:
    """The method a request names; without one, the batch's."""
    method = body.get("method", batch.method)
    if not isinstance(method, str) or method not in METHOD_NAMES:
        raise Refusal(f"“method” is one of {', '.join(METHOD_NAMES)}.", code="method")
    return method


@require_POST
def tick(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """Set or remove a tick; `name` instead of `label` makes the label first if it is missing."""
    batch = _open_batch(request, pk, batch_pk)
    body, user = body_of(request), person(request)
    item = number(body.get("item"), "item")
    if "name" in body:
        act = edits.offer_label(batch, user, item, text_of(body, "name"))
    else:
        label = label_of(batch.project, body.get("label"))
        act = edits.set_tick(batch, user, item, label, ticked=body.get("ticked") is True)
    return answer(request, batch, act=act)


@require_POST
def reset(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """Return one row to its suggestion, or all of them with `all`."""
    batch = _open_batch(request, pk, batch_pk)
    body = body_of(request)
    items = None if body.get("all") is True else [number(body.get("item"), "item")]
    return answer(request, batch, act=edits.reset(batch, person(request), items))


@require_POST
def accept(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    batch = _open_batch(request, pk, batch_pk)
    label = label_of(batch.project, body_of(request).get("label"))
    return answer(request, batch, act=edits.accept_label(batch, person(request), label))


@require_POST
def remove(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    batch = _open_batch(request, pk, batch_pk)
    item = number(body_of(request).get("item"), "item")
    return answer(request, batch, act=edits.remove_row(batch, person(request), item))


@require_POST
def undo(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """Undo the last edit of this review, or with `correction` the last act of the project."""
    batch = _open_batch(request, pk, batch_pk)
    stack = None if body_of(request).get("correction") is True else batch
    act = undo_service.undo(batch.project, person(request), batch=stack)
    return answer(request, batch, act=act)


@require_POST
def redo(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    batch = _open_batch(request, pk, batch_pk)
    act = undo_service.redo(batch.project, person(request), batch=batch)
    return answer(request, batch, act=act)


@require_POST
def correct(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """“Wrong label” on a neighbour: give that image the right one, and vote again."""
    batch = _open_batch(request, pk, batch_pk)
    body, project = body_of(request), batch.project
    wrong = body.get("instead_of")
    act = correct_label(
        project,
        person(request),
        number(body.get("image"), "image"),
        right=text_of(body, "name") if "name" in body else label_of(project, body.get("label")),
        wrong=label_of(project, wrong) if wrong is not None else None,
    )
    return answer(request, batch, act=act)
