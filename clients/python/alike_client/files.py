"""Files on this machine: found, read in portions, and sent without holding a zip in memory."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FILES_A_PORTION = 100
"""The server takes up to 500; fewer make the progress smooth and cost nothing that is noticed."""
BYTES_A_PORTION = 32 * 1024 * 1024
LARGEST_FILE = 1024**3
"""A file is held in memory while it is sent. The server's own limit is lower and in its hands."""


@dataclass(frozen=True)
class Portion:
    """Some files with their bytes, and why others could not be read."""

    files: list[LocalFile]
    unreadable: list[tuple[str, str]]


@dataclass(frozen=True)
class LocalFile:
    path: str
    """As the server is told it."""
    content: bytes

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def files_under(folder: Path) -> list[Path]:
    """Every file in `folder` and its subfolders, sorted, but for hidden ones (leading dot).

    Raises:
        NotADirectoryError: it is no folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a folder", str(folder))
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def portions(files: Iterable[tuple[str, Path]]) -> Iterator[Portion]:
    """Read files in portions that fit a request, in order. Each is a path to tell, and a file."""
    portion, size = Portion([], []), 0
    for told, path in files:
        try:
            content = _read(path)
        except OSError as problem:
            portion.unreadable.append((told, f"It cannot be read: {problem.strerror or problem}."))
            continue
        full = len(portion.files) >= FILES_A_PORTION or size + len(content) > BYTES_A_PORTION
        if portion.files and full:
            yield portion
            portion, size = Portion([], []), 0
        portion.files.append(LocalFile(told, content))
        size += len(content)
    if portion.files or portion.unreadable:
        yield portion


def _read(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_FILE:
        raise OSError(27, "larger than 1 GB")
    return path.read_bytes()


def form_files(files: Iterable[LocalFile]) -> list[tuple[str, tuple[str, bytes]]]:
    """Return the files as `requests` takes them for a form."""
    return [("file", (file.name, file.content)) for file in files]


class StreamedForm:
    """A form (multipart/form-data) with one large file, read while it is sent."""

    def __init__(self, fields: Mapping[str, str], name: str, path: Path) -> None:
        self._boundary = uuid.uuid4().hex
        head = "".join(self._part(f'name="{key}"') + f"{text}\r\n" for key, text in fields.items())
        # Only the end of the name matters to the server, and a quote in it would end the header.
        head += self._part(f'name="{name}"; filename="archive{path.suffix}"')
        self._before = head.encode()
        self._after = f"\r\n--{self._boundary}--\r\n".encode()
        self._file = path.open("rb")
        self._length = len(self._before) + os.fstat(self._file.fileno()).st_size + len(self._after)

    def _part(self, disposition: str) -> str:
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def __len__(self) -> int:
        """Bytes in all; with it `requests` announces the length instead of sending chunks."""
        return self._length

    def read(self, size: int = -1) -> bytes:
        if self._before:
            begun, self._before = self._before, b""
            return begun
        if not self._file.closed:
            if block := self._file.read(size):
                return block
            self._file.close()
        ended, self._after = self._after, b""
        return ended
