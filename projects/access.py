"""Who may see and do what. The only place that decides."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from .errors import Forbidden
from .models import ApiToken, Project, Role, Scope

RANK = {Role.VIEWER: 0, Role.LABELER: 1, Role.MANAGER: 2, Role.OWNER: 3}

SCOPE_RANK = {Scope.READ: 0, Scope.PREDICT: 1, Scope.WRITE: 2}

NEEDED_FOR = {
    Role.LABELER: "upload and label images",
    Role.MANAGER: "change the project's settings",
    Role.OWNER: "delete the project",
}


def person(request: HttpRequest) -> User:
    """The signed-in person. The middleware sends everybody else to sign in before a view runs."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def may(user: User, project: Project, needs: Role) -> bool:
    """Whether the person's role in this project is at least `needs`."""
    role = project.role_of(user)
    return role is not None and RANK[role] >= RANK[needs]


def project_for(request: HttpRequest, pk: int, *, needs: Role = Role.VIEWER) -> Project:
    """Return the project if the person may do what is asked.

    Raises:
        Http404: there is no such project, or it is somebody else's (a stranger cannot tell which).
        Forbidden: a member whose role does not allow it.
    """
    user = person(request)
    project = Project.objects.visible_to(user).filter(pk=pk).first()
    if project is None:
        raise Http404("No such project.")
    role = project.role_of(user)
    if role is None or RANK[role] < RANK[needs]:
        raise Forbidden(
            f"Your role in this project ({role}) does not allow you to {NEEDED_FOR[needs]}; "
            "ask its owner for another role.",
            code="role_too_low",
        )
    return project


def refuse_scope(token: ApiToken | None, scope: Scope) -> None:
    """Raise `Forbidden` if a token's scope does not reach so far. A page has no token, and all."""
    if token is not None and SCOPE_RANK[Scope(token.scope)] < SCOPE_RANK[scope]:
        raise Forbidden(
            f"This needs a token of scope {scope.value}; yours has {token.scope}. Make another one "
            "in your profile.",
            code="scope_too_low",
        )


def api_project_for(
    request: HttpRequest, pk: int, *, needs: Role, token: ApiToken | None
) -> Project:
    """Return the project as `project_for` does, if the token reaches it."""
    if token is not None and not token.reaches(pk):
        raise Http404("No such project.")
    return project_for(request, pk, needs=needs)


def projects_within(user: User, token: ApiToken | None) -> QuerySet[Project]:
    """Return the projects the person sees and the token reaches."""
    projects = Project.objects.visible_to(user)
    return (
        projects
        if token is None or token.project_id is None
        else projects.filter(pk=token.project_id)
    )


def refuse_restricted(token: ApiToken | None) -> None:
    """Raise `Forbidden` if the token is for one project only: it can make no other."""
    if token is not None and token.project_id is not None:
        raise Forbidden(
            f"This token reaches project {token.project_id} only; make another one in your "
            "profile.",
            code="token_of_one_project",
        )
