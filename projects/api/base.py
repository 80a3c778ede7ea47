"""What every view of the API has: who asks, what they may, and answers that are given once."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from ..access import api_project_for, person, refuse_scope
from ..errors import Refusal
from ..models import ApiToken, KeptAnswer, Project, Role, Scope
from ..services import kept_answers
from ..services.arrivals import max_file_bytes
from ..services.timing import timed
from ..services.usage import count_request
from .authentication import PageAuthentication, TokenAuthentication
from .bodies import read_body
from .rendering import AlwaysFirst, SafeJSONRenderer

SAFE = {"GET", "HEAD", "OPTIONS"}
MAX_JSON = 20 * 1024 * 1024


class AnsweredBefore(Exception):
    def __init__(self, row: KeptAnswer) -> None:
        super().__init__("answered before")
        self.row = row


class ApiView(APIView):
    """JSON in and out. `scopes`: what a method needs of a token; else read for GET, write."""

    authentication_classes = (TokenAuthentication, PageAuthentication)
    permission_classes = (IsAuthenticated,)
    renderer_classes = (SafeJSONRenderer,)
    parser_classes = (MultiPartParser,)
    content_negotiation_class = AlwaysFirst
    metadata_class = None
    scopes: ClassVar[dict[str, Scope]] = {}
    body_limit: ClassVar[int] = MAX_JSON
    parameters: ClassVar[frozenset[str] | None] = frozenset()
    """What the query string may hold; None: anything, and what is unknown is ignored."""

    _row: KeptAnswer | None = None
    _body: bytes | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with timed() as parts:
            answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        if parts:
            answer["Server-Timing"] = ", ".join(f"{n};dur={ms:.2f}" for n, ms in parts.items())
        return answer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = str(request.method)
        if hasattr(self, method.lower()):
            self.require(self.scopes.get(method, Scope.READ if method in SAFE else Scope.WRITE))
            self._refuse_unknown(request)
            self._begin_once(request)

    def _refuse_unknown(self, request: Request) -> None:
        """A parameter that is mistyped would otherwise do nothing without a word."""
        unknown = set(request.query_params) - (self.parameters or set())
        if self.parameters is not None and unknown:
            known = ", ".join(sorted(self.parameters)) or "none"
            name = min(unknown)[:40]
            raise Refusal(
                f"There is no parameter “{name}” here; there are: {known}.",
                code="unknown_parameter",
            )

    def require(self, scope: Scope) -> None:
        """Refuse a token whose scope does not reach so far."""
        refuse_scope(self.token, scope)

    @property
    def token(self) -> ApiToken | None:
        """The token that was sent; None for a signed-in page."""
        return self.request.auth if isinstance(self.request.auth, ApiToken) else None

    def project(self, pk: int, *, needs: Role = Role.VIEWER) -> Project:
        """Return the project if who asks may do this there, and count the request."""
        project = api_project_for(self.request, pk, needs=needs, token=self.token)
        count_request(project)
        return project

    @property
    def user(self) -> Any:
        return person(self.request)

    def raw_body(self) -> bytes:
        """Return the bytes of the body, at most `body_limit`."""
        if self._body is None:
            self._body = read_body(self.request._request, self.body_limit)
        return self._body

    def json_body(self) -> Any:
        """Return the body's JSON, or refuse it. No body says as much as an empty object."""
        kind = self.request.content_type.partition(";")[0].strip().lower()
        body = self.raw_body()
        if body and kind not in {"", "application/json", "text/plain"} and "+json" not in kind:
            raise UnsupportedMediaType(kind)
        try:
            return json.loads(body) if body else {}
        except (ValueError, RecursionError):
            raise Refusal("The body is not JSON.", code="bad_json") from None

    def valid(self, serializer: type[BaseSerializer[Any]], data: Any = None) -> dict[str, Any]:
        """Return the checked fields of the JSON body, or of some other data."""
        checked = serializer(data=self.json_body() if data is None else data)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def _begin_once(self, request: Request) -> None:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method in SAFE:
            return
        begun = kept_answers.begin(
            self.user, self.token, key=key, request_hash=self._request_hash(request)
        )
        if not begun.is_first:
            raise AnsweredBefore(begun.row)
        self._row = begun.row

    def _request_hash(self, request: Request) -> str:
        digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\0".encode())
        if request.content_type.startswith("multipart/"):
            # Its boundary is another one each time, so what lies between counts.
            for name, values in sorted(request.data.lists()):
                for value in values:
                    digest.update(f"\0{name}\0{getattr(value, 'name', value)}\0".encode())
                    if hasattr(value, "chunks"):
                        for chunk in value.chunks():
                            digest.update(chunk)
        else:
            digest.update(self.raw_body())
        return digest.hexdigest()

    def handle_exception(self, exc: Exception) -> HttpResponseBase:
        if isinstance(exc, AnsweredBefore):
            row = exc.row
            answer = HttpResponse(
                bytes(row.content), status=row.status, content_type=row.content_type
            )
            answer["Idempotent-Replay"] = "true"
            return answer
        try:
            return super().handle_exception(exc)
        except Exception:
            if self._row is not None:
                self._row.delete()
            raise

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        if not answer.has_header("Cache-Control"):
            answer["Cache-Control"] = "private, no-cache"
        patch_vary_headers(answer, ["X-Auth-token", "Cookie"])
        if self._row is not None:
            self._keep(answer)
        return answer

    def _keep(self, answer: HttpResponseBase) -> None:
        if isinstance(answer, Response):
            answer.render()
        assert self._row is not None  # noqa: S101
        kept_answers.keep(
            self._row,
            status=answer.status_code,
            content_type=answer.get("Content-Type", ""),
            content=getattr(answer, "content", b""),
        )


def image_body_limit() -> int:
    """Return the most bytes of a body that holds one image: base64 takes a third more."""
    return max_file_bytes() * 4 // 3 + 64 * 1024
