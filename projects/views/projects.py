"""The list of projects, and making, changing, deleting and restoring one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from ..access import person, project_for
from ..errors import Conflict
from ..forms import DeleteProjectForm, ProjectForm
from ..models import Project, Role
from ..services import projects as service
from .encoders import encoder_section


def project_list(request: HttpRequest) -> HttpResponse:
    user = person(request)
    context = {"cards": service.project_cards(user), "deleted": service.deleted_projects(user)}
    return render(request, "projects/list.html", context)


@require_http_methods(["GET", "POST"])
def project_new(request: HttpRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        project = service.create_project(
            person(request), name=form.cleaned_data["name"], multi_label=form.is_multi_label
        )
        return redirect("project", project.pk)
    status = 400 if form.errors else 200
    return render(request, "projects/new.html", {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
def project_settings(request: HttpRequest, pk: int) -> HttpResponse:
    project = project_for(request, pk, needs=Role.MANAGER)
    kind = "multi" if project.multi_label else "single"
    form = ProjectForm(request.POST or None, initial={"name": project.name, "kind": kind})
    if request.method == "POST" and form.is_valid():
        try:
            service.change_project(
                project, name=form.cleaned_data["name"], multi_label=form.is_multi_label
            )
        except Conflict as problem:
            form.add_error("kind", str(problem))
        else:
            messages.success(request, "Settings saved.")
            return redirect("project-settings", project.pk)
    return _settings_page(request, project, form, DeleteProjectForm(project=project))


@require_POST
def project_delete(request: HttpRequest, pk: int) -> HttpResponse:
    project = project_for(request, pk, needs=Role.OWNER)
    delete_form = DeleteProjectForm(request.POST, project=project)
    if not delete_form.is_valid():
        kind = "multi" if project.multi_label else "single"
        form = ProjectForm(initial={"name": project.name, "kind": kind})
        return _settings_page(request, project, form, delete_form)
    service.delete_project(project)
    days = service.KEPT_FOR.days
    messages.success(
        request, f"“{project.name}” is deleted. It can be restored here for {days} days."
    )
    return redirect("projects")


def _settings_page(
    request: HttpRequest, project: Project, form: ProjectForm, delete_form: DeleteProjectForm
) -> HttpResponse:
    context = {
        "project": project,
        "form": form,
        "delete_form": delete_form,
        "is_owner": project.owner_id == request.user.pk,
        "days": service.KEPT_FOR.days,
        **encoder_section(project),
    }
    status = 400 if form.errors or delete_form.errors else 200
    return render(request, "projects/settings.html", context, status=status)


@require_POST
def project_restore(request: HttpRequest, pk: int) -> HttpResponse:
    user = person(request)
    project = get_object_or_404(Project, pk=pk, owner=user, deleted_at__isnull=False)
    service.restore_project(project)
    messages.success(request, f"“{project.name}” is back.")
    return redirect("projects")
