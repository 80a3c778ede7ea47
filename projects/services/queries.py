"""Queries that are asked about at once: an image's bytes or name to its vector, nothing stored.

A query is embedded in the process that is asked. An image of the project that has its embedding is
not embedded again, also when its bytes come in instead of its name.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from projects.errors import NotFound, Refusal, TooLarge
from projects.models import Embedding, Image, Project
from projects.services.arrivals import max_pixels, stream_of, too_large
from projects.services.encoders import encoder_for, needs_worker, one_at_a_time
from projects.services.names import MAX_NAME, clean_path
from projects.services.reading import GONE, carefully
from projects.services.timing import part
from similarity.encoders import Encoder
from similarity.images import inspect_image, read_image


@dataclass(frozen=True)
class Query:
    """An image that is asked about.

    `vector` is float32 (dim,), of unit length, not centered; None where `needs_worker`. `image` is
    the image of the project with these bytes, if there is one, kept or thrown away. `content` and
    `picture` are there when its bytes were read, `encoder` when the vector was made just now.
    """

    vector: NDArray[np.float32] | None
    image: Image | None = None
    content: bytes = b""
    picture: Picture | None = None
    encoder: Encoder | None = None

    @property
    def itself(self) -> int:
        """Id of the image that must not be its own hit, 0 where there is none."""
        return self.image.pk if self.image else 0


def clean_image_name(name: str) -> str:
    """Return a name that came over the API as names are stored, or refuse it.

    Raises:
        Refusal: longer than 255 signs, or nothing is left of it.
    """
    cleaned = clean_path(name) if name.strip() else ""
    if not cleaned or len(cleaned) > MAX_NAME:
        raise Refusal(
            f"An image's name has 1 to {MAX_NAME} characters; this one has {len(name):,}.",
            code="image_name",
        )
    return cleaned


def image_named(project: Project, name: str) -> Image:
    """Return the image of this name, in the dataset or under review.

    Raises:
        NotFound: there is none.
    """
    image = project.images.kept().filter(name=clean_image_name(name)).first()
    if image is None:
        raise NotFound(
            f"The project has no image named “{shortened_name(name)}”; GET the list of images for "
            "their names.",
            code="image_not_found",
        )
    image.project = project
    return image


def images_named(project: Project, names: Iterable[str]) -> dict[str, Image]:
    """Return the images of these names by the name as it was given; unknown ones are left out."""
    cleaned = {name: clean_path(name) for name in names}
    found: dict[str, Image] = {}
    wanted = sorted(set(cleaned.values()))
    for start in range(0, len(wanted), 900):
        for image in project.images.kept().filter(name__in=wanted[start : start + 900]):
            image.project = project
            found[image.name] = image
    return {name: found[clean] for name, clean in cleaned.items() if clean in found}


def shortened_name(name: str) -> str:
    """Return a name short enough for a sentence."""
    return name if len(name) <= 80 else f"{name[:60]}…"


def query_of_bytes(project: Project, content: bytes, *, in_worker: bool = False) -> Query:
    """Return the query of a file's bytes.

    Args:
        in_worker: whether this process may load any encoder.

    Raises:
        TooLarge: more bytes than a file may have.
        UnreadableImage: the bytes are no image that can be used.
        EncoderUnavailable: the encoder cannot be loaded.
    """
    if refusal := too_large(len(content)):
        raise TooLarge(refusal, code="file_too_large")
    digest = hashlib.sha256(content).hexdigest()
    image = project.images.filter(content_hash=digest).first()
    vector = stored_vector(project, image) if image else None
    if image:
        image.project = project
    if vector is not None:
        return Query(vector, image, content)
    elsewhere = runs_elsewhere(project) and not in_worker
    encoder = None if elsewhere else encoder_of(project)
    picture = decode(content, encoder)
    vector = embed(picture, encoder) if encoder else None
    return Query(vector, image, content, picture, encoder)


def query_of_image(image: Image, *, in_worker: bool = False) -> Query:
    """Return the query of an image of the project, embedded now if that was not done yet.

    Raises:
        Refusal: its file is missing.
        UnreadableImage: it cannot be read.
    """
    vector = stored_vector(image.project, image)
    if vector is not None:
        return Query(vector, image)
    try:
        with default_storage.open(image.file_name) as file:
            content = stream_of(file).read()
    except FileNotFoundError:
        raise Refusal(GONE, code="file_missing", status=409) from None
    query = query_of_bytes(image.project, content, in_worker=in_worker)
    return Query(query.vector, image, content, query.picture, query.encoder)


def queries_of_embedded(project: Project, images: Iterable[Image]) -> dict[int, Query]:
    """Return the queries of those images that have their embedding, by image id."""
    by_id = {image.pk: image for image in images}
    rows = Embedding.objects.filter(
        encoder=project.encoder, encoder_version=project.encoder_version
    ).values_list("image_id", "vector")
    found: dict[int, Query] = {}
    ids = list(by_id)
    for start in range(0, len(ids), 900):
        for pk, vector in rows.filter(image__in=ids[start : start + 900]):
            found[pk] = Query(np.frombuffer(bytes(vector), "<f4"), by_id[pk])
    return found


def stored_vector(project: Project, image: Image) -> NDArray[np.float32] | None:
    """Return the image's vector by the project's present encoder, None if there is none."""
    rows = Embedding.objects.filter(
        image=image, encoder=project.encoder, encoder_version=project.encoder_version
    )
    vector = rows.values_list("vector", flat=True).first()
    return None if vector is None else np.frombuffer(bytes(vector), "<f4")


def runs_elsewhere(project: Project) -> bool:
    """Whether only a worker can embed for this project; also known before its first image."""
    _choose_encoder(project)
    return needs_worker(project)


def encoder_of(project: Project) -> Encoder:
    """Return the project's encoder, or the one that its first image will fix."""
    _choose_encoder(project)
    return encoder_for(project)


def _choose_encoder(project: Project) -> None:
    project.encoder = project.encoder or settings.ENVIRONMENT["LABELING_ENCODER"]


def decode(content: bytes, encoder: Encoder | None) -> Picture:
    """Return the pixels of a file, as large as the encoder needs them."""
    with part("decode"):
        info = inspect_image(content, max_pixels=max_pixels())
        short_side = encoder.short_side if encoder else 256
        with carefully(info.width * info.height):
            return read_image(io.BytesIO(content), short_side=short_side, max_pixels=max_pixels())


def embed(picture: Picture, encoder: Encoder) -> NDArray[np.float32]:
    """Return the vector of one picture, float32 (dim,)."""
    with part("embed"):
        given = encoder.preprocess(picture)[np.newaxis]
        with one_at_a_time:
            vector: NDArray[np.float32] = encoder.embed_inputs(given)[0]
        return vector


def refuse_without_vector(project: Project, queries: Sequence[Query]) -> None:
    """Raise a `Refusal` if one of them could not be embedded here."""
    if any(query.vector is None for query in queries):
        raise Refusal(
            f"This project's encoder ({project.encoder}) runs in the worker only. Send the image "
            "to /api/v1/projects/<id>/suggestions, which makes a job for it, or upload it and ask "
            "by its imageName once it is embedded.",
            code="encoder_in_worker",
            status=503,
        )
