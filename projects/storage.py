"""Where photos lie: under project id and content hash, never under a name a person sent."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
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
        waiting: list[tuple[Path, Path]] = []
        folders: set[Path] = set()
        try:
            for name, content in files:
                target = Path(self.path(name))
                if not target.exists():
                    folders |= _made_folders(target.parent)
                    waiting.append((_written(target.parent, content), target))
            _sync_all([temporary for temporary, _ in waiting])
            for temporary, target in waiting:
                temporary.replace(target)
        except BaseException:
            for temporary, _ in waiting:
                temporary.unlink(missing_ok=True)
            raise
        _sync_all(folders)


def _made_folders(folder: Path) -> set[Path]:
    """Make a folder with those above it; return every folder that gets a new entry by that."""
    above = {folder}
    if not folder.exists():
        above |= _made_folders(folder.parent)
        folder.mkdir(exist_ok=True)
    return above


def _written(folder: Path, content: File) -> Path:
    """Return a temporary file in the folder with the content, not synced yet."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".incoming-")
    temporary = Path(name)
    try:
        if hasattr(content, "temporary_file_path"):
            os.close(handle)
            file_move_safe(content.temporary_file_path(), name, allow_overwrite=True)
        else:
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
        temporary.chmod(0o644)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _sync_all(paths: Collection[Path]) -> None:
    if len(paths) <= 1:
        for path in paths:
            _sync(path)
        return
    with ThreadPoolExecutor(min(len(paths), SYNCS_AT_ONCE)) as pool:
        list(pool.map(_sync, paths))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
