"""Who may do what: every route and method, for everybody, from the URL resolver.

A route or method of the API that has no row in `ROWS` fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.test.client import MULTIPART_CONTENT, encode_multipart
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from projects.api.base import ApiView
from projects.models import ApiToken, Job, Membership, Role, Scope, Upload
from projects.services import collections
from projects.services.jobs import Item, make_job
from projects.services.predictions import Controls
from tests.drawings import picture_bytes

from .conftest import Script, token_of

NEW = picture_bytes("red circle", 50)
ZIP = b"PK\5\6" + bytes(18)
"""The shortest zip file there is."""
ROLES = [None, Role.VIEWER, Role.LABELER, Role.MANAGER, Role.OWNER]
SCOPES = [Scope.READ, Scope.PREDICT, Scope.WRITE]


@dataclass(frozen=True)
class Row:
    """What a call needs, and a body with which it succeeds. `role` None: there is no project."""

    role: Role | None
    scope: Scope
    body: Any = None
    query: str = ""


V, L, M, O = Role.VIEWER, Role.LABELER, Role.MANAGER, Role.OWNER  # noqa: E741
READ, PREDICT, WRITE = SCOPES
CHANGES = {"changes": [{"image": "red-circle-000.jpg", "labels": ["red circle"]}]}
CONFIRMED = {"results": [{"image": "red-circle-000.jpg", "suggestions": [{"label": "red circle"}]}]}
P = "api/v1/projects/<int:pk>"
ROWS: dict[tuple[str, str], Row] = {
    ("api/similarity-labels", "POST"): Row(V, PREDICT, NEW, "?project={project}"),
    ("api/similarity", "POST"): Row(V, PREDICT, NEW, "?project={project}"),
    ("api/image/<int:project>/<path:name>", "GET"): Row(V, READ),
    ("api/image/<int:project>/<path:name>", "POST"): Row(L, WRITE, NEW),
    ("api/image/<int:project>/<path:name>", "DELETE"): Row(L, WRITE),
    ("api/images/<int:project>", "GET"): Row(V, READ),
    ("api/project", "POST"): Row(None, WRITE, {"name": "Pets"}),
    ("api/v1/projects", "GET"): Row(None, READ),
    ("api/v1/projects", "POST"): Row(None, WRITE, {"name": "Pets"}),
    (P, "GET"): Row(V, READ),
    (P, "PATCH"): Row(M, WRITE, {"name": "Pets"}),
    (P, "DELETE"): Row(O, WRITE),
    (f"{P}/labels", "GET"): Row(V, READ),
    (f"{P}/labels", "POST"): Row(L, WRITE, {"name": "cat"}),
    (f"{P}/labels/<int:label_pk>", "GET"): Row(V, READ),
    (f"{P}/labels/<int:label_pk>", "PATCH"): Row(L, WRITE, {"name": "cat"}),
    (f"{P}/labels/<int:label_pk>", "DELETE"): Row(L, WRITE),
    (f"{P}/labels/<int:label_pk>/merge", "POST"): Row(L, WRITE, {"into": "{other_label}"}),
    (f"{P}/images", "GET"): Row(V, READ),
    (f"{P}/images/labels", "POST"): Row(L, WRITE, CHANGES),
    (f"{P}/images/by-name/<path:name>", "GET"): Row(V, READ),
    (f"{P}/uploads", "GET"): Row(V, READ),
    (f"{P}/uploads", "POST"): Row(L, WRITE, "form"),
    (f"{P}/uploads/zip", "POST"): Row(L, WRITE, "zip"),
    (f"{P}/uploads/check", "POST"): Row(V, READ, {"sha256": ["ab" * 32]}),
    (f"{P}/uploads/<int:upload_pk>", "GET"): Row(V, READ),
    (f"{P}/uploads/<int:upload_pk>/results", "GET"): Row(V, READ),
    (f"{P}/suggestions", "POST"): Row(V, PREDICT, {"images": ["red-circle-000.jpg"]}),
    (f"{P}/suggestions/commit", "POST"): Row(L, WRITE, CONFIRMED),
    (f"{P}/similar", "GET"): Row(V, PREDICT, query="?image=red-circle-000.jpg"),
    (f"{P}/export", "GET"): Row(V, READ),
    (f"{P}/jobs", "GET"): Row(V, READ),
    (f"{P}/jobs/<int:job_pk>", "GET"): Row(V, READ),
}
"""By address without the second root, alias and slash at the end: those need the same."""
PUBLIC = {"api/schema", "api/docs"}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from patterns(each, path)
        else:
            yield path, each


def canonical(path: str) -> str:
    path = path.removeprefix("rs/").rstrip("/")
    return path.replace("similarity-labeling", "similarity-labels")


def calls() -> list[tuple[str, str]]:
    """Every (address, method) of the API."""
    found = []
    for path, pattern in patterns(get_resolver()):
        if path.removeprefix("rs/").startswith("api/") and path not in PUBLIC:
            view = pattern.callback.view_class
            assert issubclass(view, ApiView), path
            methods = [m.upper() for m in view.http_method_names if hasattr(view, m)]
            found += [(path, method) for method in methods if method not in ("HEAD", "OPTIONS")]
    return found


def test_every_call_has_a_row_and_every_row_a_call():
    assert {(canonical(path), method) for path, method in calls()} == set(ROWS)


@pytest.fixture
def fill(drawn, owner) -> Callable[[str], str]:
    """Puts what there is into an address or a body."""
    labels = list(drawn.labels.order_by("pk").values_list("pk", flat=True))
    values = {
        "<int:pk>": drawn.pk,
        "<int:project>": drawn.pk,
        "{project}": drawn.pk,
        "<path:name>": "red-circle-000.jpg",
        "<int:label_pk>": labels[0],
        '"{other_label}"': labels[1],
        "<int:upload_pk>": Upload.objects.get().pk,
        "<int:job_pk>": make_job(drawn, owner, [Item("a.jpg")], Controls()).pk,
    }
    assert Job.objects.count() == 1

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, str(value))
        return text

    return filled


@pytest.fixture
def ask(fill) -> Callable[..., int]:
    """Makes a call that would succeed, and takes back what it did; returns the status."""

    def made(client: Client, path: str, method: str) -> int:
        row = ROWS[canonical(path), method]
        url = "/" + fill(path) + fill(row.query)
        with transaction.atomic():
            answer = client.generic(method, url, *content_of(row, fill))
            transaction.set_rollback(True)
        collections.forget()
        return int(answer.status_code)

    return made


def content_of(row: Row, fill: Callable[[str], str]) -> tuple[bytes, str]:
    if row.body is None:
        return b"", ""
    if row.body in ("form", "zip"):
        file = SimpleUploadedFile("new", NEW if row.body == "form" else ZIP)
        return encode_multipart("BoUnDaRyStRiNg", {"file": file}), MULTIPART_CONTENT
    if isinstance(row.body, bytes):
        return row.body, "application/octet-stream"
    return fill(json.dumps(row.body)).encode(), "application/json"


@pytest.mark.parametrize(("path", "method"), calls())
def test_everybody_gets_what_they_may(drawn, owner, ask, path, method):
    row = ROWS[canonical(path), method]
    assert ask(Script(), path, method) == 401
    revoked = token_of(owner)
    ApiToken.objects.update(revoked_at=timezone.now())
    assert ask(Script(revoked), path, method) == 401
    expired = token_of(owner, days=1)
    ApiToken.objects.update(expires_at=timezone.now())
    assert ask(Script(expired), path, method) == 401
    for role in ROLES:
        user = owner if role == Role.OWNER else User.objects.create_user(f"the {role}")
        if role not in (None, Role.OWNER):
            Membership.objects.create(project=drawn, user=user, role=role)
        status = ask(Script(token_of(user)), path, method)
        assert_status(status, expected_of_role(row, role), f"{role} with a token")
        client = Client()
        client.force_login(user)
        assert ask(client, path, method) == status, f"{role} in a page"
    for scope in SCOPES:
        status = ask(Script(token_of(owner, scope)), path, method)
        enough = SCOPES.index(scope) >= SCOPES.index(row.scope)
        assert_status(status, 200 if enough else 403, f"scope {scope}")


def expected_of_role(row: Row, role: Role | None) -> int:
    if row.role is None:
        return 200
    if role is None:
        return 404
    return 200 if ROLES.index(role) >= ROLES.index(row.role) else 403


def assert_status(status: int, expected: int, who: str) -> None:
    if expected == 200:
        assert 200 <= status < 300, f"{who} got {status}"
    else:
        assert status == expected, f"{who} got {status} instead of {expected}"


@pytest.mark.parametrize(
    ("path", "method"), [c for c in calls() if ROWS[canonical(c[0]), c[1]].role]
)
def test_a_token_of_another_project_reaches_nothing_here(drawn, owner, ask, path, method):
    other = type(drawn).objects.create(name="Other", owner=owner)
    assert ask(Script(token_of(owner, project=other)), path, method) == 404
    here = ask(Script(token_of(owner, project=drawn)), path, method)
    assert 200 <= here < 300
