"""Zip files: received by the web server, unpacked by the worker, member by member."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import F
from django.utils import timezone

from projects.errors import Conflict, Refusal, TooLarge
from projects.models import Upload
from projects.services.arrivals import Arrival, look_at, settle, stream_of
from projects.services.leases import Stint, kept_lease
from projects.services.members import Member, MemberRefused, list_members, open_archive
from projects.services.uploads import finish_upload, refuse_finished

GROUP = 96
GROUP_BYTES = 64 * 1024 * 1024
"""Members of one transaction, and their bytes."""
MAX_ATTEMPTS = 3
LEASE = timedelta(seconds=45)
NO_ZIP = (
    "This is not a zip file, or it is damaged or cut off; zip the folder again and upload that."
)
NO_FILES = "There are no files in this zip file; zip the folder with the photos and upload that."
STOPPED = (
    f"Unpacking stopped the worker {MAX_ATTEMPTS} times; unzip the file yourself and upload the "
    "folder."
)


def receive_archive(upload: Upload, file: File[bytes]) -> None:
    """Keep a zip file until the worker has unpacked it. Queueing the worker is left to the caller.

    Raises:
        Refusal: it is no zip file; the upload has failed with that sentence.
        TooLarge: it has more bytes than are accepted.
        Conflict: the upload is finished, or has its zip file already.
    """
    refuse_finished(upload)
    if upload.archive_name:
        raise Conflict("This upload has its zip file already.", code="archive_received")
    _refuse_too_large(file.size)
    file.seek(0)
    if not zipfile.is_zipfile(stream_of(file)):
        finish_upload(upload, error=NO_ZIP)
        raise Refusal(NO_ZIP, code="not_a_zip")
    file.seek(0)
    # Our storage keeps what lies under a taken name: no two archives may ever share one.
    name = f"archives/{upload.pk}-{secrets.token_hex(8)}.zip"
    upload.archive_name = default_storage.save(name, file)
    upload.state = Upload.State.UNPACKING
    upload.save(update_fields=["archive_name", "state"])


def _refuse_too_large(size: int) -> None:
    most = int(settings.ENVIRONMENT["LABELING_MAX_ARCHIVE_MB"])
    if size > most * 1024 * 1024:
        raise TooLarge(
            f"The zip file has {size / 1024**2:,.0f} MB; at most {most:,} MB are accepted. Split "
            "it, or upload the folder.",
            code="archive_too_large",
        )


def unpack(
    upload: Upload,
    *,
    seconds: float,
    asked_to_stop: Callable[[], bool] | None = None,
    after_group: Callable[[], None] = lambda: None,
) -> bool:
    """Unpack for a while, going on where an earlier call or a killed worker stopped.

    Args:
        seconds: no group of members is begun after that.
        asked_to_stop: when it says so, none is begun either.
        after_group: called when there are new images. If that kills the worker, it does not count
            against the archive, which got somewhere.

    Returns:
        Whether there is more to do. Queueing that, and the embedding, is left to the caller.
    """
    if not _claim(upload):
        return False
    if upload.attempts > MAX_ATTEMPTS:
        return _end(upload, error=STOPPED)
    try:
        with kept_lease([upload], LEASE):
            finished = _unpack_for(upload, Stint(seconds, asked_to_stop), after_group)
    except Refusal as problem:
        return _end(upload, error=str(problem))
    except OSError:  # the disk is full or gone: not the archive's fault, and the sweep tries again
        _give_back(upload)
        raise
    if finished:
        return _end(upload)
    _give_back(upload)
    return True


def _give_back(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(lease_until=None, attempts=0)


def _claim(upload: Upload) -> bool:
    free = Upload.objects.to_unpack().filter(pk=upload.pk)
    claimed = free.update(lease_until=timezone.now() + LEASE, attempts=F("attempts") + 1)
    upload.refresh_from_db()
    return bool(claimed)


def _end(upload: Upload, *, error: str = "") -> bool:
    upload.refresh_from_db(fields=["state"])
    if upload.state == Upload.State.UNPACKING:  # else it was cancelled
        finish_upload(upload, error=error)
    discard_archive(upload)
    return False


def discard_archive(upload: Upload) -> None:
    if upload.archive_name:
        default_storage.delete(upload.archive_name)


def _unpack_for(upload: Upload, stint: Stint, after_group: Callable[[], None]) -> bool:
    """Settle groups of members until the stint is over; return whether none is left."""
    with default_storage.open(upload.archive_name) as stored:
        archive = open_archive(stream_of(stored))
        members = list_members(archive, archive_bytes=stored.size)
        if not members:
            raise Refusal(NO_FILES, code="empty_archive")
        Upload.objects.filter(pk=upload.pk).update(announced=len(members))
        done = set(upload.results.values_list("path", flat=True))
        left = iter([member for member in members if member.path not in done])
        while group := _next_group(archive, left):
            settle(upload, group)
            _close(group)
            _note_progress(upload)
            after_group()
            if _is_cancelled(upload):
                return True
            if stint.is_over:
                return False
    return True


def _close(group: Sequence[Arrival]) -> None:
    for arrival in group:
        if arrival.content is not None:
            arrival.content.close()


def _note_progress(upload: Upload) -> None:
    """An attempt counts against the archive only when it got nowhere."""
    Upload.objects.filter(pk=upload.pk).update(attempts=1)


def _is_cancelled(upload: Upload) -> bool:
    return not Upload.objects.filter(pk=upload.pk, state=Upload.State.UNPACKING).exists()


def _next_group(archive: zipfile.ZipFile, left: Iterator[Member]) -> list[Arrival]:
    group: list[Arrival] = []
    size = 0
    for member in islice(left, GROUP):
        arrival = _unpacked(archive, member)
        group.append(arrival)
        size += arrival.size
        if size > GROUP_BYTES:
            break
    return group


def _unpacked(archive: zipfile.ZipFile, member: Member) -> Arrival:
    try:
        return look_at(member.path, member.read(archive))
    except MemberRefused as problem:
        return Arrival(member.path, refusal=str(problem))
