"""Where photos lie: under project id and content hash, never under a name a person sent."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.files import File
from django.core.files.move import file_move_safe
from django.core.files.storage import FileSystemStorage


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
        if hasattr(content, "temporary_file_path"):
            source = Path(content.temporary_file_path())
            _sync(source)
            file_move_safe(str(source), str(target), allow_overwrite=True)
        else:
            _write(target, content)
        _sync(target.parent)
        return name


def _write(target: Path, content: File) -> None:
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".incoming-")
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
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
