"""Beginning a review, ending it, and the page of similar images."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from ..access import may, person, project_for
from ..errors import Conflict, Refusal
from ..models import Batch, Project, Role
from ..services import batches, commits
from ..services import undo as undo_service
from ..services.first import Order
from ..services.grid import tiles_of
from ..services.selection import checked_ids, selected_images
from ..services.similar import DEFAULT_LIMIT, MAX_LIMIT, MAX_QUERIES, find_similar, refuse_queries
from .answers import body_of
from .orders import remember_order
from .review_answers import batch_for, labels_json, number


def _url(batch: Batch) -> str:
    return reverse("batch", args=[batch.project_id, batch.pk])


@require_POST
def from_selection(request: HttpRequest, pk: int) -> JsonResponse:
    """Put the images that a selection names under review."""
    project = project_for(request, pk, needs=Role.LABELER)
    ids = _ids(project, body_of(request), most=batches.MAX_ROWS)
    batch = batches.create_from_images(project, person(request), ids)
    return JsonResponse({"url": _url(batch)})


def _ids(project: Project, body: dict[str, Any], *, most: int) -> list[int]:
    """Return the ids of a selection in its own order; one more than `most` is enough to refuse."""
    if isinstance(body.get("images"), list):
        return checked_ids(body["images"])
    return list(selected_images(project, body).values_list("pk", flat=True)[: most + 1])


@require_GET
def open_batches(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of the project's page: what it offers to continue."""
    project = project_for(request, pk, needs=Role.LABELER)
    return render(request, "projects/_batches.html", {"project": project})


@require_POST
def next_batch(request: HttpRequest, pk: int) -> HttpResponse:
    """A plain form: take the next unlabeled images and go there."""
    project = project_for(request, pk, needs=Role.LABELER)
    order = _order(request.POST.get("order", Order.MIXED))
    remember_order(request, project, order)
    return _begin_next(request, project, order)


@require_POST
def first_batch(request: HttpRequest, pk: int) -> HttpResponse:
    """Label these first: a next batch of images that stand for the rest.

    The order of later batches stays as it was chosen.
    """
    project = project_for(request, pk, needs=Role.LABELER)
    return _begin_next(request, project, Order.TYPICAL)


def _begin_next(request: HttpRequest, project: Project, order: Order) -> HttpResponse:
    size = number(request.POST.get("size", project.batch_size), "size")
    try:
        batch = batches.next_batch(project, person(request), size, order=order)
    except Conflict as nothing_left:
        messages.info(request, str(nothing_left))
        return redirect("project", project.pk)
    return redirect(_url(batch))


def _order(text: str) -> Order:
    if text not in Order.values:
        raise Refusal(f"“order” is one of {', '.join(Order.values)}.", code="order")
    return Order(text)


@require_POST
def commit(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """Add to dataset. `ticks` are the rows as the page shows them, so nothing unseen is saved."""
    batch = batch_for(request, pk, batch_pk)
    body = body_of(request)
    ticks = body.get("ticks", {})
    if not isinstance(ticks, dict) or not all(isinstance(each, list) for each in ticks.values()):
        raise Refusal("“ticks” must be an object of rows and labels.", code="bad_request")
    seen = {number(pk, "ticks"): [number(e, "ticks") for e in ids] for pk, ids in ticks.items()}
    take_waiting = body.get("take_waiting") is True
    done = commits.commit(batch, person(request), seen=seen, take_waiting=take_waiting)
    return JsonResponse({"url": _url(batch), "said": done.act.summary})


@require_POST
def discard(request: HttpRequest, pk: int, batch_pk: int) -> HttpResponse:
    batch = batch_for(request, pk, batch_pk)
    act = commits.discard(batch, person(request))
    messages.info(request, f"{act.summary}. Ctrl + Z on this page brings it back.")
    return redirect("project", pk)


@require_POST
def reopen(request: HttpRequest, pk: int, batch_pk: int) -> HttpResponse:
    """Undo of Add to dataset, from the page of its result."""
    batch = batch_for(request, pk, batch_pk)
    user, act = person(request), commits.act_of(batch)
    newest = undo_service.next_undo(batch.project, user)
    if act is None or newest is None or newest.pk != act.pk:
        raise Conflict(
            "Something else was done since; undo that first, on the project's page.",
            code="not_newest",
        )
    undo_service.undo(batch.project, user)
    messages.info(request, "The batch is open again and its labels were taken back.")
    return redirect(_url(batch))


@require_POST
def similar_to_selection(request: HttpRequest, pk: int) -> JsonResponse:
    """Where the images similar to a selection are shown."""
    project = project_for(request, pk)
    ids = _ids(project, body_of(request), most=MAX_QUERIES)
    refuse_queries(ids)
    query = ",".join(str(each) for each in ids)
    return JsonResponse({"url": f"{reverse('similar', args=[pk])}?images={query}"})


@require_GET
def similar(request: HttpRequest, pk: int) -> HttpResponse:
    """The images most similar to `images`, a list of ids with commas."""
    project = project_for(request, pk)
    ids = [number(each, "images") for each in request.GET.get("images", "").split(",") if each]
    refuse_queries(ids)
    limit = number(request.GET.get("limit", DEFAULT_LIMIT), "limit")
    similar = find_similar(project, ids, limit=limit)
    tiles = tiles_of([each.image for each in similar.found])
    context = {
        "project": project,
        "base": reverse("project", args=[pk]),
        "similar": similar,
        "pairs": list(zip(tiles, similar.found, strict=True)),
        "labels": labels_json(project),
        "most": MAX_LIMIT,
        "can_label": may(person(request), project, Role.LABELER),
        "limit": limit,
        "ids": ",".join(str(image.pk) for image in similar.queries),
    }
    return render(request, "projects/similar.html", context)
