"""What the grid's requests are answered with: tiles as HTML, and the page's state beside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse

from ..access import may, person
from ..errors import Refusal, TooLarge
from ..forms import GridFilter
from ..models import Act, Project, Role
from ..services.counts import counts_of, labels_with_counts
from ..services.grid import (
    MAX_TILES,
    Tile,
    images_changed_by,
    tiles_by_id,
    undo_and_redo,
    version_of,
)
from ..services.selection import checked_ids

MOVING = (Act.Kind.TRASH, Act.Kind.COMMIT, Act.Kind.DISCARD)
"""Acts whose undoing puts images into the grid that its page has never seen, or takes some out."""


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object a module sent, with a sound list `show` of the tiles it has alive.

    Read it before acting: a request that cannot be answered must not do anything.
    """
    try:
        body = json.loads(request.body)
    except ValueError as problem:
        raise Refusal("The request is not JSON.", code="bad_request") from problem
    if not isinstance(body, dict):
        raise Refusal("The request must be a JSON object.", code="bad_request")
    if len(checked_ids(body.setdefault("show", []))) > MAX_TILES:
        raise TooLarge(f"At most {MAX_TILES:,} tiles at once.", code="too_many_tiles")
    return body


def text_of(body: Mapping[str, Any], name: str) -> str:
    """Return a field of the body that must be text."""
    value = body.get(name)
    if not isinstance(value, str):
        raise Refusal(f"“{name}” must be a text.", code="bad_request")
    return value


def tiles_html(project: Project, tiles: Iterable[Tile]) -> str:
    context = {"tiles": tiles, "base": reverse("project", args=[project.pk])}
    return render_to_string("projects/_tiles.html", context)


def page_state(
    request: HttpRequest, project: Project, query: str, labels_shown: str = ""
) -> dict[str, Any]:
    """Return everything around the tiles that an act may have changed.

    The rows of the label list come along unless the page shows this version of it already.
    """
    form = GridFilter(project, query.lstrip("?"))
    counts = counts_of(project, form if form.is_valid() else None)
    undo, redo = undo_and_redo(project, person(request))
    labels = labels_with_counts(project)
    version = version_of(labels)
    rows = {
        "labels": labels,
        "project": project,
        "can_label": may(person(request), project, Role.LABELER),
    }
    return {
        "revision": project.revision,
        "counts": counts.as_dict(),
        "undo": undo,
        "redo": redo,
        "label_counts": {label.pk: label.images for label in labels},  # type: ignore[attr-defined]
        "label_list_version": version,
        "label_rows": None
        if version == labels_shown
        else render_to_string("projects/_label_rows.html", rows, request),
    }


def act_answer(
    request: HttpRequest,
    project: Project,
    act: Act | None,
    *,
    body: Mapping[str, Any],
    otherwise: str = "",
) -> JsonResponse:
    """Answer an act: what it came to, the shown tiles it changed, and the page's new state.

    `otherwise` is said when there was no act because nothing had to change.
    """
    changed = images_changed_by(act, body["show"]) if act else []
    tiles = tiles_by_id(project, changed)
    there = {tile.image.pk for tile in tiles}
    return JsonResponse(
        {
            "message": act.summary if act else otherwise,
            "act": act.pk if act else None,
            "tiles": tiles_html(project, tiles),
            "gone": [pk for pk in changed if pk not in there],
            "moved": bool(act and act.undoes and act.undoes.kind in MOVING),
            "state": page_state(
                request,
                project,
                str(body.get("filter_shown", "")),
                str(body.get("labels_shown", "")),
            ),
        }
    )


def card_context(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return what the template of a card needs beside the card itself."""
    return {
        "project": project,
        "base": reverse("project", args=[project.pk]),
        "can_label": may(person(request), project, Role.LABELER),
    }
