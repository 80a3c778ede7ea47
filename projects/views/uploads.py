"""Uploading: begin, ask what is missing, send, finish, and look what became of each file."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from .. import tasks
from ..access import person, project_for
from ..errors import Refusal, TooLarge
from ..forms import AnnouncedFilesForm, UploadForm, UploadResultsForm
from ..models import Batch, Label, Project, Role, Upload, UploadResult
from ..services import archives, batches, uploads

FILES_A_REQUEST = 100
RESULTS_A_PAGE = 100


def _upload(request: HttpRequest, pk: int, upload_pk: int) -> Upload:
    """The person's own upload; somebody else's is not theirs to feed."""
    project = project_for(request, pk, needs=Role.LABELER)
    return get_object_or_404(Upload, project=project, pk=upload_pk, user=person(request))


@require_GET
def options(request: HttpRequest, pk: int) -> JsonResponse:
    """What the dialog offers, and the limits that the page knows before it sends anything."""
    project = project_for(request, pk, needs=Role.LABELER)
    names = Label.objects.live().filter(project=project).values_list("name", flat=True)
    return JsonResponse(
        {
            "labels": list(names),
            "multi_label": project.multi_label,
            "max_file_mb": settings.ENVIRONMENT["LABELING_MAX_FILE_MB"],
            "max_archive_mb": settings.ENVIRONMENT["LABELING_MAX_ARCHIVE_MB"],
        }
    )


@require_POST
def start(request: HttpRequest, pk: int) -> JsonResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    chosen = UploadForm(request.POST).valid().cleaned_data
    batch = _batch(request, project, chosen)
    upload = uploads.start_upload(
        project,
        person(request),
        kind=chosen["kind"],
        labels=chosen["labels"],
        label_by_folder=chosen["label_by_folder"],
        batch=batch,
        announced=chosen["announced"] or 0,
    )
    review = reverse("batch", args=[pk, batch.pk]) if batch else None
    return JsonResponse({"upload": upload.pk, "batch": batch and batch.pk, "review": review})


def _batch(request: HttpRequest, project: Project, chosen: dict[str, Any]) -> Batch | None:
    """The review that the images are uploaded for: a new one, or one that was begun before."""
    if chosen["batch"]:
        return get_object_or_404(
            Batch, project=project, pk=chosen["batch"], kind=Batch.Kind.UPLOADED
        )
    return batches.create_for_upload(project, person(request)) if chosen["review"] else None


@require_POST
def check(request: HttpRequest, pk: int, upload_pk: int) -> JsonResponse:
    """Which of some files have to be sent; the others are settled at once."""
    upload = _upload(request, pk, upload_pk)
    announced = AnnouncedFilesForm(request.POST).valid().cleaned_data["announced"]
    answer = uploads.missing_files(upload, announced)
    results = {at: _told(result) for at, result in enumerate(answer.results) if result}
    return JsonResponse({"missing": answer.positions, "results": results})


@require_POST
def files(request: HttpRequest, pk: int, upload_pk: int) -> JsonResponse:
    """Some files, each with its relative path in the field `path` of the same position."""
    upload = _upload(request, pk, upload_pk)
    paths, contents = request.POST.getlist("path"), request.FILES.getlist("file")
    if len(paths) != len(contents) or not contents:
        raise Refusal("Each “file” needs its “path”, in the same order.", code="bad_request")
    if len(contents) > FILES_A_REQUEST:
        raise TooLarge(f"Send at most {FILES_A_REQUEST} files a request.", code="too_many_files")
    results = uploads.add_files(upload, list(zip(paths, contents, strict=True)))
    tasks.look_for_work()
    return JsonResponse({"results": [_told(result) for result in results]})


def _told(result: UploadResult) -> dict[str, Any]:
    return {"outcome": result.outcome, "reason": result.reason, "path": result.path}


@require_POST
def archive(request: HttpRequest, pk: int, upload_pk: int) -> JsonResponse:
    upload = _upload(request, pk, upload_pk)
    file = request.FILES.get("file")
    if file is None:
        raise Refusal("Send the zip file in the field “file”.", code="bad_request")
    archives.receive_archive(upload, file)
    tasks.unpack_soon(upload)
    return JsonResponse(_status(upload))


@require_POST
def finish(request: HttpRequest, pk: int, upload_pk: int) -> JsonResponse:
    """Nothing more will come; also how an upload is cancelled. What arrived stays."""
    upload = _upload(request, pk, upload_pk)
    if upload.finished_at is None:
        uploads.finish_upload(upload)
    return JsonResponse(_status(upload))


@require_GET
def status(request: HttpRequest, pk: int, upload_pk: int) -> JsonResponse:
    return JsonResponse(_status(_upload(request, pk, upload_pk)))


def _status(upload: Upload) -> dict[str, Any]:
    return {
        "state": upload.state,
        "error": upload.error,
        "announced": upload.announced,
        "counts": uploads.totals(upload),
    }


@require_GET
def results(request: HttpRequest, pk: int, upload_pk: int) -> HttpResponse:
    """A part of a page: files of one outcome, with the reason of each."""
    upload = _upload(request, pk, upload_pk)
    chosen = UploadResultsForm(request.GET).valid().cleaned_data
    found = upload.results.filter(outcome=chosen["outcome"], pk__gt=chosen["after"] or 0)
    page = list(found.select_related("image")[: RESULTS_A_PAGE + 1])
    context = {"results": page[:RESULTS_A_PAGE], "more": len(page) > RESULTS_A_PAGE}
    return render(request, "projects/_upload_results.html", context)
