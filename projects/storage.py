"""Where photos lie: under project id and content hash, never under a name a person sent."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from django.core.files import File
from django.core.files.move import file_move_safe
from django.core.files.storage import FileSystemStorage

SYNCS_AT_ONCE = 8
"""4 and 16 took as long; one after another 10 times as long."""


class DurableFileSystemStorage(FileSystemStorage):
    """Files appear whole or not at all, and stay after a power cut.

    Content goes to a temporary file on the same disk, is synced, then renamed into place. Names are
    content hashes, so a name that is taken holds the same bytes and is simply kept.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002
        return name

    def _save(self, name: str, content: File) -> str:
        self.save_together([(name, content)])
        return name

    def save_together(self, files: Sequence[tuple[str, File]]) -> None:
        """Save files, and return when all of them are on the disk.

        They are synced at once: 50 photos took 0.4 ms each, where syncing one after another took
        7.5 ms, since the disk then writes its journal for each.
        """
        waiting: list[tuple[str, str]] = []
        folders: set[str] = set()
        try:
            for name, content in files:
                target = self.path(name)
                if not os.path.exists(target):
                    folder = os.path.dirname(target)
                    folders |= _made_folders(folder)
                    waiting.append((_written(folder, content), target))
            _sync_all([temporary for temporary, _ in waiting])
            for temporary, target in waiting:
                os.replace(temporary, target)
        except BaseException:
            for temporary, _ in waiting:
                Path(temporary).unlink(missing_ok=True)
            raise
        _sync_all(folders)


def _made_folders(folder: str) -> set[str]:
    """Make a folder with those above it; return every folder that gets a new entry by that."""
    above = {folder}
    if not os.path.isdir(folder):
        above |= _made_folders(os.path.dirname(folder))
        Path(folder).mkdir(exist_ok=True)
    return above


def _written(folder: str, content: File) -> str:
    """Return a temporary file in the folder with the content, not synced yet."""
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".incoming-")
    try:
        os.fchmod(handle, 0o644)
        with os.fdopen(handle, "wb", buffering=0) as file:
            if not hasattr(content, "temporary_file_path"):
                for chunk in content.chunks():
                    _write(file, chunk)
                return temporary
        file_move_safe(content.temporary_file_path(), temporary, allow_overwrite=True)
        os.chmod(temporary, 0o644)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return temporary


def _write(file: io.FileIO, chunk: bytes) -> None:
    """Write all of it: unbuffered, one call may take a part only."""
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _sync_all(paths: Collection[str]) -> None:
    list(_syncers(os.getpid()).map(_sync, paths))


@cache
def _syncers(pid: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """Threads that sync, of this process: those of the one it was forked from are not in it."""
    return ThreadPoolExecutor(SYNCS_AT_ONCE, thread_name_prefix="sync")


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
