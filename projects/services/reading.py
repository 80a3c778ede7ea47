"""Claimed images to vectors: decoded once for thumbnail and encoder, on every core at once.

Whoever decodes an image also embeds it, on one core, in small groups: no core waits for another,
and no queue lies between two stages. The arrangement and its figures: docs/decisions/0060-ingest.md
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from projects.models import Image
from projects.services.arrivals import at_once, max_pixels, store_together
from projects.services.encoders import one_at_a_time
from similarity.encoders import Encoder
from similarity.errors import UnreadableImage
from similarity.images import make_thumbnail, read_image

THREADS = min(os.cpu_count() or 1, 4)
"""One a core: a third on two cores gained nothing. Each may hold 270 MB, of a large PNG."""
GROUP = 4
"""Images that one thread takes through the encoder at once, where several threads may."""
BATCH = 16
"""The same for an encoder that takes one thread at a time: the others decode meanwhile."""
LARGE_PIXELS = 30_000_000
_one_large = threading.Lock()
"""Decoding takes up to 9 bytes a pixel: two of 100 megapixels at once would take 1.8 GB."""
GONE = "The file is missing from the storage; remove the image and upload it again."


@dataclass
class Reading:
    """What reading one image gave: the encoder's input, later the vector, or why there is none."""

    image: Image
    input: NDArray[np.float32] | None = None
    vector: NDArray[np.float32] | None = None
    thumbnail: bytes = b""
    """Empty where the image has one."""
    failure: str = ""


class Readers:
    """Threads that read and embed images, for as long as the `with` block runs."""

    def __enter__(self) -> Readers:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="read")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, images: Sequence[Image], encoder: Encoder) -> Underway:
        """Have images read when those that were begun before are. Returns at once."""
        size = GROUP if encoder.is_thread_safe else BATCH
        groups = [images[start : start + size] for start in range(0, len(images), size)]
        return Underway([self._pool.submit(_read_group, group, encoder) for group in groups])


class Underway:
    """Images that are being read."""

    def __init__(self, groups: Sequence[Future[list[Reading]]]) -> None:
        self._groups = groups

    def readings(self) -> list[Reading]:
        """Wait, store the thumbnails, and return the reading of each image, in order.

        Raises:
            OSError: the storage cannot be read or written.
        """
        readings = [reading for group in self._groups for reading in group.result()]
        _store_thumbnails(readings)
        return readings

    def cancel(self) -> None:
        """Read no more of them than was begun."""
        for group in self._groups:
            group.cancel()


def read_and_embed(images: Sequence[Image], encoder: Encoder) -> list[Reading]:
    """Return the reading of each image, in order, and store its thumbnail.

    Raises:
        OSError: the storage cannot be read or written.
    """
    with Readers() as readers:
        return readers.begin(images, encoder).readings()


def carefully(pixels: int) -> AbstractContextManager[object]:
    """Return what to hold while decoding so many pixels."""
    return _one_large if pixels > LARGE_PIXELS else nullcontext()


def _read_group(images: Sequence[Image], encoder: Encoder) -> list[Reading]:
    readings = [_read(image, encoder) for image in images]
    _embed(readings, encoder)
    return readings


def _read(image: Image, encoder: Encoder) -> Reading:
    try:
        with (
            carefully(image.width * image.height),
            default_storage.open(image.file_name) as file,
        ):
            picture = read_image(
                at_once(file), short_side=encoder.short_side, max_pixels=max_pixels()
            )
    except UnreadableImage as problem:
        return Reading(image, failure=str(problem))
    except FileNotFoundError:
        return Reading(image, failure=GONE)
    thumbnail = b"" if _has_thumbnail(image) else make_thumbnail(picture)
    return Reading(image, input=encoder.preprocess(picture), thumbnail=thumbnail)


def _has_thumbnail(image: Image) -> bool:
    # A new image has none, and asking the disk costs as much as a tenth of making it.
    return image.embedding_state == Image.EmbeddingState.EMBEDDED and (
        default_storage.exists(image.thumbnail_name)
        or default_storage.exists(image.old_thumbnail_name)
    )


def store_thumbnail(image: Image, picture: Picture) -> None:
    """Make the thumbnail of a new image from its pixels."""
    _store_thumbnails([Reading(image, thumbnail=make_thumbnail(picture))])


def _store_thumbnails(readings: Sequence[Reading]) -> None:
    store_together(
        [
            (reading.image.thumbnail_name, ContentFile(reading.thumbnail))
            for reading in readings
            if reading.thumbnail
        ]
    )


def _embed(group: Sequence[Reading], encoder: Encoder) -> None:
    readable = [(reading, reading.input) for reading in group if reading.input is not None]
    if not readable:
        return
    with nullcontext() if encoder.is_thread_safe else one_at_a_time:
        vectors = encoder.embed_inputs(np.stack([given for _, given in readable]))
    for (reading, _), vector in zip(readable, vectors, strict=True):
        reading.vector, reading.input = vector, None
