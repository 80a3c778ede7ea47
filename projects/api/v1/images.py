"""Images of the dataset over the API: the list with filters, and one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.http import QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from similarity.splits import MOST_PERCENT as MOST_VALIDATION

from ...errors import Refusal
from ...forms import GridFilter
from ...models import Image, ImageQuerySet, Project
from ...services import exports
from ...services.counts import images_to_page
from ...services.predictions import labels_named
from ...services.queries import image_named
from ...services.selection import page_of, sorted_images
from ...services.splits import split_of
from ..base import ApiView
from ..conditional import etag_of_images, not_modified
from ..parameters import Parameters
from ..rendering import escaped
from .paging import PAGING, Part, limit_of, list_answer

FILTERS = ("match", "show", "name", "source", "since", "until", "sort")


def filter_of(project: Project, request: Request) -> GridFilter:
    """Return the grid's own filter, with labels by their names.

    Raises:
        Refusal: a value cannot be used.
    """
    query = QueryDict(mutable=True)
    names = Parameters(request.query_params).texts("label")
    query.setlist("label", [str(label.pk) for label in labels_named(project, names)])
    for name in FILTERS:
        if value := request.query_params.get(name):
            query[name] = value
    return GridFilter(project, query).checked()


class Images(ApiView):
    """Images of the dataset, by filters."""

    parameters = frozenset({"label", *FILTERS}) | PAGING

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        project = self.project(pk)
        given = Parameters(request.query_params)
        chosen = filter_of(project, request)
        etag = etag_of_images(request, project)
        if unchanged := not_modified(request, etag):
            return unchanged
        page = page_of(
            images_to_page(chosen), chosen.order, after=given.text("cursor"), size=limit_of(given)
        )
        told = {image.pk: image for image in with_labels(page.images)}
        rows = [told[image.pk] for image in page.images]
        return list_answer(request, Part(rows, page.next), image_out, etag=etag)


class OneImage(ApiView):
    """One image by its name, which may hold slashes."""

    def get(self, request: Request, pk: int, name: str) -> Response:  # noqa: ARG002
        image = image_named(self.project(pk), name.rstrip("/"))
        [told] = with_labels([image])
        return Response(image_out(told))


class Export(ApiView):
    """Labels of all images that match, as one file."""

    parameters = frozenset({"format", "label", "validation", *FILTERS})

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        project = self.project(pk)
        given = Parameters(request.query_params)
        kind = given.text("format", "csv")
        if kind not in ("csv", "json"):
            raise Refusal(f"format={kind[:40]} cannot be used: csv or json.", code="bad_format")
        percent = given.whole("validation", default=0, low=1, high=MOST_VALIDATION)
        chosen = filter_of(project, request)
        etag = etag_of_images(request, project)
        if unchanged := not_modified(request, etag):
            return unchanged
        split = split_of(project, percent=percent) if percent else None
        answer = _file(sorted_images(chosen.images(), chosen.order), kind, split)
        answer["ETag"] = etag
        return answer


def _file(images: ImageQuerySet, kind: str, split: dict[int, str] | None) -> StreamingHttpResponse:
    if kind == "csv":
        lines = exports.csv_lines(images, split)
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    chunks = map(escaped, exports.json_chunks(images, split))
    return StreamingHttpResponse(chunks, content_type="application/json")


def with_labels(images: Iterable[Image]) -> list[Image]:
    """Return the images read again with what is known of their labels, in three queries."""
    found = Image.objects.filter(pk__in=[image.pk for image in images])
    return list(found.prefetch_related(exports.labels_read(), exports.absent_read()))


def image_out(image: Image) -> dict[str, Any]:
    """Return an image as scripts get it."""
    return {
        "name": image.name,
        "path": image.path,
        "width": image.width,
        "height": image.height,
        "bytes": image.byte_size,
        "state": image.state,
        "embedding": image.embedding_state,
        "failure": image.failure_reason,
        "labels": [asdict(exports.carried_label(row)) for row in image.image_labels.all()],
        "absent": exports.absent_of(image),
        "uploaded_at": image.uploaded_at,
    }
