"""Turns a `Refusal` raised anywhere below a view into an answer of the kind that was asked for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from ..errors import Forbidden, Refusal

GONE = "That is not there any more: it was deleted, or belongs to somebody else. Reload the page."
FORGED = (
    "This page is older than your last sign-in, or your browser keeps no cookies of this site. "
    "Reload the page, then do that again."
)


class RefusalMiddleware:
    """JSON for scripts and modules, a page for people."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, problem: Exception) -> HttpResponse | None:
        if isinstance(problem, Refusal):
            return refuse(request, problem)
        if isinstance(problem, Http404) and wants_json(request):
            return JsonResponse({"error": GONE, "code": "not_found"}, status=404)
        return None


def refuse(request: HttpRequest, problem: Refusal) -> HttpResponse:
    """Answer with the refusal's sentence."""
    if wants_json(request):
        body = {"error": str(problem), "code": problem.code}
        return JsonResponse(body, status=problem.status)
    return render(request, "refusal.html", {"refusal": problem}, status=problem.status)


def refuse_forged(request: HttpRequest, **_reason: object) -> HttpResponse:
    """Answer to a request without the token that only our own pages know."""
    return refuse(request, Forbidden(FORGED, code="csrf"))


def wants_json(request: HttpRequest) -> bool:
    """Whether the answer is read by a script: our modules send `Accept: application/json`."""
    return request.headers.get("Accept", "").startswith("application/json") or bool(
        request.headers.get("HX-Request")
    )
