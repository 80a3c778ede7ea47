"""Members of a zip file that somebody else made: listed, judged, and read without believing it.

Whatever an archive claims is checked against what comes out of it. One bad member is refused with a
sentence, and the rest go on.
"""

from __future__ import annotations

import errno
import stat
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile

from projects.errors import Refusal
from projects.services.arrivals import max_file_bytes, too_large
from projects.services.names import DistinctPaths, clean_path, is_junk

MAX_MEMBERS = 100_000
LARGEST_DIRECTORY = 24 * 1024 * 1024
"""The list of members is read into memory at once: this much holds 100,000 of them with names of
150 characters, and costs 300 MB and 5 s at the worst."""
LARGEST_RATIO = 200
RATIO_COUNTS_FROM = 10 * 1024 * 1024
"""A member that unpacks to more than 10 MB and to 200 times its size is a bomb: photos do not
shrink when zipped, and drawings as BMP shrink some 50 times."""
TOTAL_RATIO = 20
TOTAL_ALLOWANCE = 1024**3
"""All members together: 20 times the archive, and a gigabyte more for small drawings."""
IN_MEMORY = 2 * 1024 * 1024
BLOCK = 256 * 1024
LOCAL_HEADER = 30
ENCRYPTED, UTF8_NAME = 0x1, 0x800
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst")

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


class MemberRefused(Exception):
    """Why a member is not read, as a sentence."""


class _BoundedFile:
    """A file of which no single read is huge: zipfile reads the whole list of members at once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_DIRECTORY:
            raise _too_many()
        return self._file.read(size if size >= 0 else LARGEST_DIRECTORY)


def _too_many() -> Refusal:
    return Refusal(
        f"The zip file has more than {MAX_MEMBERS:,} files; split it into smaller ones.",
        code="too_many_members",
    )


def open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip file without trusting its size.

    Raises:
        Refusal: it is no zip file, is damaged, or lists too many members.
    """
    try:
        archive = zipfile.ZipFile(_BoundedFile(file))
    except Refusal:
        raise
    # Wide, here and below: on damaged archives zipfile and its decompressors raise BadZipFile,
    # zlib.error, LZMAError, EOFError, OSError, ValueError, UnicodeError, RuntimeError and more.
    except Exception as problem:
        _raise_if_disk(problem)
        raise Refusal(
            "The zip file's list of files is damaged or cut off; zip the folder again.",
            code="damaged_zip",
        ) from problem
    if len(archive.infolist()) > MAX_MEMBERS * 2:  # folders and junk are not counted below
        raise _too_many()
    return archive


def _raise_if_disk(problem: Exception) -> None:
    """Let a full or broken disk of ours not pass for a fault of the archive."""
    if isinstance(problem, OSError) and problem.errno in _DISK:
        raise problem


@dataclass
class Member:
    """A file in an archive: a path no other member has, and why it is refused, if it is."""

    info: zipfile.ZipInfo
    path: str
    refusal: str = ""

    def read(self, archive: zipfile.ZipFile) -> File[bytes]:
        """Return the content, never more than a file may have.

        Raises:
            MemberRefused: it cannot or must not be read.
        """
        if self.refusal:
            raise MemberRefused(self.refusal)
        try:
            return self._copied(archive)
        except MemberRefused:
            raise
        except NotImplementedError:
            raise MemberRefused(
                "It is compressed in a way that is not supported here; zip the folder again."
            ) from None
        except Exception as problem:
            _raise_if_disk(problem)
            raise MemberRefused(
                "It is damaged in the zip file, or not of the size the zip file says."
            ) from None

    def _copied(self, archive: zipfile.ZipFile) -> File[bytes]:
        content = self._empty_file()
        size = 0
        with archive.open(self.info) as stream:
            while block := stream.read(BLOCK):
                size += len(block)
                if size > max_file_bytes():
                    raise MemberRefused(too_large(size))
                content.write(block)
        if size != self.info.file_size:
            raise EOFError
        content.size = size
        content.seek(0)
        return content

    def _empty_file(self) -> File[bytes]:
        if self.info.file_size <= IN_MEMORY:
            return ContentFile(b"", name=self.path)
        # On the disk of the photos: storing it is a rename then.
        return TemporaryUploadedFile("member", None, 0, None)


def list_members(archive: zipfile.ZipFile, *, archive_bytes: int) -> list[Member]:
    """Return the files of an archive in its order, always the same; folders and junk left out.

    Raises:
        Refusal: there are too many.
    """
    overlapping = _overlapping(archive)
    paths = DistinctPaths()
    members = []
    for info in archive.infolist():
        raw = _name(info)
        if info.is_dir() or is_junk(raw):
            continue
        refusal = _why_refused(info, raw, overlaps=info.header_offset in overlapping)
        members.append(Member(info, paths.take(clean_path(raw)), refusal))
    if len(members) > MAX_MEMBERS:
        raise _too_many()
    _refuse_beyond_total(members, TOTAL_RATIO * archive_bytes + TOTAL_ALLOWANCE)
    return members


def _name(info: zipfile.ZipInfo) -> str:
    """Many programs write UTF-8 without the flag that says so; zipfile then reads code page 437."""
    if info.flag_bits & UTF8_NAME:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _overlapping(archive: zipfile.ZipFile) -> set[int]:
    """Return the offsets of members that share bytes with the next one, as only bombs do.

    Every member of such a bomb would be unpacked from the same few kilobytes.
    """
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    found = set()
    for info, following in pairwise(infos):
        if info.header_offset + LOCAL_HEADER + info.compress_size > following.header_offset:
            found |= {info.header_offset, following.header_offset}
    return found


def _why_refused(info: zipfile.ZipInfo, name: str, *, overlaps: bool) -> str:
    if info.flag_bits & ENCRYPTED:
        return "It is encrypted; unzip the file yourself and upload the folder."
    if stat.S_ISLNK(info.external_attr >> 16):
        return "It is a link to another file, not a file; upload that file itself."
    if name.lower().endswith(ARCHIVES):
        return "It is an archive inside the zip file; unpack it and upload its files."
    if overlaps:
        return "It shares its bytes with another file of the zip file, as only zip bombs do."
    if info.file_size > RATIO_COUNTS_FROM and info.file_size > LARGEST_RATIO * info.compress_size:
        return (
            f"It unpacks to {info.file_size // max(info.compress_size, 1):,} times its size, as "
            "zip bombs do; upload the file itself."
        )
    return too_large(info.file_size)


def _refuse_beyond_total(members: list[Member], most: int) -> None:
    total = 0
    for member in members:
        if not member.refusal:
            total += member.info.file_size
            if total > most:
                member.refusal = (
                    f"The zip file unpacks to more than {most / 1024**3:,.0f} GB in all, far more "
                    "than its size; upload the folder instead."
                )
