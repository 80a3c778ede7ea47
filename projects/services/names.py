"""Names of uploaded files: made safe, and unique in their project. Strings only, no database."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import PurePosixPath

MAX_NAME = 255
MAX_PATH = 1024
UNNAMED = "unnamed"
NUMBERS = range(2, 21)
"""Tried in turn for a name that is taken: ` (2)` to ` (20)`, then the content hash says who it is.
In a set that calls every photo image.jpg, counting on would look at all the names before each file.
"""

_DRIVE = re.compile(r"^[A-Za-z]:")
# Written right to left, "gpj.exe" reads "exe.jpg"; half a surrogate pair cannot be stored at all.
_UNWANTED = {"Cc", "Cs", "Zl", "Zp"}
_BIDI = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_JUNK_FILES = {".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", ".directory"}
_JUNK_FOLDERS = {"__macosx", ".spotlight-v100", ".trashes", "@eadir", "$recycle.bin"}


def clean_text(text: str) -> str:
    """Return the text in NFC without signs that cannot be stored or would make it lie."""
    kept = (s for s in text if unicodedata.category(s) not in _UNWANTED and s not in _BIDI)
    return unicodedata.normalize("NFC", "".join(kept))


def clean_path(raw: str) -> str:
    """Return a relative path of forward slashes that leads nowhere but down."""
    parts = _DRIVE.sub("", clean_text(raw).replace("\\", "/")).split("/")
    kept = [part.strip() for part in parts if part.strip() not in {"", ".", ".."}]
    return _fitting_path("/".join(kept)) or UNNAMED


def _fitting_path(path: str) -> str:
    if len(path) <= MAX_PATH:
        return path
    # The hash keeps two long paths apart that differ in the middle only.
    mark = hashlib.sha256(path.encode()).hexdigest()[:16]
    return f"{path[:500]}…{mark}…{path[-500:]}"


def file_name(path: str, *, extension: str) -> str:
    """Return the name of the file at a clean path, at most 255 long, its extension kept.

    Args:
        path: what `clean_path` gave.
        extension: of the real format, for a file without any name.
    """
    name = path.rpartition("/")[2]
    return _fitting(name) if name != UNNAMED else f"{UNNAMED}{extension}"


def _fitting(name: str, addition: str = "") -> str:
    """Put the addition before the extension, and shorten what is before it where it must be."""
    suffix = PurePosixPath(name).suffix
    if len(suffix) > 20:  # no extension, but the end of a sentence with a dot in it
        suffix = ""
    stem = name[: len(name) - len(suffix)]
    return stem[: MAX_NAME - len(addition) - len(suffix)] + addition + suffix


def unique_names(
    wanted: Sequence[tuple[str, str]], taken: Callable[[set[str]], set[str]]
) -> list[str]:
    """Return a name for each file that no other has.

    Args:
        wanted: name and content hash of each file, in order; the first of a name keeps it.
        taken: says which of some names belong to an image of the project. Asked at most twice.
    """
    names = [name for name, _ in wanted]
    used = taken(set(names))
    if used or len(set(names)) < len(names):
        used |= taken({other for name, digest in wanted for other in _others(name, digest)})
    result = []
    for name, digest in wanted:
        # Most names are free: the others are not even made, which took a fifth of an upload's time.
        free = next(c for c in chain([name], _others(name, digest), [digest]) if c not in used)
        used.add(free)
        result.append(free)
    return result


def _others(name: str, digest: str) -> Iterator[str]:
    return (_fitting(name, f" ({mark})") for mark in (*NUMBERS, digest[:12]))


class DistinctPaths:
    """Gives each of many paths a form of its own: `path`, `path (2)`, `path (3)` ...

    It remembers how far it counted: an archive may hold 100,000 members of one name.
    """

    def __init__(self, used: Iterable[str] = ()) -> None:
        self._used = set(used)
        self._last: dict[str, int] = {}

    def take(self, path: str) -> str:
        candidate, number = path, self._last.get(path, 1)
        while candidate in self._used:
            number += 1
            candidate = f"{path[: MAX_PATH - 12]} ({number})"
        self._used.add(candidate)
        self._last[path] = number
        return candidate


def is_junk(path: str) -> bool:
    """Whether an operating system left this file in the folder; such are skipped without a word."""
    *folders, name = path.lower().replace("\\", "/").split("/")
    return name in _JUNK_FILES or name.startswith("._") or any(f in _JUNK_FOLDERS for f in folders)


def folder_label(path: str) -> str:
    """Return the innermost folder's name as a label's name; empty for a file at the top."""
    folder = PurePosixPath(path).parent.name
    # A bar separates labels in downloads, so no label may contain one.
    return " ".join(folder.replace("|", "-").split())[:100].strip()
