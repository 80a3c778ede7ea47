"""Lists in parts: by a cursor behind the last row, so that page 1,000 costs as page 1."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from ...errors import Refusal
from ..conditional import etag_of, not_modified
from ..parameters import Parameters

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
PAGING = frozenset({"cursor", "limit"})
"""Parameters of every list."""

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Part:
    """Rows of a list, and the cursor behind them, empty where nothing follows."""

    rows: Sequence[Any]
    next: str = ""


def limit_of(given: Parameters) -> int:
    return given.whole("limit", default=DEFAULT_LIMIT, low=1, high=MAX_LIMIT)


def part_by_id(given: Parameters, rows: QuerySet[Row], *, newest_first: bool = False) -> Part:
    """Return a part of rows in the order of their making."""
    limit, after = limit_of(given), _id_of(given.text("cursor"))
    rows = rows.order_by("-pk" if newest_first else "pk")
    if after is not None:
        rows = rows.filter(**{"pk__lt" if newest_first else "pk__gt": after})
    found = list(rows[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Part(found, _cursor_of(found[-1].pk) if more else "")


def _cursor_of(pk: int) -> str:
    return base64.urlsafe_b64encode(f"after {pk}".encode()).decode().rstrip("=")


def _id_of(cursor: str) -> int | None:
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        word, _, number = text.partition(" ")
        if word == "after" and number.isdigit() and len(number) < 19:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise Refusal(
        "This cursor is not one of ours; take the one in “next”, or begin without one.",
        code="bad_cursor",
    )


def list_answer(
    request: Request,
    part: Part,
    told: Callable[[Any], Mapping[str, Any]],
    *,
    etag: str = "",
) -> HttpResponseBase:
    """Return a part as an answer, or a 304 where the client has it already.

    Without `etag` the version is that of the rows themselves.
    """
    rows = [told(row) for row in part.rows]
    version = etag or etag_of(request, part.next, *rows)
    if unchanged := not_modified(request, version):
        return unchanged
    answer = Response({"results": rows, "next": _next_url(request, part.next)})
    answer["ETag"] = version
    return answer


def _next_url(request: Request, cursor: str) -> str | None:
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    url: str = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return url
