"""Which images a request means, and in what order: by id, or all that match a filter but some."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import IntegerField, OuterRef, Q, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from projects.errors import Refusal
from projects.forms import GridFilter
from projects.models import Image, ImageLabel, ImageQuerySet, Project

UNLABELED_LAST = 2_000_000_000
"""Where images without a label stand when sorted by label."""

KEYS = {
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "time": ("uploaded_at", "pk"),
    "-time": ("-uploaded_at", "-pk"),
    "label": ("label_position", "name", "pk"),
}
"""What each sort of the grid orders by. The last one is unique, so that paging misses nothing."""


@dataclass(frozen=True)
class Page:
    """A part of the sorted images.

    `first` and `last` are the cursors of its edges (of an empty page: where it was asked for);
    `previous` and `next` are the same where images stand before and behind it, else empty.
    """

    images: list[Image]
    next: str
    last: str
    previous: str
    first: str


def selected_images(project: Project, data: Mapping[str, Any]) -> ImageQuerySet:
    """Return the images of the project that the body of a request names.

    `{"images": [ids]}`, or `{"all": true, "filter": "<the grid's query string>", "except": [ids]}`.
    Ids of other projects, of staged and of deleted images are silently left out.

    Raises:
        Refusal: neither form, or the filter is bad.
    """
    if data.get("all") is True:
        query = data.get("filter", "")
        if not isinstance(query, str):
            raise Refusal("“filter” must be a query string.", code="bad_selection")
        images = GridFilter(project, query.lstrip("?")).checked().images()
        left_out = checked_ids(data.get("except", []))
        return images.exclude(pk__in=one_variable(left_out)) if left_out else images
    if "images" not in data:
        raise Refusal(
            "Say which images: {“images”: [ids]} or {“all”: true, “filter”: “…”}.",
            code="bad_selection",
        )
    ids = one_variable(checked_ids(data["images"]))
    return Image.objects.in_dataset().filter(project=project, pk__in=ids)


def checked_ids(value: Any) -> list[int]:
    """Return a list of ids from JSON, or refuse it."""
    if not isinstance(value, list) or not all(
        isinstance(each, int) and not isinstance(each, bool) and 0 <= each < 2**63 for each in value
    ):
        raise Refusal("Images are named by a list of their numbers.", code="bad_selection")
    return value


def one_variable(ids: Sequence[int]) -> RawSQL:
    """Return ids for `pk__in`, as one variable: SQLite allows 999 to 250,000, builds differ."""
    if connection.vendor == "sqlite":
        return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(ids)])
    return RawSQL("SELECT jsonb_array_elements_text(%s::jsonb)::bigint", [json.dumps(ids)])


def sorted_images(images: ImageQuerySet, sort: str) -> ImageQuerySet:
    """Put images in one of the orders of `GridFilter.SORTS`."""
    if sort == "label":
        position = ImageLabel.objects.filter(image=OuterRef("pk"), is_default=True)
        images = images.annotate(
            label_position=Coalesce(
                Subquery(position.values("label__position")[:1]),
                UNLABELED_LAST,
                output_field=IntegerField(),
            )
        )
    return images.order_by(*KEYS[sort])


def page_of(
    images: ImageQuerySet,
    sort: str,
    *,
    after: str = "",
    before: str = "",
    at_end: bool = False,
    size: int,
) -> Page:
    """Return the next `size` images behind a cursor, those before one, or the last ones.

    By keyset, both ways: page 1,000 and the last one cost as much as the first.

    Raises:
        Refusal: the cursor is not one that this function gave for this sort, or there are two.
    """
    if after and before:
        raise Refusal("Ask for what is after a place or before one.", code="bad_cursor")
    ordered = sorted_images(images, sort)
    backwards = bool(before) or at_end
    place = after or before
    part = _beyond(ordered, sort, place, backwards=backwards) if place else ordered
    found = list((part.reverse() if backwards else part)[: size + 1])
    more = len(found) > size
    found = found[:size][:: -1 if backwards else 1]
    first, last = (
        (cursor_of(found[0], sort), cursor_of(found[-1], sort)) if found else (place, place)
    )
    near = last if backwards else first
    other = bool(place) and _beyond(ordered, sort, near, backwards=not backwards).exists()
    precedes, follows = (more, other) if backwards else (other, more)
    return Page(found, last if follows else "", last, first if precedes else "", first)


def _beyond(ordered: ImageQuerySet, sort: str, cursor: str, *, backwards: bool) -> ImageQuerySet:
    return ordered.filter(_behind(sort, _read_cursor(sort, cursor), backwards=backwards))


def cursor_of(image: Image, sort: str) -> str:
    """Return the place of an image of `sorted_images`, which others stand behind or before."""
    values = [getattr(image, key.lstrip("-")) for key in KEYS[sort]]
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def _read_cursor(sort: str, cursor: str) -> list[Any]:
    kinds = {"name": str, "uploaded_at": datetime.fromisoformat, "label_position": int, "pk": int}
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [
            kinds[key.lstrip("-")](value)  # type: ignore[operator]
            for key, value in zip(KEYS[sort], values, strict=True)
        ]
    except (ValueError, TypeError) as problem:
        raise Refusal(
            "This place in the list is not known; reload the page.", code="bad_cursor"
        ) from problem


def _behind(sort: str, values: Sequence[Any], *, backwards: bool) -> Q:
    """Return the condition for standing behind `values` in the order of `sort`, or before them."""
    condition = Q(pk__in=[])
    equal = Q()
    for key, value in zip(KEYS[sort], values, strict=True):
        name = key.lstrip("-")
        condition |= equal & Q(**{f"{name}__{_side(key, backwards)}": value})
        equal &= Q(**{name: value})
    first = KEYS[sort][0]
    # Implied by the rest, but what lets the database jump into the index instead of reading it all.
    bound = Q(**{f"{first.lstrip('-')}__{_side(first, backwards)}e": values[0]})
    return bound & condition


def _side(key: str, backwards: bool) -> str:
    return "lt" if key.startswith("-") != backwards else "gt"


def ids_between(
    images: ImageQuerySet, sort: str, *, first: Image | None, last: Image | None
) -> list[int]:
    """Return ids in the order of `sort` from one image to another, both included.

    None means the start or the end; which of the two comes first does not matter.
    """
    ordered = list(sorted_images(images, sort).values_list("pk", flat=True))
    ends = [
        ordered.index(first.pk) if first and first.pk in ordered else 0,
        ordered.index(last.pk) if last and last.pk in ordered else len(ordered) - 1,
    ]
    return ordered[min(ends) : max(ends) + 1]
