"""What machines ask: does the process answer, can it work, what did it count."""

from __future__ import annotations

import ipaddress
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from ..backlog import CONTENT_TYPE, server_metrics
from ..health import checks

SECONDS_UNTIL_READY = "5"
PASSED_ON = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")
"""Headers of a proxy: what came through one on this machine does not come from this machine."""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The process answers; nothing else is looked at. Who gets no answer restarts it."""
    return _unkept(HttpResponse("ok\n", content_type="text/plain"))


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests can be served: 200 or 503. The parts are told to whoever runs the server."""
    found = checks()
    ok = all(check.ok for check in found)
    body: dict[str, object] = {"ok": ok}
    if is_trusted(request):
        body["checks"] = [check._asdict() for check in found]
    answer = JsonResponse(body, status=200 if ok else 503)
    if not ok:
        answer["Retry-After"] = SECONDS_UNTIL_READY
    return _unkept(answer)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; a 404 for everybody who does not run the server."""
    if not is_trusted(request):
        return _unkept(HttpResponse("Not here.\n", status=404, content_type="text/plain"))
    return _unkept(HttpResponse(server_metrics(), content_type=CONTENT_TYPE))


def is_trusted(request: HttpRequest) -> bool:
    """Whether it comes from this very machine, or with the token of the metrics."""
    token = settings.ENVIRONMENT["LABELING_METRICS_TOKEN"]
    sent = request.headers.get("Authorization", "")
    if token and secrets.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        return True
    return not any(name in request.headers for name in PASSED_ON) and _is_loopback(
        request.META.get("REMOTE_ADDR", "")
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _unkept(answer: HttpResponse) -> HttpResponse:
    answer["Cache-Control"] = "no-store"
    return answer
