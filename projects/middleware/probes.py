"""Answers `/healthz`, `/readyz` and `/metrics` before anything else is asked.

A probe knows the machine by its address, not by a name in ALLOWED_HOSTS, speaks no HTTPS to it and
has no session: every middleware further in would refuse it, or need the database to find out.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ..views.probes import healthz, metrics, readyz

PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": healthz,
    "/readyz": readyz,
    "/metrics": metrics,
}


class ProbeMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return PROBES.get(request.path_info, self.get_response)(request)
