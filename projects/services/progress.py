"""How far the reading of a project's images is, and what to do about those that failed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from projects.models import BatchItem, Image, ImageCount, ImageQuerySet, Project, Upload
from projects.services.counts import kept_sums
from projects.services.trash import trash_images

State = Image.EmbeddingState


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of images by the state of their embedding, and what the worker is at."""

    pending: int
    embedded: int
    failed: int
    is_held: bool
    """Whether a worker holds images now."""
    problem: str
    """Why the worker cannot load the encoder, or empty."""
    unpacking: int
    """Zip files that are being unpacked or wait for it."""


def progress_of(project: Project) -> Progress:
    """Return how far the reading is, from kept numbers."""
    images = Image.objects.filter(project=project)
    numbers = kept_sums(
        ImageCount.objects.filter(project=project),
        pending=Q(embedding_state=State.PENDING),
        embedded=Q(embedding_state=State.EMBEDDED),
        failed=Q(embedding_state=State.FAILED) & ~Q(state=Image.State.TRASH),
    )
    return Progress(
        **numbers,
        is_held=images.pending().filter(lease_until__gte=timezone.now()).exists(),
        problem=project.encoder_problem,
        unpacking=project.uploads.filter(state=Upload.State.UNPACKING).count(),
    )


def failed_images(project: Project) -> ImageQuerySet:
    """Images that could not be read and are not thrown away."""
    return Image.objects.kept().failed().filter(project=project)


def retry_failed(project: Project, ids: Collection[int] | None = None) -> int:
    """Have failed images read again, all or those of some ids; return how many.

    Queueing the worker is left to the caller.
    """
    failed = failed_images(project)
    if ids is not None:
        failed = failed.filter(pk__in=ids)
    return failed.update(
        embedding_state=State.PENDING, failure_reason="", attempts=0, lease_until=None
    )


def remove_failed(
    project: Project, user: AbstractBaseUser, ids: Collection[int] | None = None
) -> int:
    """Throw failed images away, all or those of some ids; return how many.

    Those of the dataset go in one act, which undo brings back; those under review leave it.
    """
    failed = failed_images(project)
    if ids is not None:
        failed = failed.filter(pk__in=ids)
    with transaction.atomic():
        staged = list(failed.staged().values_list("pk", flat=True))
        in_dataset = list(failed.in_dataset().values_list("pk", flat=True))
        if in_dataset:
            trash_images(project, user, in_dataset)
        BatchItem.objects.filter(image__in=staged).delete()
        Image.objects.filter(pk__in=staged).update(
            state=Image.State.TRASH, trashed_at=timezone.now()
        )
    return len(staged) + len(in_dataset)
