"""Accepting suggestions unseen, and checking a sample of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from ..access import person, project_for
from ..errors import Conflict, Refusal
from ..forms import AcceptForm
from ..models import Batch, Project, Role
from ..models.batches import DEFAULT_ALLOWED_ERROR
from ..services import acceptances, checks
from ..services.grid import undo_and_redo
from ..services.offers import offer as make_offer
from ..services.offers import percent_text
from ..services.selection import checked_ids
from .answers import body_of
from .review_answers import labels_json, number

_KEY = "allowed_errors"
"""In the session: the allowed error a person chose last in each project, in percent."""


@require_GET
def accept_page(request: HttpRequest, pk: int) -> HttpResponse:
    """How many suggestions can be accepted within `allowed` percent of wrong ones."""
    project = project_for(request, pk, needs=Role.LABELER)
    if "allowed" not in request.GET:
        return redirect(_accept_url(project, _remembered(request, project)))
    form = AcceptForm(request.GET).valid()
    allowed = form.cleaned_data["allowed"]
    _remember(request, project, allowed)
    offer = None
    if not project.multi_label:
        offer = make_offer(project, allowed=form.share, method=form.cleaned_data["method"])
    context = {
        **_about(request, project),
        "offer": offer,
        "allowed": allowed,
        "method": form.cleaned_data["method"],
        "choices": _choices(offer.choices, allowed) if offer else [],
        "measured": acceptances.measured_error(project),
        "sample": acceptances.SAMPLE,
    }
    return render(request, "projects/accept.html", context)


def _choices(numbers: tuple[tuple[float, int], ...], chosen: str) -> list[tuple[str, int, bool]]:
    """Percent, how many could be accepted, and whether it is the chosen one."""
    return [
        (percent_text(100 * share), number, percent_text(100 * share) == chosen)
        for share, number in numbers
    ]


@require_GET
def accept_offer(request: HttpRequest, pk: int) -> JsonResponse:
    """The number alone, for a link on another page, which does not wait for it."""
    project = project_for(request, pk, needs=Role.LABELER)
    allowed = request.GET.get("allowed") or _remembered(request, project)
    form = AcceptForm({"allowed": allowed}).valid()
    found = None if project.multi_label else make_offer(project, allowed=form.share)
    return JsonResponse(
        {
            "number": found.number if found else 0,
            "expected": percent_text(found.expected_percent) if found else "",
            "url": _accept_url(project, allowed),
        }
    )


@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """A plain form: accept what the page showed (`seen`), and go to the check."""
    project = project_for(request, pk, needs=Role.LABELER)
    form = AcceptForm(request.POST).valid()
    try:
        act = acceptances.accept(
            project,
            person(request),
            allowed=form.share,
            method=form.cleaned_data["method"],
            seen=form.cleaned_data["seen"],
            rng=np.random.default_rng(),
        )
    except Conflict as changed:
        messages.error(request, str(changed))
        return redirect(_accept_url(project, form.cleaned_data["allowed"]))
    messages.info(request, f"{act.summary}. Ctrl + Z takes it back.")
    return redirect("batch-check", pk, act.payload["batch"])


def _accept_url(project: Project, allowed: str) -> str:
    return f"{reverse('accept', args=[project.pk])}?{urlencode({'allowed': allowed})}"


def _remember(request: HttpRequest, project: Project, allowed: str) -> None:
    chosen = request.session.get(_KEY, {})
    if chosen.get(str(project.pk)) != allowed:
        request.session[_KEY] = {**chosen, str(project.pk): allowed}


def _remembered(request: HttpRequest, project: Project) -> str:
    chosen = request.session.get(_KEY, {})
    return str(chosen.get(str(project.pk), percent_text(100 * DEFAULT_ALLOWED_ERROR)))


def _about(request: HttpRequest, project: Project) -> dict[str, Any]:
    undo, redo = undo_and_redo(project, person(request))
    return {
        "project": project,
        "base": reverse("project", args=[project.pk]),
        "undo": undo,
        "redo": redo,
    }


def _acceptance(request: HttpRequest, pk: int, batch_pk: int) -> Batch:
    project = project_for(request, pk, needs=Role.LABELER)
    accepted = Batch.objects.filter(project=project, kind=Batch.Kind.ACCEPTED)
    return get_object_or_404(accepted.select_related("project"), pk=batch_pk)


@require_GET
def check_page(request: HttpRequest, pk: int, batch_pk: int) -> HttpResponse:
    """The sample that was asked back, or what it came to; with `look=all` all others too."""
    batch = _acceptance(request, pk, batch_pk)
    look = request.GET.get("look", "")
    if look not in {"", "all"}:
        raise Refusal("“look” is all, or left out.", code="look")
    report = checks.report_of(batch)
    stands = batch.state == Batch.State.COMMITTED
    look_at_all = look == "all" and not report.waiting
    shown = []
    if stands and (report.waiting or look_at_all):
        shown = checks.least_certain(batch) if look_at_all else checks.sample_of(batch)
    context = {
        **_about(request, batch.project),
        "batch": batch,
        "report": report,
        "stands": stands,
        "look_at_all": look_at_all,
        "shown": shown,
        "labels": labels_json(batch.project),
    }
    return render(request, "projects/check.html", context)


@require_POST
def check(request: HttpRequest, pk: int, batch_pk: int) -> JsonResponse:
    """The `shown` rows were looked at; `wrong` maps those that are wrong to what is right."""
    batch = _acceptance(request, pk, batch_pk)
    body = body_of(request)
    act = checks.check(
        batch, person(request), shown=checked_ids(body.get("shown")), wrong=_wrong_of(body)
    )
    return JsonResponse({"message": act.summary})


def _wrong_of(body: dict[str, Any]) -> dict[int, int | str | None]:
    """Return row id to a label's id, to the name of a new one (`{"name": ...}`), or to None."""
    given = body.get("wrong", {})
    if not isinstance(given, dict):
        raise Refusal("“wrong” must be an object of rows and labels.", code="bad_request")
    return {number(pk, "wrong"): _right_label(right) for pk, right in given.items()}


def _right_label(right: Any) -> int | str | None:
    if right is None:
        return None
    if isinstance(right, dict) and isinstance(right.get("name"), str):
        return str(right["name"])
    return number(right, "wrong")


@require_POST
def take_back(request: HttpRequest, pk: int, batch_pk: int) -> HttpResponse:
    """A plain form: the acceptance was no good."""
    batch = _acceptance(request, pk, batch_pk)
    try:
        act = acceptances.take_back(batch, person(request))
        messages.info(request, f"{act.summary}. Ctrl + Z gives them again.")
    except Conflict as gone:
        messages.error(request, str(gone))
    return redirect("batch-check", pk, batch_pk)
