"""Outermost: every request has an id, a line in the log and a place in the metrics."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject, empty

from ..logs import knowing, view_of
from ..metrics import note_request
from .probes import PROBES

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
GOOD_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestMiddleware:
    """Takes the id that a proxy gave, or makes one, and gives it back with the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = _id_of(request)
        start = time.perf_counter()
        with knowing(request_id=request_id):
            answer = self.get_response(request)
            _tell(request, answer, time.perf_counter() - start)
        answer[HEADER] = request_id
        return answer


def _id_of(request: HttpRequest) -> str:
    sent = request.headers.get(HEADER, "")
    return sent if GOOD_ID.fullmatch(sent) else uuid.uuid4().hex


def _tell(request: HttpRequest, answer: HttpResponse, seconds: float) -> None:
    view, method = _view(request), str(request.method)
    note_request(view, method, answer.status_code, seconds)
    facts = {"view": view, "method": method[:10], "status": answer.status_code}
    facts |= {"ms": round(1000 * seconds, 1), **_whose(request)}
    level = logging.WARNING if answer.status_code >= 500 else logging.INFO
    log.log(level, "request", extra={"facts": facts})


def _view(request: HttpRequest) -> str:
    return request.path_info[1:] if request.path_info in PROBES else view_of(request)


def _whose(request: HttpRequest) -> dict[str, Any]:
    found = {"user": _person_id(request), "project": _project_id(request)}
    return {name: value for name, value in found.items() if value is not None}


def _project_id(request: HttpRequest) -> int | None:
    match = request.resolver_match
    if match is None or match.url_name == "token-revoke":
        return None
    found = match.kwargs.get("project", match.kwargs.get("pk"))
    return found if isinstance(found, int) else None


def _person_id(request: HttpRequest) -> int | None:
    """Who it is, if that was asked already: finding out would be a query for a line in a log."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject) and user._wrapped is empty:
        return None
    return getattr(user, "pk", None)
