"""Images that scripts add one by one: stored, embedded at once, and labeled where asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.base import ContentFile
from django.db import transaction

from projects.errors import Conflict, Refusal
from projects.models import Act, Image, ImageLabel, Project, Upload, UploadResult
from projects.services.embeddings import write_readings
from projects.services.labels import Given, label_each
from projects.services.predictions import Answer
from projects.services.queries import Query, clean_image_name
from projects.services.reading import Reading, store_thumbnail
from projects.services.uploads import add_named, finish_upload, start_upload
from similarity.images import inspect_image


@dataclass(frozen=True)
class Saved:
    """An image that was added, or was there already: then `is_new` is false."""

    image: Image
    is_new: bool
    act: Act | None = None


def add_image(
    project: Project, user: AbstractBaseUser, query: Query, *, name: str = "", embed: bool = True
) -> Saved:
    """Store the image of a query, with the vector it has.

    The same bytes are stored once: then the image that is there is returned, under its own name.
    Another file with a taken name gets ` (2)`.

    Args:
        name: empty means one made from the content hash.
        embed: false leaves the embedding to the worker. Queueing that is left to the caller, also
            where the query has no vector.

    Raises:
        Refusal: the file is too large.
    """
    with transaction.atomic():
        image, is_new = query.image, False
        if image is None or image.state == Image.State.TRASH:
            result = _store(project, user, query, name)
            image, is_new = result.image, result.outcome == UploadResult.Outcome.ADDED
        assert image  # noqa: S101
        image.project = project
        if embed and image.embedding_state == Image.EmbeddingState.PENDING:
            _keep_vector(image, query)
    return Saved(image, is_new)


def _store(project: Project, user: AbstractBaseUser, query: Query, name: str) -> UploadResult:
    upload = start_upload(project, user, kind=Upload.Kind.FILES, announced=1)
    name = clean_image_name(name) if name else _name_of(query.content)
    result = add_named(upload, name=name, content=ContentFile(query.content))
    if result.outcome == UploadResult.Outcome.REFUSED:
        raise Refusal(result.reason, code="file_refused", status=422)
    finish_upload(upload)
    project.refresh_from_db(fields=["encoder", "encoder_version", "revision"])
    return result


def _name_of(content: bytes) -> str:
    """Return a name made from the content hash, which the same bytes get everywhere."""
    return hashlib.sha256(content).hexdigest()[:16] + inspect_image(content).extension


def _keep_vector(image: Image, query: Query) -> None:
    if query.vector is None or query.picture is None or query.encoder is None:
        return
    store_thumbnail(image, query.picture)
    # By the encoder that made it, which the project may have changed since.
    write_readings([Reading(image, vector=query.vector)], query.encoder)


def save_with_labels(
    project: Project, user: AbstractBaseUser, query: Query, answer: Answer, *, name: str = ""
) -> Saved:
    """Add the image of a query with its suggested labels, or label it where it is there already.

    Labels are added; in a single-label project the best one replaces what the image carries. One
    act, which undo takes back; the image itself stays.

    Raises:
        Conflict: the image is under review, where a person decides.
    """
    if query.image and query.image.state == Image.State.STAGED:
        raise Conflict(
            f"“{query.image.name}” is under review in the application; its labels are chosen "
            "there.",
            code="under_review",
        )
    with transaction.atomic():
        saved = add_image(project, user, query, name=name)
        givens = [Given(each.label.pk, each.score) for each in answer.suggestions]
        if not givens:
            return saved
        act = label_each(
            project, user, {saved.image.pk: givens}, mode="add", source=ImageLabel.Source.API
        )
        return replace(saved, act=act)
