"""Thumbnails and originals: never served as anything but a picture, and only to its people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from ..access import project_for
from ..models import Image
from ..pictures import guarded, picture
from ..services.renderings import CONTENT_TYPES, large_file

STANDING_IN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">'
    '<rect width="96" height="96" fill="#8884"/><g fill="none" stroke="#888" stroke-width="3">'
    '<rect x="24" y="28" width="48" height="40" rx="4"/><circle cx="38" cy="42" r="4"/>'
    '<path d="m28 64 14-14 8 8 8-10 10 14"/></g></svg>'
)


@require_safe
def thumbnail(request: HttpRequest, pk: int, image_pk: int) -> HttpResponseBase:
    """The thumbnail, or a drawing that stands in until the worker has made it."""
    image = _image(request, pk, image_pk)
    if image.embedding_state != Image.EmbeddingState.EMBEDDED:
        return _standing_in()
    try:
        return picture(image.thumbnail_name, "image/jpeg", name=f"{image.name}.jpg")
    except FileNotFoundError:
        return _picture(image.old_thumbnail_name, "image/webp", f"{image.name}.webp")


@require_safe
def large(request: HttpRequest, pk: int, image_pk: int) -> HttpResponseBase:
    """The image in a format that browsers show, at a size that fits a screen."""
    image = _image(request, pk, image_pk)
    name = large_file(image)
    if not name:
        return _standing_in()
    if name == image.file_name:
        return _picture(name, CONTENT_TYPES[image.extension], image.name)
    return _picture(name, "image/webp", f"{image.name}.webp")


@require_safe
def original(request: HttpRequest, pk: int, image_pk: int) -> HttpResponseBase:
    """The bytes as they were uploaded."""
    image = _image(request, pk, image_pk)
    return _picture(image.file_name, CONTENT_TYPES[image.extension], image.name)


def _image(request: HttpRequest, pk: int, image_pk: int) -> Image:
    return get_object_or_404(Image, project=project_for(request, pk), pk=image_pk)


def _picture(stored: str, content_type: str, name: str) -> HttpResponseBase:
    try:
        return picture(stored, content_type, name=name)
    except FileNotFoundError:
        return _standing_in()


def _standing_in() -> HttpResponseBase:
    return guarded(HttpResponse(STANDING_IN, content_type="image/svg+xml"), "no-store")
