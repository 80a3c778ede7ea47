"""What nobody needs any more: old trash, abandoned uploads, leftover temporary files."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from projects.models import Embedding, Image, Project, Reembedding, Upload

from . import collections

TRASH_KEPT_FOR = timedelta(days=7)
ABANDONED_AFTER = timedelta(days=2)
CHUNK = 500
"""Images of one transaction: it holds the project's lock."""
VECTORS_KEPT_FOR = timedelta(days=14)
"""How long vectors of another encoder than the project's are kept, so that going back is quick."""
VECTORS_A_SWEEP = 20_000
"""100,000 took 21 s on a busy machine, and uploads wait for a sweep to end."""


def purge_trash() -> int:
    """Remove what was thrown away more than `TRASH_KEPT_FOR` ago; return how many images."""
    old = Image.objects.filter(
        state=Image.State.TRASH, trashed_at__lt=timezone.now() - TRASH_KEPT_FOR
    )
    purged = 0
    for project_id in set(old.order_by().values_list("project", flat=True)):
        while chunk := list(old.filter(project=project_id)[:CHUNK]):
            remove(project_id, chunk)
            purged += len(chunk)
        # They hold the vectors of what was removed; they are made anew when somebody asks.
        collections.remove_files(project_id)
    return purged


def remove(project_id: int, images: list[Image]) -> None:
    """Rows first, so that no row ever lacks its file; then the files nobody uploaded again since.

    Both under the project's lock, which an upload of the same bytes takes before it writes its row.
    """
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=project_id)
        still = Image.objects.filter(pk__in=[i.pk for i in images], state=Image.State.TRASH)
        still.delete()
        project.raise_revision()
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project_id)
        hashes = {image.content_hash for image in images}
        kept = set(
            Image.objects.filter(project=project_id, content_hash__in=hashes).values_list(
                "content_hash", flat=True
            )
        )
        for image in images:
            if image.content_hash not in kept:
                for name in image.stored_names:
                    default_storage.delete(name)


def purge_old_vectors() -> int:
    """Remove vectors that no encoder in use made, `VECTORS_KEPT_FOR` after it was left or tried.

    At most about `VECTORS_A_SWEEP`; the next sweep goes on. Returns how many.
    """
    over = Reembedding.objects.exclude(state=Reembedding.State.RUNNING).filter(
        is_purged=False, finished_at__lt=timezone.now() - VECTORS_KEPT_FOR
    )
    purged = 0
    for project_id in set(over.order_by().values_list("project", flat=True)):
        ids = list(over.filter(project=project_id).values_list("pk", flat=True))
        while number := _purge_some_vectors(project_id):
            purged += number
            if purged >= VECTORS_A_SWEEP:
                return purged
        Reembedding.objects.filter(pk__in=ids).update(is_purged=True)
    return purged


def _purge_some_vectors(project_id: int) -> int:
    """Under the project's lock, which a new re-embedding with one of these encoders takes first."""
    with transaction.atomic():
        project = Project.objects.select_for_update(no_key=True).get(pk=project_id)
        used = Q(encoder=project.encoder, encoder_version=project.encoder_version)
        since = timezone.now() - VECTORS_KEPT_FOR
        recent = Q(state=Reembedding.State.RUNNING) | Q(finished_at__gte=since)
        for run in project.reembeddings.filter(recent):
            used |= Q(encoder=run.encoder)
            used |= Q(encoder=run.from_encoder, encoder_version=run.from_version)
        old = Embedding.objects.filter(project=project).exclude(used)
        ids = list(old.values_list("pk", flat=True)[:CHUNK])
        return Embedding.objects.filter(pk__in=ids).delete()[0]


def close_abandoned_uploads() -> int:
    """Finish uploads that nobody sent anything to for days: the tab was closed."""
    old = timezone.now() - ABANDONED_AFTER
    return Upload.objects.filter(state=Upload.State.RECEIVING, created_at__lt=old).update(
        state=Upload.State.DONE, finished_at=timezone.now()
    )


def remove_leftovers() -> int:
    """Remove temporary files of requests and unpackings that were killed."""
    before = time.time() - ABANDONED_AFTER.total_seconds()
    removed = 0
    for path in Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir():
        if path.is_file() and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
