"""How far the worker is with a project's images, and those it could not read."""

from __future__ import annotations

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from .. import tasks
from ..access import may, person, project_for
from ..forms import FailedImagesForm, FailuresForm
from ..models import Role
from ..services.progress import failed_images, progress_of, remove_failed, retry_failed
from ..services.reembeddings import status_of

FAILURES_A_PAGE = 100


@require_GET
def progress(request: HttpRequest, pk: int) -> JsonResponse:
    """Counts of images by state; for managers also how far a re-embedding is."""
    project = project_for(request, pk)
    status = status_of(project) if may(person(request), project, Role.MANAGER) else None
    reembedding = asdict(status) if status else None
    return JsonResponse({**asdict(progress_of(project)), "reembedding": reembedding})


@require_GET
def failures(request: HttpRequest, pk: int) -> HttpResponse:
    """A part of a page: the images that could not be read, with reasons."""
    project = project_for(request, pk)
    after = FailuresForm(request.GET).valid().cleaned_data["after"] or 0
    page = list(failed_images(project).filter(pk__gt=after).order_by("pk")[: FAILURES_A_PAGE + 1])
    context = {
        "project": project,
        "images": page[:FAILURES_A_PAGE],
        "more": len(page) > FAILURES_A_PAGE,
        "can_label": may(person(request), project, Role.LABELER),
    }
    return render(request, "projects/_failures.html", context)


@require_POST
def retry(request: HttpRequest, pk: int) -> JsonResponse:
    """Have one failed image read again, or all."""
    project = project_for(request, pk, needs=Role.LABELER)
    image = FailedImagesForm(request.POST).valid().cleaned_data["image"]
    number = retry_failed(project, [image] if image else None)
    tasks.look_for_work()
    return JsonResponse({"retried": number})


@require_POST
def remove(request: HttpRequest, pk: int) -> JsonResponse:
    """Throw one failed image away, or all."""
    project = project_for(request, pk, needs=Role.LABELER)
    image = FailedImagesForm(request.POST).valid().cleaned_data["image"]
    number = remove_failed(project, person(request), [image] if image else None)
    return JsonResponse({"removed": number})
