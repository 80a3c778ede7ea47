"""Claimed images to vectors: decoded once for thumbnail and encoder, embedded in small batches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from projects.models import Image
from projects.services.arrivals import max_pixels, stream_of
from projects.services.encoders import one_at_a_time
from similarity.encoders import Encoder
from similarity.errors import UnreadableImage
from similarity.images import make_thumbnail, read_image

DECODERS = 3
"""Two keep two cores busy beside the encoder; a third, since each waits 6 ms for the disk while its
thumbnail is synced."""
BATCH = 16
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
    failure: str = ""


def read_and_embed(images: Sequence[Image], encoder: Encoder) -> list[Reading]:
    """Return the reading of each image, in order, and store its thumbnail.

    Raises:
        OSError: the storage cannot be read or written.
    """
    readings: list[Reading] = []
    with ThreadPoolExecutor(DECODERS, thread_name_prefix="decode") as pool:
        arriving = pool.map(lambda image: _read(image, encoder), images)
        while group := list(islice(arriving, BATCH)):
            _embed(group, encoder)
            readings += group
    return readings


def carefully(pixels: int) -> AbstractContextManager[object]:
    """Return what to hold while decoding so many pixels."""
    return _one_large if pixels > LARGE_PIXELS else nullcontext()


def _read(image: Image, encoder: Encoder) -> Reading:
    try:
        with (
            carefully(image.width * image.height),
            default_storage.open(image.file_name) as file,
        ):
            picture = read_image(
                stream_of(file), short_side=encoder.short_side, max_pixels=max_pixels()
            )
    except UnreadableImage as problem:
        return Reading(image, failure=str(problem))
    except FileNotFoundError:
        return Reading(image, failure=GONE)
    store_thumbnail(image, picture)
    return Reading(image, input=encoder.preprocess(picture))


def store_thumbnail(image: Image, picture: Picture) -> None:
    """Make the thumbnail of an image that has none, from its pixels."""
    if not default_storage.exists(image.thumbnail_name):
        default_storage.save(image.thumbnail_name, ContentFile(make_thumbnail(picture)))


def _embed(group: Sequence[Reading], encoder: Encoder) -> None:
    readable = [(reading, reading.input) for reading in group if reading.input is not None]
    if not readable:
        return
    with one_at_a_time:
        vectors = encoder.embed_inputs(np.stack([given for _, given in readable]))
    for (reading, _), vector in zip(readable, vectors, strict=True):
        reading.vector, reading.input = vector, None
