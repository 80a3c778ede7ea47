"""JSON out: always, and such that a page that puts it into `innerHTML` runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_TABLE = str.maketrans(_UNSAFE)
_BYTES = [(sign.encode(), escape.encode()) for sign, escape in _UNSAFE.items()]


def escaped(text: str) -> str:
    """Return JSON text without signs that HTML reads. They stand inside of strings only."""
    return text.translate(_TABLE)


class SafeJSONRenderer(JSONRenderer):
    """Samples of the product we match show answers by `innerHTML`; labels are typed by people."""

    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        content: bytes = super().render(data, accepted_media_type, renderer_context)
        for sign, escape in _BYTES:
            content = content.replace(sign, escape)
        return content


class AlwaysFirst(BaseContentNegotiation):
    """What a client says it accepts changes nothing: there is one kind of answer."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser:  # noqa: ARG002
        return parsers[0]

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002
        renderers: Sequence[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


def json_answer(data: object, *, status: int) -> HttpResponse:
    """Return an answer where no DRF view is there to make one."""
    content = escaped(json.dumps(data, ensure_ascii=False))
    return HttpResponse(content, status=status, content_type="application/json")
