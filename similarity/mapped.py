"""Rows of vectors in files that processes map instead of each holding a copy.

A folder holds a head and, named by it, one file of raw float32 rows and one of int64 ids. Rows are
only ever appended; they are on the disk before the head that counts them takes the place of the
older one, so that a reader never meets half a row, whatever is killed when. It is all a cache: who
doubts it begins new files, and a file that is deleted or replaced stays readable where mapped.
"""

from __future__ import annotations

import base64
import fcntl
import json
import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEAD = "head.json"
LOCK = "lock"
_ROOM = 1.5
"""Files are made so many times longer than needed: a longer one is mapped anew, an appended row in
the mapped part is just there. What is not written yet takes no place on the disk."""
_TRIES = 3
"""Another process may replace the files between a look at the head and at them."""


@dataclass(frozen=True)
class Head:
    """What is known of the rows without looking at them."""

    made_from: str
    """What the rows are of, for the caller: others are not these rows."""
    token: str
    """Names the files."""
    dim: int
    count: int
    last_id: int
    """For the caller: the source's id of the last row."""
    total: str
    """The sum of the rows, float64 in base64."""

    @classmethod
    def read(cls, folder: Path) -> Head | None:
        """Return the head of a folder, None where there is none or it cannot be understood."""
        try:
            found = json.loads((folder / HEAD).read_bytes())
            head = cls(**found)
            whole = (head.dim > 0) and (head.count >= 0) and len(head.sum) == head.dim
        except (OSError, ValueError, TypeError):
            return None
        return head if whole else None

    @property
    def sum(self) -> NDArray[np.float64]:
        return np.frombuffer(base64.b64decode(self.total), np.float64)

    def publish(self, folder: Path) -> None:
        temporary = folder / f"{self.token}.{HEAD}"
        with temporary.open("w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / HEAD)


@dataclass(frozen=True)
class Rows:
    """A snapshot of the rows: it never changes, whatever happens to the files.

    ``vectors`` is float32 (n, dim), ``ids`` int64 (n,); both are mapped and cannot be written.
    ``total`` is float64 (dim,), the sum of the vectors.
    """

    head: Head
    vectors: NDArray[np.float32] = field(repr=False)
    ids: NDArray[np.int64] = field(repr=False)
    total: NDArray[np.float64] = field(repr=False)
    _maps: tuple[mmap.mmap, mmap.mmap] = field(repr=False)

    def __len__(self) -> int:
        return self.head.count


def read(folder: Path, made_from: str, known: Rows | None = None) -> Rows | None:
    """Return the rows of a folder as they are by now; None where they cannot be trusted.

    Args:
        made_from: what the rows must be of.
        known: what was read before: its mapping is used again where that is long enough.
    """
    for _ in range(_TRIES):
        head = Head.read(folder)
        if head is None or head.made_from != made_from:
            return None
        if known and known.head == head:
            return known
        if known and (again := _longer(known, head)):
            return again
        with suppress(FileNotFoundError):
            return _mapped(folder, head)
    return None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one process or thread write in a folder; the folder is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Writer:
    """Writes rows behind those that are there, or new files. Only while `locked`."""

    def __init__(self, folder: Path, made_from: str, *, after: Rows | None = None) -> None:
        """Begin behind the rows `after`, or new files without it."""
        self._folder, self._made_from, self._after = folder, made_from, after
        self._token = after.head.token if after else secrets.token_hex(8)
        self._count = len(after) if after else 0
        self._total = after.total.copy() if after else np.zeros(0, np.float64)
        self._last_id = after.head.last_id if after else 0

    def __enter__(self) -> Writer:
        flags = os.O_RDWR if self._after else os.O_RDWR | os.O_CREAT | os.O_EXCL
        paths = _paths(self._folder, self._token)
        self._files = [os.open(path, flags, 0o644) for path in paths]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            os.close(file)

    @property
    def dim(self) -> int:
        """Of the rows, 0 before the first."""
        return len(self._total)

    @property
    def count(self) -> int:
        """Rows that are there, published or not."""
        return self._count

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32], *, last_id: int) -> None:
        """Write rows that nobody sees before they are published.

        Raises:
            ValueError: another dimension than that of the rows before.
        """
        if not self._count:
            self._total = np.zeros(vectors.shape[1], np.float64)
        if vectors.shape[1] != self.dim:
            raise ValueError("all rows must have the same dimension")
        for file, part in zip(self._files, (vectors, ids), strict=True):
            _write(file, np.ascontiguousarray(part), self._count)
        self._total = self._total + vectors.sum(axis=0, dtype=np.float64)
        self._count, self._last_id = self._count + len(ids), last_id

    def publish(self) -> Rows:
        """Let everybody see the rows, remove the files they replace, and return them.

        They are returned even where the folder was deleted meanwhile.
        """
        for file in self._files:
            os.fsync(file)
        total = base64.b64encode(self._total.tobytes()).decode()
        head = Head(self._made_from, self._token, self.dim, self._count, self._last_id, total)
        with suppress(FileNotFoundError):
            head.publish(self._folder)
            remove_others(self._folder, self._token)
        if self._after and (longer := _longer(self._after, head)):
            return longer
        return _snapshot(head, *(mmap.mmap(file, 0, prot=mmap.PROT_READ) for file in self._files))


def remove_others(folder: Path, token: str) -> None:
    """Remove what earlier files and killed writers left. They stay readable where mapped."""
    for path in folder.iterdir():
        if path.name not in {HEAD, LOCK} and not path.name.startswith(f"{token}."):
            path.unlink(missing_ok=True)


def _paths(folder: Path, token: str) -> tuple[Path, Path]:
    return folder / f"{token}.vectors", folder / f"{token}.ids"


def _write(file: int, part: NDArray[Any], before: int) -> None:
    """Write rows behind `before` others, in a file with room for more."""
    row = part.nbytes // len(part)
    start, end = before * row, before * row + part.nbytes
    if os.fstat(file).st_size < end:
        os.ftruncate(file, int(end * _ROOM))
    written = 0
    while written < part.nbytes:
        written += os.pwrite(file, part.data.cast("B")[written:], start + written)


def _longer(known: Rows, head: Head) -> Rows | None:
    """The rows of a newer head, where they lie in what is mapped."""
    if known.head.token != head.token or known.head.dim != head.dim:
        return None
    vectors, ids = known._maps
    if len(vectors) < head.count * head.dim * 4 or len(ids) < head.count * 8:
        return None
    return _snapshot(head, vectors, ids)


def _mapped(folder: Path, head: Head) -> Rows | None:
    maps = []
    for path, least in zip(
        _paths(folder, head.token), (head.count * head.dim * 4, head.count * 8), strict=True
    ):
        with path.open("rb") as file:
            # A mapped page behind the end of its file ends the process.
            if os.fstat(file.fileno()).st_size < max(1, least):
                return None
            maps.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    return _snapshot(head, *maps)


def _snapshot(head: Head, vectors: mmap.mmap, ids: mmap.mmap) -> Rows:
    n = head.count
    rows = np.frombuffer(vectors, "<f4", n * head.dim).reshape(n, head.dim)
    return Rows(head, rows, np.frombuffer(ids, "<i8", n), head.sum, (vectors, ids))
