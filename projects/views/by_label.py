"""Review by label: a sheet of suggestions, and what the person says of its tiles."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from ..access import person, project_for
from ..errors import Conflict, Refusal, TooLarge
from ..forms import ByLabelForm
from ..models import Image, Project, Role
from ..services import by_label as service
from ..services import by_label_evidence, label_list
from ..services.counts import counts_of, labels_with_counts
from ..services.grid import undo_and_redo
from ..services.teaching import AUTO, METHOD_NAMES
from .answers import body_of, text_of
from .review_answers import labels_json, number

MOST_DECISIONS = 1_000
"""Of one act: what was corrected on many sheets comes along with the one that is accepted."""


@require_GET
def by_label(request: HttpRequest, pk: int) -> HttpResponse:
    """The page, with its first sheet. A label that is gone by now leads to all labels."""
    project = project_for(request, pk, needs=Role.LABELER)
    form = _form(request)
    if _is_gone(project, form):
        return redirect("by-label", pk=pk)
    context = {
        **_sheet_context(project, form),
        "labels_json": labels_json(project),
        "methods": METHOD_NAMES,
    }
    context["undo"], context["redo"] = undo_and_redo(project, person(request))
    return render(request, "projects/by_label.html", context)


@require_GET
def sheet(request: HttpRequest, pk: int) -> JsonResponse:
    """The sheet and what stands around it, as HTML of our own."""
    project = project_for(request, pk, needs=Role.LABELER)
    form = _form(request)
    if _is_gone(project, form):
        raise Conflict("This label was deleted; choose another one.", code="label_deleted")
    context = _sheet_context(project, form)
    undo, redo = undo_and_redo(project, person(request))
    return JsonResponse(
        {
            "sheet": render_to_string("projects/_by_label_sheet.html", context, request),
            "panel": render_to_string("projects/_by_label_panel.html", context, request),
            "reason": context["reason"],
            "left": context["sheet"].left,
            "pending": context["counts"].pending,
            "labels": labels_json(project),
            "undo": undo,
            "redo": redo,
        }
    )


@require_POST
def decide(request: HttpRequest, pk: int) -> JsonResponse:
    """Save `decisions`: of each image what was suggested, and what it is (null: not that)."""
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    method = str(body.get("method", AUTO))
    if method not in METHOD_NAMES:
        raise Refusal(f"A method is one of {', '.join(METHOD_NAMES)}.", code="method")
    act = service.decide(project, person(request), _decisions(body), method=method)
    return JsonResponse({"message": act.summary, "act": act.pk})


@require_POST
def new_label(request: HttpRequest, pk: int) -> JsonResponse:
    """Add a label to the list, for an image that is of none of them."""
    project = project_for(request, pk, needs=Role.LABELER)
    name = text_of(body_of(request), "name")
    act, label = label_list.add_label(project, person(request), name)
    made = {"id": label.pk, "name": label.name, "color": label.color, "key": label.key}
    return JsonResponse({"message": act.summary, "label": made, "labels": labels_json(project)})


@require_GET
def evidence(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """The nearest labeled images of the suggested label and of the runner-up."""
    project = project_for(request, pk, needs=Role.LABELER)
    method = _form(request).cleaned_data["method"]
    images = Image.objects.in_dataset().filter(project=project)
    image = get_object_or_404(images, pk=image_pk)
    context = {
        "base": reverse("project", args=[project.pk]),
        "evidence": by_label_evidence.evidence(project, image, method=method),
    }
    return render(request, "projects/_by_label_evidence.html", context)


def _form(request: HttpRequest) -> ByLabelForm:
    return ByLabelForm(request.GET, methods=METHOD_NAMES).valid()


def _is_gone(project: Project, form: ByLabelForm) -> bool:
    label = form.cleaned_data["label"]
    return bool(label) and not project.labels.live().filter(pk=label).exists()


def _sheet_context(project: Project, form: ByLabelForm) -> dict[str, Any]:
    asked = form.cleaned_data
    found = service.sheet(
        project,
        method=asked["method"],
        label_id=asked["label"],
        unlike=asked["new"],
        but=asked["but"],
    )
    labels = labels_with_counts(project)
    for label in labels:
        label.suggested = found.counts.get(label.pk, 0)  # type: ignore[attr-defined]
    return {
        "project": project,
        "base": reverse("project", args=[project.pk]),
        "sheet": found,
        "asked": asked,
        "label": next((each for each in labels if each.pk == asked["label"]), None),
        "labels": labels,
        "likely": sum(found.counts.values()),
        "counts": counts_of(project),
        "reason": found.lesson.reason if found.lesson else "",
    }


def _decisions(body: dict[str, Any]) -> list[service.Decision]:
    given = body.get("decisions")
    if not isinstance(given, list) or not given:
        raise Refusal("“decisions” must be a list of what was decided.", code="bad_request")
    if len(given) > MOST_DECISIONS:
        raise TooLarge(f"At most {MOST_DECISIONS:,} images at once.", code="too_many_decisions")
    return [_decision(each) for each in given]


def _decision(each: Any) -> service.Decision:
    if not isinstance(each, dict):
        raise Refusal("A decision names its image and labels.", code="bad_request")
    suggested, chosen = (
        None if each.get(name) is None else number(each[name], name)
        for name in ("suggested", "chosen")
    )
    return service.Decision(number(each.get("image"), "image"), suggested, chosen)
