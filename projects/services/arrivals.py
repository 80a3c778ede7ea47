"""Files that arrive: looked at, stored, and turned into rows, whatever road they came by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from projects.errors import Conflict
from projects.models import Batch, BatchItem, Image, Project, Upload, UploadResult
from projects.services.names import DistinctPaths, clean_path, file_name, unique_names
from projects.services.upload_labels import give_labels
from projects.storage import DurableFileSystemStorage
from similarity.errors import UnreadableImage
from similarity.images import ImageInfo, inspect_image

Outcome = UploadResult.Outcome

READ_AT_ONCE = 4 * 1024 * 1024
"""Bytes of a file that is read whole: most photos. Larger ones are read in parts."""


@dataclass
class Arrival:
    """One file: what it is called, what it holds, or why it is refused."""

    path: str
    size: int = 0
    content_hash: str = ""
    content: File[bytes] | None = None
    info: ImageInfo | None = None
    refusal: str = ""
    name: str = ""
    """Where somebody chose one; else the last part of the path."""
    image: Image | None = None
    """The row it becomes, made once for its file and for the table."""

    @property
    def file_name(self) -> str:
        return self.name or file_name(
            self.path, extension=self.info.extension if self.info else ".jpg"
        )


def look_at(path: str, content: File[bytes]) -> Arrival:
    """Return what a file is, from its bytes and its header; its pixels are left to the worker."""
    arrival = Arrival(clean_path(path), size=content.size or 0, content=content)
    arrival.refusal = too_large(arrival.size)
    if arrival.refusal:
        return arrival
    try:
        content.seek(0)
        source = at_once(content)
        arrival.info = inspect_image(source, max_pixels=max_pixels())
        arrival.content_hash = _sha256(content, source)
    except UnreadableImage as problem:
        arrival.refusal = str(problem)
    return arrival


def stream_of(content: File[bytes]) -> BinaryIO:
    """Return the file below Django's wrapper."""
    return cast(BinaryIO, content.file)


def at_once(content: File[bytes]) -> bytes | BinaryIO:
    """Return the bytes of a file that stands at its beginning, or the file itself if it is large.

    A header is read in 40 small pieces, and each lets another thread have the interpreter.
    """
    return content.read() if content.size <= READ_AT_ONCE else stream_of(content)


def max_pixels() -> int:
    return int(settings.ENVIRONMENT["LABELING_MAX_MEGAPIXELS"]) * 1_000_000


def max_file_bytes() -> int:
    return int(settings.ENVIRONMENT["LABELING_MAX_FILE_MB"]) * 1024 * 1024


def too_large(size: int) -> str:
    """Return why a file of so many bytes is refused, or the empty string."""
    if size <= max_file_bytes():
        return ""
    return (
        f"The file has {size / 1024**2:,.0f} MB; at most "
        f"{settings.ENVIRONMENT['LABELING_MAX_FILE_MB']:,} MB are accepted. Make it smaller."
    )


def _sha256(content: File[bytes], source: bytes | BinaryIO) -> str:
    digest = hashlib.sha256()
    for chunk in [source] if isinstance(source, bytes) else content.chunks():
        digest.update(chunk)
    content.seek(0)
    return digest.hexdigest()


def settle(upload: Upload, arrivals: Sequence[Arrival]) -> list[UploadResult | None]:
    """Store the files that are new, then write all rows in one transaction.

    Returns:
        What became of each, in order. None for an arrival without content whose bytes the project
        does not have: it has to be sent.

    The number of queries does not depend on the number of files. Two settlements of one project
    wait for each other, so the same bytes or the same name at the same moment are told apart.
    """
    _store_files(upload.project_id, arrivals)
    with transaction.atomic():
        # The row is the lock. No new revision: images without embedding change no answer.
        project = Project.objects.select_for_update(no_key=True).get(pk=upload.project_id)
        _follow_batch(upload)
        settlement = _Settlement(upload, project, arrivals)
        settlement.decide()
        settlement.write()
        return settlement.results


def _follow_batch(upload: Upload) -> None:
    """Look which review the images go to by now: a full one hands its upload on to another.

    Raises:
        Conflict: the review was finished while files were still coming.
    """
    if not upload.batch_id:
        return
    upload.refresh_from_db(fields=["batch"])
    if upload.batch and upload.batch.state != Batch.State.OPEN:
        raise Conflict(
            "The review was finished while its images were still coming; what is missing was not "
            "added.",
            code="batch_closed",
        )


def _store_files(project_id: int, arrivals: Sequence[Arrival]) -> None:
    """Write what the project does not have yet. Files come first: a row never lacks its file."""
    known = set(_by_hash(project_id, arrivals))
    files: list[tuple[str, File[bytes]]] = []
    for arrival in arrivals:
        if arrival.info and arrival.content is not None and arrival.content_hash not in known:
            known.add(arrival.content_hash)
            arrival.image = _new_image(project_id, arrival)
            files.append((arrival.image.file_name, arrival.content))
    store_together(files)


def store_together(files: Sequence[tuple[str, File[bytes]]]) -> None:
    """Store files under names that are made of their content, and return when all are safe."""
    if isinstance(default_storage, DurableFileSystemStorage):
        default_storage.save_together(files)
        return
    for name, content in files:
        default_storage.save(name, content)


def _by_hash(project_id: int, arrivals: Iterable[Arrival]) -> dict[str, Image]:
    hashes = {arrival.content_hash for arrival in arrivals if arrival.content_hash}
    found = Image.objects.filter(project=project_id, content_hash__in=hashes)
    return {image.content_hash: image for image in found}


def _new_image(project_id: int, arrival: Arrival) -> Image:
    assert arrival.info  # noqa: S101
    return Image(
        project_id=project_id,
        path=arrival.path,
        content_hash=arrival.content_hash,
        extension=arrival.info.extension,
        byte_size=arrival.size,
        width=arrival.info.width,
        height=arrival.info.height,
    )


class _Settlement:
    """What to write for some files, decided under the project's lock."""

    def __init__(self, upload: Upload, project: Project, arrivals: Sequence[Arrival]) -> None:
        self.upload = upload
        self.project = project
        self.arrivals = arrivals
        self.images = _by_hash(project.pk, arrivals)
        said = UploadResult.objects.filter(upload=upload)
        earlier = said.filter(path__in={arrival.path for arrival in arrivals})
        self.earlier = {result.path: result for result in earlier.select_related("image")}
        # Two files of one path are rare: they were picked from two folders.
        used = said.values_list("path", flat=True) if self.earlier else ()
        self.paths = DistinctPaths(used)
        self.results: list[UploadResult | None] = []
        self.added: list[tuple[Image, Arrival]] = []
        self.restored: set[int] = set()
        self.to_review: list[Image] = []

    def decide(self) -> None:
        for arrival in self.arrivals:
            self.results.append(self._sent_again(arrival) or self._result_of(arrival))
        self._give_names()

    def _sent_again(self, arrival: Arrival) -> UploadResult | None:
        """The result of the same file in this upload: its first answer was lost on the way."""
        result = self.earlier.get(arrival.path)
        if result is None:
            return None
        if result.image is None:
            return result if arrival.refusal else None
        return result if result.image.content_hash == arrival.content_hash else None

    def _result_of(self, arrival: Arrival) -> UploadResult | None:
        image = self.images.get(arrival.content_hash)
        if arrival.refusal:
            return self._result(arrival, Outcome.REFUSED, reason=arrival.refusal)
        if image is None and arrival.info is None:
            return None
        if image is None:
            image = arrival.image or _new_image(self.project.pk, arrival)
            self.images[arrival.content_hash] = image
            return self._add(arrival, image)
        if image.state == Image.State.TRASH:
            self.restored.add(image.pk)
            return self._add(arrival, image)
        return self._result(
            arrival, Outcome.DUPLICATE, image=image, reason=self._why(arrival, image)
        )

    def _add(self, arrival: Arrival, image: Image) -> UploadResult:
        image.state = Image.State.STAGED if self.upload.batch_id else Image.State.DATASET
        image.upload = self.upload
        image.path = arrival.path
        image.uploaded_by_id = self.upload.user_id
        image.uploaded_at = timezone.now()
        image.trashed_at = image.trashed_by = None
        self.added.append((image, arrival))
        if self.upload.batch_id:
            self.to_review.append(image)
        return self._result(arrival, Outcome.ADDED, image=image)

    def _result(
        self, arrival: Arrival, outcome: Outcome, *, image: Image | None = None, reason: str = ""
    ) -> UploadResult:
        return UploadResult(
            upload=self.upload,
            path=self.paths.take(arrival.path),
            outcome=outcome,
            image=image,
            reason=reason[:500],
        )

    def _why(self, arrival: Arrival, image: Image) -> str:
        if image.upload_id == self.upload.pk:
            first = image.name or image.path.rpartition("/")[2]
            return f"The same image came in this upload as “{first}”."
        if self.upload.batch_id:
            return self._why_in_review(image)
        if image.path == arrival.path and image.uploaded_by_id == self.upload.user_id:
            return "You uploaded this file before."
        if image.state == Image.State.STAGED:
            return f"The same image is under review as “{image.name}”."
        left = " Its labels are left as they are." if _gives_labels(self.upload) else ""
        return f"The same image is in the project as “{image.name}”.{left}"

    def _why_in_review(self, image: Image) -> str:
        if image.state == Image.State.STAGED:
            return f"The same image is under review as “{image.name}”."
        if image.is_labeled:
            return f"The same image is in the dataset as “{image.name}” and has a label."
        self.to_review.append(image)
        return f"Already in the dataset as “{image.name}”, without a label: reviewed all the same."

    def _give_names(self) -> None:
        wanted = [(arrival.file_name, arrival.content_hash) for _, arrival in self.added]
        kept = Image.objects.filter(
            project=self.project, state__in=[Image.State.DATASET, Image.State.STAGED]
        )

        def taken(names: set[str]) -> set[str]:
            return set(kept.filter(name__in=names).values_list("name", flat=True))

        if wanted:
            for (image, _), name in zip(self.added, unique_names(wanted, taken), strict=True):
                image.name = name

    def write(self) -> None:
        images = [image for image, _ in self.added]
        self._check_files([image for image in images if image.pk is None])
        Image.objects.bulk_create([image for image in images if image.pk is None])
        if self.restored:
            self._restore([image for image in images if image.pk in self.restored])
        if images and not self.project.encoder:
            self.project.encoder = settings.ENVIRONMENT["LABELING_ENCODER"]
            self.project.save(update_fields=["encoder"])
        self._put_under_review()
        notes = give_labels(self.upload, self.project, images)
        settled: list[UploadResult] = [each for each in self.results if each is not None]
        fresh = [result for result in settled if result.pk is None]
        for result in fresh:
            if result.image:
                result.reason = result.reason or notes.get(result.image.pk, "")
        UploadResult.objects.bulk_create(fresh)

    def _check_files(self, images: list[Image]) -> None:
        """The purge of the trash may have taken a file that was there when the bytes arrived."""
        if not all(default_storage.exists(image.file_name) for image in images):
            raise Conflict("A file was just removed here; send it again.", code="file_removed")

    def _restore(self, images: list[Image]) -> None:
        fields = ["state", "upload", "name", "path", "uploaded_by", "uploaded_at"]
        Image.objects.bulk_update(images, [*fields, "trashed_at", "trashed_by"])
        # They come back with the embeddings and labels they had.
        self.project.raise_revision()

    def _put_under_review(self) -> None:
        batch_id = self.upload.batch_id
        if batch_id is None or not self.to_review:
            return
        items = BatchItem.objects.filter(batch=batch_id)
        last = items.aggregate(last=Max("position"))["last"]
        first = 0 if last is None else last + 1
        BatchItem.objects.bulk_create(
            [
                BatchItem(batch_id=batch_id, image=image, position=position)
                for position, image in enumerate(self.to_review, start=first)
            ],
            ignore_conflicts=True,
        )


def _gives_labels(upload: Upload) -> bool:
    return bool(upload.labels) or upload.label_by_folder
