"""The storage: files appear whole or not at all, and are on the disk when saving returns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile

from projects import storage
from projects.storage import DurableFileSystemStorage


@pytest.fixture
def disk(tmp_path: Path) -> DurableFileSystemStorage:
    return DurableFileSystemStorage(location=tmp_path / "media")


@pytest.fixture
def synced(monkeypatch) -> list[Path]:
    """What was synced so far, by the name it had then."""
    done: list[Path] = []
    real = storage._sync

    def noting(path: str) -> None:
        real(path)
        done.append(Path(path))

    monkeypatch.setattr(storage, "_sync", noting)
    return done


def files_of(disk: DurableFileSystemStorage) -> dict[str, bytes]:
    root = Path(disk.location)
    found = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_saved_together_they_are_what_they_are_saved_one_by_one(disk, tmp_path):
    given = [(f"{n % 3}/{n}.jpg", b"%d" % n * 100_000) for n in range(20)]
    plain = DurableFileSystemStorage(location=tmp_path / "plain")
    for name, content in given:
        plain.save(name, ContentFile(content))
    disk.save_together([(name, ContentFile(content)) for name, content in given])
    assert files_of(disk) == files_of(plain) == dict(given)


def test_every_file_is_synced_before_any_has_its_name_and_then_the_folders(
    disk, synced, monkeypatch
):
    when: list[int] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *names: when.append(len(synced)) or replace(*names))
    disk.save_together([(f"1/{n % 2}/{n}.jpg", ContentFile(b"x")) for n in range(9)])
    assert when == [9] * 9
    root = Path(disk.location)
    assert {path.name[:10] for path in synced[:9]} == {".incoming-"}
    # Their new names, and those of the new folders themselves.
    assert set(synced[9:]) == {root / "1/0", root / "1/1", root / "1", root, root.parent}


def test_a_full_disk_leaves_no_file_at_all(disk, monkeypatch):
    real, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        disk.save_together([(f"1/{n}.jpg", ContentFile(b"x")) for n in range(5)])
    assert files_of(disk) == {}


def test_a_name_that_is_taken_holds_the_same_bytes_and_is_kept(disk, synced):
    disk.save("1/a.jpg", ContentFile(b"first"))
    synced.clear()
    disk.save_together([("1/a.jpg", ContentFile(b"first")), ("1/b.jpg", ContentFile(b"second"))])
    assert files_of(disk) == {"1/a.jpg": b"first", "1/b.jpg": b"second"}
    assert len(synced) == 2, "the new file and its folder"


def test_a_file_that_lies_on_the_disk_already_is_moved(disk):
    upload = TemporaryUploadedFile("a.jpg", "image/jpeg", 3, None)
    upload.write(b"abc")
    upload.flush()
    disk.save_together([("1/a.jpg", upload)])
    assert files_of(disk) == {"1/a.jpg": b"abc"}
    upload.close()
    assert Path(disk.path("1/a.jpg")).stat().st_mode & 0o777 == 0o644
