"""One project: its labels and its images."""

from __future__ import annotations

import json
from typing import TypedDict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from ..access import may, person, project_for
from ..errors import Refusal
from ..forms import GridFilter
from ..models import Image, Project, Role
from ..models.labels import COLORS
from ..services.counts import counts_of, images_to_page, labels_with_counts
from ..services.grid import (
    CHUNK,
    tiles_by_id,
    tiles_of,
    undo_and_redo,
    version_of,
)
from ..services.selection import ids_between, page_of
from .answers import body_of, page_state, tiles_html


@require_GET
def workspace(request: HttpRequest, pk: int) -> HttpResponse:
    project = project_for(request, pk)
    form = GridFilter(project, request.GET).checked()
    page = page_of(images_to_page(form), form.order, labeled_only=form.needs_label, size=CHUNK)
    user = person(request)
    undo, redo = undo_and_redo(project, user)
    labels = labels_with_counts(project)
    counts = counts_of(project, form)
    context = {
        "project": project,
        "base": request.path,
        "filter": form,
        "tiles": tiles_of(page.images),
        "next": page.next,
        "last": page.last,
        "first": page.first,
        "counts": counts,
        "counts_json": json.dumps(counts.as_dict()),
        "labels": labels,
        "colors": COLORS,
        "label_list_version": version_of(labels),
        "undo": undo,
        "redo": redo,
        "can_label": may(user, project, Role.LABELER),
        "can_manage": may(user, project, Role.MANAGER),
    }
    return render(request, "projects/workspace.html", context)


@require_GET
def tiles(request: HttpRequest, pk: int) -> JsonResponse:
    """The chunk behind `after`, the one before `before`, the last one (`at=end`) or the first."""
    project = project_for(request, pk)
    form = GridFilter(project, request.GET).checked()
    page = page_of(
        images_to_page(form),
        form.order,
        **_place(request),
        labeled_only=form.needs_label,
        size=CHUNK,
    )
    edges = {"next": page.next, "last": page.last, "previous": page.previous, "first": page.first}
    return JsonResponse({"tiles": tiles_html(project, tiles_of(page.images)), **edges})


class Place(TypedDict):
    """Where a chunk begins or ends."""

    after: str
    before: str
    at_end: bool


def _place(request: HttpRequest) -> Place:
    after, before, at = (request.GET.get(name, "") for name in ("after", "before", "at"))
    if at not in ("", "end") or sum(map(bool, (after, before, at))) > 1:
        raise Refusal("Ask for one of after=…, before=… and at=end.", code="bad_cursor")
    return Place(after=after, before=before, at_end=at == "end")


@require_POST
def tiles_again(request: HttpRequest, pk: int) -> JsonResponse:
    """Tiles by id, for chunks that were emptied and for tiles that changed. Changes nothing."""
    project = project_for(request, pk)
    asked = body_of(request)["show"]
    shown = tiles_by_id(project, asked)
    there = {tile.image.pk for tile in shown}
    gone = [pk for pk in asked if pk not in there]
    return JsonResponse({"tiles": tiles_html(project, shown), "gone": gone})


@require_GET
def state(request: HttpRequest, pk: int) -> JsonResponse:
    """Counts, labels, undo and redo, and the revision by which a page knows that it is old."""
    project = project_for(request, pk)
    query = request.META.get("QUERY_STRING", "")
    return JsonResponse(page_state(request, project, query, request.GET.get("labels_shown", "")))


@require_GET
def ids(request: HttpRequest, pk: int) -> JsonResponse:
    """Ids in the grid's order between two images (`from`, `to`), also of chunks not loaded."""
    project = project_for(request, pk)
    form = GridFilter(project, request.GET).checked()
    ends = [_image_or_none(project, request.GET.get(name, "")) for name in ("from", "to")]
    found = ids_between(form.images(), form.order, first=ends[0], last=ends[1])
    return JsonResponse({"images": found})


def _image_or_none(project: Project, text: str) -> Image | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Refusal("Images are named by their numbers.", code="bad_selection")
    return Image.objects.filter(project=project, pk=int(text)).first()
