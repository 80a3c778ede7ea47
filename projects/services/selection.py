"""Which images a request means, and in what order: by id, or all that match a filter but some."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Q
from django.db.models.expressions import RawSQL

from projects.errors import Refusal
from projects.forms import GridFilter
from projects.models import Image, ImageQuerySet, Label, Project

KEYS = {
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "time": ("uploaded_at", "pk"),
    "-time": ("-uploaded_at", "-pk"),
    "label": ("name", "pk"),
}
"""What each sort of the grid orders by; "label" within one label. The last one is unique, so that
paging misses nothing."""


@dataclass(frozen=True)
class Page:
    """A part of the sorted images.

    `first` and `last` are the cursors of its edges (of an empty page: where it was asked for);
    `previous` and `next` are the same where images stand before and behind it, else empty. The
    image of the place that was asked for counts, though it may be gone or match no more by now.
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
    """Put images in one of the orders of `GridFilter.SORTS`; unlabeled ones come last by label."""
    if sort == "label":
        position = F("default_label__position").asc(nulls_last=True)
        return images.order_by(position, "default_label", *KEYS[sort])
    return images.order_by(*KEYS[sort])


def page_of(
    images: ImageQuerySet,
    sort: str,
    *,
    after: str = "",
    before: str = "",
    at_end: bool = False,
    labeled_only: bool = False,
    size: int,
) -> Page:
    """Return the next `size` images behind a cursor, those before one, or the last ones.

    By keyset, both ways: page 1,000 and the last one cost as much as the first. `labeled_only` says
    that no image without a label can be among them: by label, none is looked for.

    Raises:
        Refusal: the cursor is not one that this function gave for this sort, or there are two.
    """
    if after and before:
        raise Refusal("Ask for what is after a place or before one.", code="bad_cursor")
    backwards = bool(before) or at_end
    place = after or before
    walk = _Walk(images, sort, labeled_only=labeled_only)
    found = walk.from_place(place, backwards=backwards, most=size + 1)
    more = len(found) > size
    found = found[:size][:: -1 if backwards else 1]
    first, last = place, place
    if found:
        first, last = cursor_of(found[0], sort), cursor_of(found[-1], sort)
    # The image of the place itself: to look whether it is still there would cost half of the time.
    other = bool(place)
    precedes, follows = (more, other) if backwards else (other, more)
    return Page(found, last if follows else "", last, first if precedes else "", first)


@dataclass(frozen=True)
class _Walk:
    """A list of images that is read from any place on, in either direction."""

    images: ImageQuerySet
    sort: str
    labeled_only: bool = False

    def from_place(self, place: str, *, backwards: bool, most: int) -> list[Image]:
        """Return at most so many images behind a place or before it; no place: from an end on."""
        found: list[Image] = []
        for stretch in self.stretches(place, backwards=backwards):
            found += (stretch.reverse() if backwards else stretch)[: most - len(found)]
            if len(found) == most:
                break
        return found

    def stretches(self, place: str, *, backwards: bool) -> Iterator[ImageQuerySet]:
        """Yield what lies on the way, in parts that one index each has in order.

        By label these are the rest of the label of the place, the other labels, and the unlabeled.
        """
        label, values = _read_cursor(self.sort, place) if place else (None, None)
        beyond = _behind(self.sort, values, backwards=backwards) if values else Q()
        ordered = self.images.order_by(*KEYS[self.sort])
        if self.sort != "label":
            yield ordered.filter(beyond)
            return
        among_unlabeled = bool(values) and label is None
        unlabeled = [] if self.labeled_only else [ordered.filter(default_label=None)]
        if among_unlabeled:
            yield from (each.filter(beyond) for each in unlabeled)
        elif backwards and not values:
            yield from unlabeled
        if label is not None:
            yield ordered.filter(beyond, default_label=label)
        if backwards or not among_unlabeled:
            yield _of_labels(self.images, label, backwards=backwards)
        if not backwards and not among_unlabeled:
            yield from unlabeled


def _of_labels(images: ImageQuerySet, label: int | None, *, backwards: bool) -> ImageQuerySet:
    """Return the labeled images, label by label; of labels behind or before one only, if given."""
    # Nothing else can be, and it lets the database begin with the project's labels, in their order.
    ours = images.filter(default_label__project=F("project"), default_label__position__gte=0)
    if label is not None:
        position = Label.objects.filter(pk=label).values_list("position", flat=True).first()
        side = "lt" if backwards else "gt"
        further = Q(**{f"default_label__position__{side}": position})
        same = Q(**{"default_label__position": position, f"default_label__{side}": label})
        bound = Q(**{f"default_label__position__{side}e": position})
        ours = ours.filter(bound & (further | same)) if position is not None else ours.none()
    return ours.order_by("default_label__position", "default_label", *KEYS["label"])


def cursor_of(image: Image, sort: str) -> str:
    """Return the place of an image of `sorted_images`, which others stand behind or before."""
    values = [getattr(image, key.lstrip("-")) for key in KEYS[sort]]
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    if sort == "label":
        texts = [image.default_label_id, *texts]
    return base64.urlsafe_b64encode(json.dumps(texts).encode()).decode().rstrip("=")


def _read_cursor(sort: str, cursor: str) -> tuple[int | None, list[Any]]:
    """Return the label of the place, where they are sorted by it, and the values of its keys."""
    kinds = {"name": str, "uploaded_at": datetime.fromisoformat, "pk": int}
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        label = values.pop(0) if sort == "label" else None
        return int(label) if label is not None else None, [
            kinds[key.lstrip("-")](value)  # type: ignore[operator]
            for key, value in zip(KEYS[sort], values, strict=True)
        ]
    except (ValueError, TypeError, AttributeError, IndexError) as problem:
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
    """Return ids in the order of `sort` from one image to another, both included if they match.

    None means the start or the end; which of the two comes first does not matter. Costs what lies
    between them, by label what lies behind the first.
    """
    backwards = sort.startswith("-")
    if first and last and (_rank(first, sort) > _rank(last, sort)) != backwards:
        first, last = last, first
    ends = {image.pk: image for image in (first, last) if image}
    matching = set(images.filter(pk__in=list(ends)).values_list("pk", flat=True))
    between: list[int] = []
    place = cursor_of(first, sort) if first else ""
    for stretch in _Walk(images, sort).stretches(place, backwards=False):
        inner = stretch.filter(_before(last, sort)) if last else stretch
        between += inner.values_list("pk", flat=True)
    start = [first.pk] if first and first.pk in matching else []
    end = [last.pk] if last and last != first and last.pk in matching else []
    return [*start, *between, *end]


def _before(image: Image, sort: str) -> Q:
    """Return the condition for standing before an image in the order of `sort`."""
    label, values = _read_cursor(sort, cursor_of(image, sort))
    beyond = _behind(sort, values, backwards=True)
    if sort != "label":
        return beyond
    if label is None:
        return Q(default_label__isnull=False) | beyond
    position = image.default_label.position if image.default_label else 0
    earlier = Q(default_label__position__lt=position)
    same = Q(default_label__position=position, default_label__lt=label)
    return earlier | same | (Q(default_label=label) & beyond)


def _rank(image: Image, sort: str) -> tuple[Any, ...]:
    """Return what images are compared by: less is earlier in the order of `sort`."""
    if sort == "label":
        label = image.default_label
        place = (0, label.position, label.pk) if label else (1, 0, 0)
        return (*place, image.name, image.pk)
    value = image.name if "name" in sort else image.uploaded_at
    return (value, image.pk)
