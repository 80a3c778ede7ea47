"""Where photos lie: under project id and content hash, never under a name a person sent."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage

READABLE = 0o644


class DurableFileSystemStorage(FileSystemStorage):
    """Files appear whole or not at all, and stay after a power cut.

    Content goes to a temporary file on the same disk, is synced, then renamed into place. Names are
    content hashes, so a name that is taken holds the same bytes and is simply kept.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002
        return name

    def _save(self, name: str, content: File) -> str:
        target = Path(self.path(name))
        if target.exists():
            return name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _moved(content, target):
            _write(target, content)
        _sync(target.parent)
        return name


def _moved(content: File, target: Path) -> bool:
    """Rename a file that arrived on the same disk. Copied from another one, it would grow under
    its final name, and half of it would stay there when the disk is full.
    """
    if not hasattr(content, "temporary_file_path"):
        return False
    source = Path(content.temporary_file_path())
    _sync(source)
    # Made for us alone; a web server in front may have to read it.
    source.chmod(READABLE)
    try:
        source.rename(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        return False
    return True


def _write(target: Path, content: File) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(READABLE)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
