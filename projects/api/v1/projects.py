"""Projects over the API."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from ...access import projects_within, refuse_restricted
from ...models import Image, Project, Role
from ...services.projects import change_project, create_project, delete_project
from ..base import ApiView
from ..parameters import Parameters
from .paging import PAGING, list_answer, part_by_id
from .serializers import ProjectChange, ProjectIn, project_out


class Projects(ApiView):
    """The projects the person sees."""

    parameters = PAGING

    def get(self, request: Request) -> HttpResponseBase:
        part = part_by_id(Parameters(request.query_params), projects_within(self.user, self.token))
        told = _told(part.rows, self.user)
        return list_answer(request, part, lambda project: told[project.pk])

    def post(self, request: Request) -> Response:  # noqa: ARG002
        refuse_restricted(self.token)
        given = self.valid(ProjectIn)
        project = create_project(self.user, name=given["name"], multi_label=given["multi_label"])
        return Response(_told([project], self.user)[project.pk], status=201)


class OneProject(ApiView):
    """One project: looked at, changed, deleted."""

    def get(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk)
        return Response(_told([project], self.user)[project.pk])

    def patch(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.MANAGER)
        given = self.valid(ProjectChange)
        change_project(
            project,
            name=given.get("name", project.name),
            multi_label=given.get("multi_label", project.multi_label),
        )
        return Response(_told([project], self.user)[project.pk])

    def delete(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        delete_project(self.project(pk, needs=Role.OWNER))
        return Response(status=204)


def _told(projects: Any, user: Any) -> dict[int, dict[str, Any]]:
    """Return projects as scripts get them, by number, counted in one query."""
    counted = (
        Image.objects.in_dataset()
        .filter(project__in=[project.pk for project in projects])
        .values_list("project")
        .annotate(n=Count("id"), labeled=Count("id", filter=Q(is_labeled=True)))
    )
    counts = {pk: (n, labeled) for pk, n, labeled in counted}
    return {project.pk: _told_one(project, user, counts) for project in projects}


def _told_one(project: Project, user: Any, counts: dict[int, tuple[int, int]]) -> dict[str, Any]:
    images, labeled = counts.get(project.pk, (0, 0))
    return project_out(project, role=project.role_of(user), images=images, labeled=labeled)
