"""Every refusal as `{"error": "<sentence>", "code": "..."}`."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from similarity.errors import EncoderUnavailable, SimilarityError

from ..errors import Refusal
from ..outages import outage_of

UNREADABLE = {
    "empty": 400,
    "not_an_image": 415,
    "format_not_accepted": 415,
    "too_many_pixels": 413,
    "truncated": 422,
    "corrupt": 422,
}
"""Status of what is wrong with an image."""

SENTENCES = {
    exceptions.NotAuthenticated: (
        "no_token",
        "Send a token in the header X-Auth-token; make one in your profile.",
    ),
    exceptions.MethodNotAllowed: (
        "method_not_allowed",
        "This address does not answer to that method; see /api/docs.",
    ),
}


def answer_to(problem: Exception, context: dict[str, Any]) -> Response | None:  # noqa: ARG001
    """DRF's exception handler. None: it is our mistake, and becomes a 500 without a traceback."""
    match problem:
        case Refusal():
            return _answer(str(problem), problem.code, problem.status, wait=problem.wait)
        case EncoderUnavailable():
            return _answer(str(problem), problem.code, 503, wait=60)
        case SimilarityError():
            return _answer(str(problem), problem.code, UNREADABLE.get(problem.code, 422))
        case exceptions.APIException():
            return _answer_to_drf(problem)
        case Http404():
            return _answer("There is no such thing here.", "not_found", 404)
        case PermissionDenied():
            return _answer("You may not do this.", "forbidden", 403)
        case RequestDataTooBig():
            return _answer("The body is larger than is accepted.", "body_too_large", 413)
        case SuspiciousOperation():
            return _answer("The request cannot be read.", "bad_request", 400)
        case UnreadablePostError():
            return _answer("The body ended before its length.", "body_cut_off", 400)
    # Said here too, before DRF takes it for a mistake of ours.
    if outage := outage_of(problem):
        return _answer(str(outage), outage.code, outage.status, wait=outage.wait)
    return None


def _answer(sentence: str, code: str, status: int, *, wait: float | None = None) -> Response:
    headers = {"Retry-After": str(max(1, math.ceil(wait)))} if wait else None
    # What was sent is told back, and half a surrogate pair cannot be written.
    sentence = sentence.encode(errors="replace").decode()
    return Response({"error": sentence, "code": code}, status=status, headers=headers)


def _answer_to_drf(problem: exceptions.APIException) -> Response:
    code, sentence = SENTENCES.get(type(problem), ("", ""))
    if isinstance(problem, exceptions.ValidationError):
        code, sentence = "invalid", _first_problem(problem.detail)
    detail = problem.detail
    if not code:
        code = str(getattr(detail, "code", problem.default_code))
        sentence = str(detail)
    if sentence.startswith("CSRF"):
        code, sentence = "csrf", f"{sentence} Scripts send a token in X-Auth-token instead."
    answer = _answer(sentence, code, problem.status_code)
    if header := getattr(problem, "auth_header", None):
        answer["WWW-Authenticate"] = header
    return answer


def _first_problem(detail: Any, path: str = "") -> str:
    """Return the first problem of a serializer with the way to its field: `changes[3].image: …`."""
    if isinstance(detail, dict):
        key, inner = next(iter(detail.items()))
        if key == "non_field_errors":
            return _first_problem(inner, path)
        if isinstance(key, int):
            return _first_problem(inner, f"{path}[{key}]")
        return _first_problem(inner, f"{path}.{key}" if path else str(key))
    if isinstance(detail, list):
        for number, inner in enumerate(detail):
            if inner:
                nested = isinstance(inner, dict)
                return _first_problem(inner, f"{path}[{number}]" if nested else path)
        return f"{path}: it is not valid."
    return f"{path}: {detail}" if path else str(detail)
