"""Database or disk away: an honest 503 that says when to come again, as a page or as JSON.

The page needs neither database nor session, which may be what is away.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error as plain_server_error

from ..api.middleware import OURS
from ..api.rendering import json_answer
from ..outages import Outage, outage_of
from .refusals import wants_json

log = logging.getLogger(__name__)


class OutageMiddleware:
    """For what views raise. What middlewares raise comes to `server_error`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        made = self.get_response(request)
        if made.status_code == Outage.status:
            _drop_half_files(request)
        return made

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        outage = outage_of(problem)
        return answer(request, outage, problem) if outage else None


def _drop_half_files(request: HttpRequest) -> None:
    """Give back the room of files that did not come in whole: Django leaves it to the collector."""
    for handler in request.upload_handlers:
        if file := getattr(handler, "file", None):
            # What is left in its buffer finds no room either.
            with contextlib.suppress(OSError):
                file.close()


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler of what nobody caught, such as a session that cannot be read."""
    problem = sys.exc_info()[1]
    outage = outage_of(problem) if problem else None
    return answer(request, outage, problem) if outage else plain_server_error(request)


def answer(request: HttpRequest, outage: Outage, problem: BaseException | None) -> HttpResponse:
    """Return the outage's sentence, and write down what was behind it."""
    log.warning("%s: answered 503 because of %s", outage.code, type(problem).__name__)
    made = _json(outage) if wants_json(request) or OURS.match(request.path_info) else _page(outage)
    made["Retry-After"] = str(math.ceil(outage.wait or 1))
    made["Cache-Control"] = "no-store"
    return made


def _json(outage: Outage) -> HttpResponse:
    return json_answer({"error": str(outage), "code": outage.code}, status=outage.status)


def _page(outage: Outage) -> HttpResponse:
    return HttpResponse(render_to_string("503.html", {"outage": outage}), status=outage.status)
