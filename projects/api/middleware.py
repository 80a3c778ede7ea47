"""Around everything under /api: errors are JSON whoever raised them, and pages of other origins may
ask with a token.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .authentication import HEADER
from .rendering import json_answer

OURS = re.compile(r"/(rs/)?api(/|$)")
METHODS = "GET, HEAD, POST, PATCH, PUT, DELETE"
REQUEST_HEADERS = "X-Auth-token, Content-Type, Idempotency-Key, If-None-Match"
EXPOSED = "ETag, Retry-After, Location, Server-Timing, Idempotent-Replay"
A_DAY = "86400"

ERRORS = {
    400: ("bad_request", "The request cannot be read."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this address; see /api/docs for those there are."),
    405: ("method_not_allowed", "This address does not answer to that method; see /api/docs."),
    413: ("body_too_large", "The body is larger than is accepted."),
}
INTERNAL = ("internal", "Something went wrong on our side; it is written down in the server's log.")


class ApiMiddleware:
    """The outermost one. Of an error made elsewhere (Django's pages, middlewares) it keeps only the
    status.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not OURS.match(request.path_info):
            return self.get_response(request)
        if _is_preflight(request):
            return _preflight()
        answer = self.get_response(request)
        if answer.status_code >= 400 and not _is_json(answer):
            answer = _as_json(answer)
        if HEADER in request.headers:
            _let_other_origins_read(answer)
        return answer


def _is_json(answer: HttpResponse) -> bool:
    return answer.get("Content-Type", "").startswith("application/json")


def _as_json(answer: HttpResponse) -> HttpResponse:
    status = answer.status_code
    code, sentence = ERRORS.get(status, INTERNAL if status >= 500 else ERRORS[400])
    return json_answer({"error": sentence, "code": code}, status=status)


def _is_preflight(request: HttpRequest) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _preflight() -> HttpResponse:
    """What a browser asks before a request with our header. It holds for every origin, since the
    answer itself is given for a token only, never for a cookie.
    """
    answer = HttpResponse(status=200)
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Allow-Methods"] = METHODS
    answer["Access-Control-Allow-Headers"] = REQUEST_HEADERS
    answer["Access-Control-Max-Age"] = A_DAY
    return answer


def _let_other_origins_read(answer: HttpResponse) -> None:
    # A star, and no Allow-Credentials: browsers then send no cookie, and show no answer to one.
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Expose-Headers"] = EXPOSED
    # For pictures: a page may show what it fetched.
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
