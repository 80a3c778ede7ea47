"""Changing a project's encoder: a section of the settings, starting and cancelling."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from .. import tasks
from ..access import person, project_for
from ..errors import Refusal
from ..forms import EncoderForm
from ..models import Project, Role
from ..services import reembeddings
from ..services.purge import VECTORS_KEPT_FOR


def encoder_section(project: Project, form: EncoderForm | None = None) -> dict[str, Any]:
    """What the section of the settings shows."""
    choices = reembeddings.choices_for(project)
    return {
        "choices": choices,
        "encoder_form": form or EncoderForm(choices=choices),
        "status": reembeddings.status_of(project),
        "changes": reembeddings.recent(project),
        "embedded": reembeddings.embedded_images(project),
        "vector_days": VECTORS_KEPT_FOR.days,
    }


@require_GET
def section(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of a page: the section as it is now, for when a re-embedding has ended."""
    project = project_for(request, pk, needs=Role.MANAGER)
    context = {"project": project, **encoder_section(project)}
    return render(request, "projects/_encoder.html", context)


@require_POST
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin to re-embed, or go on with it."""
    project = project_for(request, pk, needs=Role.MANAGER)
    form = EncoderForm(request.POST, choices=reembeddings.choices_for(project))
    if form.is_valid():
        try:
            run = reembeddings.start(project, person(request), form.name)
        except Refusal as problem:
            form.add_error("encoder", str(problem))
            return _again(request, project, form, problem.status)
        tasks.reembed_soon(run)
        messages.success(request, f"Re-embedding with {run.encoder} begins.")
        return redirect("project-settings", project.pk)
    return _again(request, project, form, 400)


def _again(request: HttpRequest, project: Project, form: EncoderForm, status: int) -> HttpResponse:
    context = {"project": project, **encoder_section(project, form)}
    return render(request, "projects/encoder.html", context, status=status)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop; what is embedded stays."""
    project = project_for(request, pk, needs=Role.MANAGER)
    run = reembeddings.cancel(project, person(request))
    messages.success(
        request, f"Cancelled. {run.encoder} goes on where it stopped when you choose it again."
    )
    return redirect("project-settings", project.pk)
