"""One image large, and deleting images."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from ..access import may, person, project_for
from ..models import Image, Role
from ..services.absences import absent_labels_of
from ..services.grid import history_of, tiles_of
from ..services.selection import selected_images
from ..services.trash import trash_images
from .answers import act_answer, body_of


@require_GET
def details(request: HttpRequest, pk: int, image_pk: int) -> HttpResponse:
    """What the large view says about an image beside showing it."""
    project = project_for(request, pk)
    image = get_object_or_404(Image.objects.kept(), project=project, pk=image_pk)
    context = {
        "project": project,
        "image": image,
        "tile": tiles_of([image])[0],
        "absent": absent_labels_of(image),
        "history": history_of(image),
        "can_label": may(person(request), project, Role.LABELER),
    }
    return render(request, "projects/_large.html", context)


@require_POST
def trash(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    act = trash_images(project, person(request), selected_images(project, body))
    return act_answer(request, project, act, body=body)
