"""Labels as files: out as CSV and JSON, in as CSV."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods

from ..access import person, project_for
from ..errors import Refusal
from ..forms import GridFilter, ImportForm, SplitForm
from ..models import ImageQuerySet, Project, Role
from ..services import exports
from ..services.acts import count
from ..services.imports import import_labels
from ..services.selection import sorted_images
from ..services.splits import split_of


@require_GET
def export_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    project = project_for(request, pk)
    lines = exports.csv_lines(_images(project, request), _split(project, request))
    return _download(project, lines, "csv", "text/csv; charset=utf-8")


@require_GET
def export_json(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    project = project_for(request, pk)
    chunks = exports.json_chunks(_images(project, request), _split(project, request))
    return _download(project, chunks, "json", "application/json")


def _images(project: Project, request: HttpRequest) -> ImageQuerySet:
    """What the grid shows under the same query string, in the same order."""
    grid_filter = GridFilter(project, request.GET).checked()
    return sorted_images(grid_filter.images(), grid_filter.order)


def _split(project: Project, request: HttpRequest) -> dict[int, str] | None:
    """The sides of a split, if `validation` asks for one."""
    percent = SplitForm(request.GET).valid().percent
    return split_of(project, percent=percent) if percent else None


def _download(
    project: Project, content: Iterator[str], extension: str, content_type: str
) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(content, content_type=content_type)
    day = timezone.localdate().isoformat()
    name = f"{slugify(project.name) or 'project'}-labels-{day}.{extension}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_http_methods(["GET", "POST"])
def import_csv(request: HttpRequest, pk: int) -> HttpResponse:
    project = project_for(request, pk, needs=Role.LABELER)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    report = None
    if form.is_valid():
        try:
            report = import_labels(project, person(request), form.cleaned_data["file"])
        except Refusal as problem:
            form.add_error("file", str(problem))
    if report and not report.problem_count:
        messages.success(request, f"Imported: {count(report.labeled, 'image')} labeled.")
        return redirect("project", project.pk)
    context = {"project": project, "form": form, "report": report}
    return render(request, "projects/import.html", context, status=400 if form.errors else 200)
