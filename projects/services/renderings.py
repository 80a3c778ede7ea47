"""Pictures as browsers show them: the original where they can, else a WebP made on demand."""

from __future__ import annotations

import threading

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from projects.models import Image
from projects.services.arrivals import max_pixels, stream_of
from similarity.errors import UnreadableImage
from similarity.images import make_rendering, read_image

CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".tif": "image/tiff",
    ".bmp": "image/bmp",
    ".heic": "image/heic",
    ".avif": "image/avif",
}
"""By the extension of the real format, which is the only one an image has here."""
FOR_BROWSERS = {".jpg", ".png", ".webp", ".gif", ".bmp", ".avif"}
LARGE_SIDE = 2000
_one_at_a_time = threading.Lock()
"""Decoding may take 900 MB, and a web server has many threads."""


def large_file(image: Image) -> str:
    """Return the name in the storage of a file that browsers show large; empty: there is none.

    A format they cannot show is rendered once. Only images that the worker has read are decoded
    here: what they would do to a process they would have done to the worker's.
    """
    if image.extension in FOR_BROWSERS:
        return image.file_name
    if image.embedding_state != Image.EmbeddingState.EMBEDDED:
        return ""
    with _one_at_a_time:
        if not default_storage.exists(image.large_name):
            try:
                default_storage.save(image.large_name, ContentFile(_rendered(image)))
            except (UnreadableImage, FileNotFoundError):
                return ""
    return image.large_name


def _rendered(image: Image) -> bytes:
    with default_storage.open(image.file_name) as file:
        picture = read_image(stream_of(file), max_pixels=max_pixels())
    return make_rendering(picture, side=LARGE_SIDE)
