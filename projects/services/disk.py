"""Folders on this machine's own disk, added without passing the web server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from django.core.files import File

from projects.errors import Refusal
from projects.models import Upload, UploadResult
from projects.services.uploads import add_files
from similarity.folders import files_under

CHUNK = 100
"""Files stored at once: few enough to say how far it is, many enough for one transaction each."""


def files_of_folder(folder: Path) -> list[tuple[str, Path]]:
    """Return every file below a folder with its path in there, sorted, but for hidden ones.

    Raises:
        Refusal: there is no such folder, or there are no files in it.
    """
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder}.", code="no_folder")
    found = [(path.relative_to(folder).as_posix(), path) for path in files_under(folder)]
    if not found:
        raise Refusal(f"There are no files in {folder}.", code="no_photos")
    return found


def add_from_disk(
    upload: Upload, files: Iterable[tuple[str, Path]]
) -> Iterator[list[UploadResult]]:
    """Add files of this machine, each with its path in the upload; yield what became of each chunk.

    They are copied: what happens to them later changes no project. Queueing the worker between two
    chunks, and finishing the upload, is left to the caller.

    Raises:
        Conflict: the upload is finished.
        OSError: a file cannot be opened.
    """
    rest = iter(files)
    while chunk := list(islice(rest, CHUNK)):
        yield _add(upload, chunk)


def _add(upload: Upload, chunk: list[tuple[str, Path]]) -> list[UploadResult]:
    opened = [(path, File(file.open("rb"), name=file.name)) for path, file in chunk]
    try:
        return add_files(upload, opened)
    finally:
        for _, file in opened:
            file.close()
