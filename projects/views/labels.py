"""Giving and taking labels, the list of labels, undo and redo. Every act is one request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from ..access import person, project_for
from ..errors import Refusal
from ..models import Label, Project, Role
from ..services import label_list as label_service
from ..services import undo as undo_service
from ..services.labels import clear_labels, label_images, mark_rest_absent, star
from ..services.selection import checked_ids, selected_images
from .answers import act_answer, body_of, text_of

MODES = ("add", "remove", "toggle")


@require_POST
def give(request: HttpRequest, pk: int) -> JsonResponse:
    """Give or take one label; `name` instead of `label` makes it first if it is missing."""
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    mode = body.get("mode", "add")
    if mode not in MODES:
        raise Refusal("“mode” is add, remove or toggle.", code="bad_request")
    label, created = named_label(request, project, body)
    images = selected_images(project, body)
    act = label_images(project, person(request), images, label, mode=mode, created=created)
    return act_answer(
        request, project, act, body=body, otherwise=f"Nothing to change for {label.name}"
    )


def named_label(
    request: HttpRequest, project: Project, body: dict[str, Any]
) -> tuple[Label, list[Label]]:
    """Return the label that a body means by `label` or by `name`, and those made for that."""
    if "name" not in body:
        return _label(project, body.get("label")), []
    known = set(Label.objects.live().filter(project=project).values_list("pk", flat=True))
    labels = label_service.get_or_create_labels(project, person(request), [text_of(body, "name")])
    return labels[0], [label for label in labels if label.pk not in known]


def _label(project: Project, pk: Any) -> Label:
    ids = checked_ids([pk])
    return get_object_or_404(Label.objects.live(), project=project, pk=ids[0])


@require_POST
def clear(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    act = clear_labels(project, person(request), selected_images(project, body))
    return act_answer(request, project, act, body=body, otherwise="There is no label to take")


@require_POST
def mark_absent(request: HttpRequest, pk: int) -> JsonResponse:
    """Say that images carry none of the labels that they do not carry, in a multi-label project."""
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    if not project.multi_label:
        raise Refusal(
            "In this project an image has one label, so the others are absent anyway.",
            code="single_label",
        )
    act = mark_rest_absent(project, person(request), selected_images(project, body))
    otherwise = "All labels of these images are known already"
    return act_answer(request, project, act, body=body, otherwise=otherwise)


@require_POST
def star_label(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    label = _label(project, body.get("label"))
    act = star(project, person(request), selected_images(project, body), label)
    return act_answer(
        request, project, act, body=body, otherwise=f"{label.name} is the default label already"
    )


@require_POST
def undo(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    act = undo_service.undo(project, person(request))
    return act_answer(request, project, act, body=body, otherwise="Nothing to undo")


@require_POST
def redo(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    act = undo_service.redo(project, person(request))
    return act_answer(request, project, act, body=body, otherwise="Nothing to redo")


@require_POST
def add(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    act, _ = label_service.add_label(project, person(request), text_of(body, "name"))
    return act_answer(request, project, act, body=body)


@require_POST
def edit(request: HttpRequest, pk: int, label_pk: int) -> JsonResponse:
    """Change one of a label's `name`, `color` and `key`."""
    project = project_for(request, pk, needs=Role.LABELER)
    label = _label(project, label_pk)
    body, user = body_of(request), person(request)
    if "name" in body:
        act = label_service.rename_label(project, user, label, text_of(body, "name"))
    elif "color" in body:
        act = label_service.recolor(project, user, label, text_of(body, "color"))
    else:
        act = label_service.set_key(project, user, label, text_of(body, "key"))
    return act_answer(request, project, act, body=body, otherwise="Nothing to change")


@require_POST
def reorder(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    order = checked_ids(body.get("labels"))
    act = label_service.reorder(project, person(request), order)
    return act_answer(request, project, act, body=body, otherwise="They are in this order already")


@require_POST
def merge(request: HttpRequest, pk: int, label_pk: int) -> JsonResponse:
    """Merge a label into another one, `into`."""
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    into = _label(project, body.get("into"))
    gone = [_label(project, label_pk)]
    act = label_service.merge_labels(project, person(request), gone, into)
    return act_answer(request, project, act, body=body)


@require_POST
def delete(request: HttpRequest, pk: int, label_pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    act = label_service.delete_label(project, person(request), _label(project, label_pk))
    return act_answer(request, project, act, body=body)
