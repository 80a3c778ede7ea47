"""Uploads: begun, fed with files, resumed, finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.core.files import File
from django.db.models import Count
from django.utils import timezone

from projects.errors import Conflict, Refusal
from projects.models import Batch, Project, Upload, UploadResult
from projects.services.arrivals import Arrival, look_at, settle, too_large
from projects.services.labels import get_or_create_labels
from projects.services.names import clean_path

MAX_LABELS = 50


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that somebody could send: its relative path, bytes, and SHA-256 where known."""

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True)
class Missing:
    """Which announced files have to be sent (by position), and what became of the others."""

    positions: list[int]
    results: list[UploadResult | None]


def start_upload(
    project: Project,
    user: AbstractBaseUser,
    *,
    kind: str,
    labels: Sequence[str] = (),
    label_by_folder: bool = False,
    batch: Batch | None = None,
    announced: int = 0,
) -> Upload:
    """Begin an upload. Labels that the project does not have are made now.

    Raises:
        Refusal: labels that cannot be given; a batch that is closed.
    """
    _refuse_labels(project, labels, label_by_folder=label_by_folder, batch=batch)
    if batch and batch.state != Batch.State.OPEN:
        raise Conflict("This review is closed; begin another one.", code="batch_closed")
    known = get_or_create_labels(project, user, labels) if labels else []
    return Upload.objects.create(
        project=project,
        user_id=user.pk,
        kind=kind,
        labels=[label.name for label in known],
        label_by_folder=label_by_folder,
        batch=batch,
        announced=announced,
    )


def _refuse_labels(
    project: Project, labels: Sequence[str], *, label_by_folder: bool, batch: Batch | None
) -> None:
    if batch and (labels or label_by_folder):
        raise Refusal(
            "Images uploaded for review get their labels there; upload them without labels.",
            code="labels_in_review",
        )
    if len(labels) > MAX_LABELS:
        raise Refusal(
            f"At most {MAX_LABELS} labels can be given to a whole upload.", code="too_many_labels"
        )
    if not project.multi_label and len(labels) + label_by_folder > 1:
        raise Refusal(
            "In this project an image has one label at most: give one label, or label by folder "
            "name, or allow several labels in the project's settings.",
            code="one_label_only",
        )


def add_file(upload: Upload, *, path: str, content: File[bytes]) -> UploadResult:
    """Add one file; see `add_files`."""
    return add_files(upload, [(path, content)])[0]


def add_files(upload: Upload, files: Sequence[tuple[str, File[bytes]]]) -> list[UploadResult]:
    """Check, store and write down files of an upload; return what became of each, in order.

    A file that cannot be used is refused by itself, with a sentence. The same bytes are stored
    once: another file with them is a duplicate and left as it is, unless the image is in the trash,
    which brings it back. Queueing the worker is left to the caller.

    Raises:
        Conflict: the upload is finished.
    """
    refuse_finished(upload)
    results = settle(upload, [look_at(path, content) for path, content in files])
    return [result for result in results if result]


def add_named(upload: Upload, *, name: str, content: File[bytes]) -> UploadResult:
    """Add one file under a name somebody chose, which may hold slashes; else as `add_files`."""
    refuse_finished(upload)
    arrival = look_at(name, content)
    arrival.name = arrival.path
    return next(result for result in settle(upload, [arrival]) if result)


def missing_files(upload: Upload, announced: Sequence[Announced]) -> Missing:
    """Tell which files have to be sent: those whose bytes the project does not have.

    The others are settled at once, as if they had been sent.
    """
    refuse_finished(upload)
    arrivals = [
        Arrival(
            clean_path(file.path),
            size=file.size,
            content_hash=file.sha256.lower(),
            refusal=too_large(file.size),
        )
        for file in announced
    ]
    results = settle(upload, arrivals)
    positions = [position for position, result in enumerate(results) if result is None]
    return Missing(positions, results)


def names_by_bytes(project: Project, hashes: Sequence[str]) -> dict[str, str]:
    """Return the names of the project's images by the SHA-256 of their bytes; others are left out.

    What was thrown away does not count: sending it again brings it back.
    """
    found: dict[str, str] = {}
    images = project.images.kept()
    for start in range(0, len(hashes), 900):
        some = images.filter(content_hash__in=hashes[start : start + 900])
        found.update(some.values_list("content_hash", "name"))
    return found


def refuse_finished(upload: Upload) -> None:
    if upload.state not in {Upload.State.RECEIVING, Upload.State.UNPACKING}:
        raise Conflict("This upload is finished; begin another one.", code="upload_finished")


def finish_upload(upload: Upload, *, error: str = "") -> None:
    """Say that nothing more will come, or why it could not."""
    upload.state = Upload.State.FAILED if error else Upload.State.DONE
    upload.error = error[:500]
    upload.lease_until = None
    upload.finished_at = timezone.now()
    upload.save(update_fields=["state", "error", "lease_until", "finished_at"])


def totals(upload: Upload) -> dict[str, int]:
    """Return how many files were added, duplicates and refused."""
    counted = upload.results.order_by().values_list("outcome").annotate(Count("id"))
    return dict.fromkeys(UploadResult.Outcome.values, 0) | dict(counted)
