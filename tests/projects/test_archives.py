"""Zip files, honest and hostile: each bad member gets a reason, and the rest goes on."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from projects.errors import Conflict, Refusal
from projects.models import Upload
from projects.services import archives, members
from projects.services.archives import receive_archive, unpack
from projects.services.uploads import start_upload, totals
from tests.drawings import picture_bytes

PHOTO = picture_bytes("red circle")


def zipped(*members_: tuple[str | zipfile.ZipInfo, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members_:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def unpacked(project, owner):
    """`unpacked(bytes, ...)` uploads a zip, lets the worker finish it, and returns the upload."""

    def run(content: bytes, **knobs) -> Upload:
        upload = start_upload(project, owner, kind="zip", **knobs)
        receive_archive(upload, ContentFile(content, name="photos.zip"))
        while unpack(upload, seconds=60):
            pass
        upload.refresh_from_db()
        return upload

    return run


def results(upload: Upload) -> dict[str, tuple[str, str]]:
    return {each.path: (each.outcome, each.reason) for each in upload.results.all()}


def refusal(upload: Upload, path: str) -> str:
    outcome, reason = results(upload)[path]
    assert outcome == "refused"
    assert reason.endswith(".")
    return reason


def test_nested_folders_keep_their_paths_and_can_give_labels(unpacked, project):
    content = zipped(
        ("set/", b""),
        ("set/hat/1.jpg", PHOTO),
        ("set/shoe/1.jpg", picture_bytes("blue square")),
        ("top.png", picture_bytes("green triangle", format="PNG")),
    )
    upload = unpacked(content, label_by_folder=True)
    assert upload.state == "done"
    assert upload.announced == 3
    assert totals(upload) == {"added": 3, "duplicate": 0, "refused": 0}
    found = {
        image.path: [each.label.name for each in image.image_labels.all()]
        for image in project.images.all()
    }
    assert found == {"set/hat/1.jpg": ["hat"], "set/shoe/1.jpg": ["shoe"], "top.png": []}


def test_the_zip_itself_is_thrown_away_when_it_is_unpacked(unpacked):
    upload = unpacked(zipped(("a.jpg", PHOTO)))
    assert not default_storage.exists(upload.archive_name)


@pytest.mark.parametrize("content", [b"", b"no zip at all", PHOTO])
def test_what_is_no_zip_is_refused_at_once(project, owner, content):
    upload = start_upload(project, owner, kind="zip")
    with pytest.raises(Refusal, match="not a zip file"):
        receive_archive(upload, ContentFile(content, name="photos.zip"))
    assert upload.state == "failed"


def test_a_zip_with_a_damaged_list_fails_with_a_sentence(unpacked):
    content = bytearray(zipped(("a.jpg", PHOTO), ("b.jpg", PHOTO)))
    content[content.rindex(b"PK\x01\x02") + 1] = 0
    upload = unpacked(bytes(content))
    assert upload.state == "failed"
    assert "damaged" in upload.error


@pytest.mark.parametrize("names", [[], ["photos/", "__MACOSX/._a.jpg"]])
def test_a_zip_without_files_says_so(unpacked, names):
    upload = unpacked(zipped(*[(name, b"") for name in names]))
    assert upload.state == "failed"
    assert upload.error.startswith("There are no files in this zip file")


def test_a_second_zip_for_one_upload_is_a_conflict(project, owner):
    upload = start_upload(project, owner, kind="zip")
    receive_archive(upload, ContentFile(zipped(("a.jpg", PHOTO)), name="a.zip"))
    with pytest.raises(Conflict):
        receive_archive(upload, ContentFile(zipped(("a.jpg", PHOTO)), name="a.zip"))


def test_absolute_and_climbing_names_stay_inside_and_keep_apart(unpacked, project):
    pictures = [picture_bytes("red circle", n) for n in range(4)]
    names = ["/etc/a.jpg", "../../etc/a.jpg", "C:\\etc\\a.jpg", "etc/a.jpg"]
    upload = unpacked(zipped(*zip(names, pictures, strict=True)))
    assert totals(upload)["added"] == 4, results(upload)
    assert {image.path for image in project.images.all()} == {"etc/a.jpg"} | {
        f"etc/a.jpg ({n})" for n in (2, 3, 4)
    }


def test_members_of_one_name_are_all_kept(unpacked, project):
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(("a.jpg", PHOTO), ("a.jpg", picture_bytes("blue square")))
    upload = unpacked(content)
    assert totals(upload)["added"] == 2


def test_leftovers_of_operating_systems_are_skipped_without_a_word(unpacked):
    upload = unpacked(
        zipped(
            ("__MACOSX/._a.jpg", b"x"), (".DS_Store", b"x"), ("b/Thumbs.db", b"x"), ("a.jpg", PHOTO)
        )
    )
    assert list(results(upload)) == ["a.jpg"]


def test_links_nested_zips_and_other_files_are_refused_one_by_one(unpacked):
    link = zipfile.ZipInfo("link.jpg")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    upload = unpacked(
        zipped(
            (link, b"/etc/passwd"),
            ("inner.zip", zipped(("b.jpg", PHOTO))),
            ("hidden.jpg", zipped(("b.jpg", PHOTO))),
            ("readme.txt", b"Hello"),
            ("empty.jpg", b""),
            ("good.jpg", PHOTO),
        )
    )
    assert "link" in refusal(upload, "link.jpg")
    assert "archive inside" in refusal(upload, "inner.zip")
    assert "not an image" in refusal(upload, "hidden.jpg")
    assert "not an image" in refusal(upload, "readme.txt")
    assert "empty" in refusal(upload, "empty.jpg")
    assert totals(upload)["added"] == 1


def _patched(content: bytes, field: str, at: int, value: bytes) -> bytes:
    """Change a field of every local and central header: offset `at` of the local one."""
    shift = {"local": 0, "central": 2}
    patched = bytearray(content)
    for mark, extra in ((b"PK\x03\x04", shift["local"]), (b"PK\x01\x02", shift["central"])):
        start = patched.find(mark)
        while start >= 0:
            patched[start + at + extra : start + at + extra + len(value)] = value
            start = patched.find(mark, start + 4)
    return bytes(patched)


def test_encrypted_members_are_refused(unpacked):
    upload = unpacked(_patched(zipped(("a.jpg", PHOTO)), "flags", 6, struct.pack("<H", 1)))
    assert "encrypted" in refusal(upload, "a.jpg")


def test_an_unknown_compression_is_refused(unpacked):
    upload = unpacked(_patched(zipped(("a.jpg", PHOTO)), "method", 8, struct.pack("<H", 97)))
    assert "compressed in a way" in refusal(upload, "a.jpg")


@pytest.mark.parametrize("claimed", [10, len(PHOTO) - 1, len(PHOTO) + 1, 50_000_000])
def test_members_that_lie_about_their_size_are_refused(unpacked, claimed):
    content = _patched(zipped(("a.jpg", PHOTO)), "size", 22, struct.pack("<I", claimed))
    upload = unpacked(content)
    assert refusal(upload, "a.jpg")


def test_damaged_members_are_refused_and_the_rest_goes_on(unpacked):
    content = bytearray(zipped(("a.jpg", PHOTO), ("b.jpg", picture_bytes("blue square"))))
    content[60:90] = bytes(30)
    upload = unpacked(bytes(content))
    assert "damaged" in refusal(upload, "a.jpg")
    assert results(upload)["b.jpg"][0] == "added"


def test_names_without_the_utf8_flag_are_read_as_utf8_or_code_page_437(unpacked):
    content = zipped(("\u00e4-1.jpg", PHOTO), ("\u00e4-2.jpg", picture_bytes("blue square")))
    content = _patched(content, "flags", 6, struct.pack("<H", 0))
    old = content.replace("ä-2".encode(), b"\x84\x84-2"[:4])
    upload = unpacked(old)
    assert set(results(upload)) == {"ä-1.jpg", "ää-2.jpg"}


def test_a_small_zip_of_two_gigabytes_is_refused_without_unpacking_it(unpacked, monkeypatch):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb.bmp", "w", force_zip64=True) as member:
            for _ in range(40):
                member.write(bytes(1024 * 1024))
        archive.writestr("good.jpg", PHOTO)
    content = file.getvalue()
    assert len(content) < 100_000
    read = []
    real = members.Member._copied
    monkeypatch.setattr(
        members.Member, "_copied", lambda self, a: (read.append(self.path), real(self, a))[1]
    )
    upload = unpacked(content)
    assert "zip bombs" in refusal(upload, "bomb.bmp")
    assert read == ["good.jpg"]


def test_a_member_that_outgrows_the_limit_while_it_is_read_is_refused(unpacked, settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT | {"LABELING_MAX_FILE_MB": 1}
    # 8 MB of zeros, said to be 1,000 bytes: no more than that is ever read.
    content = zipped(("bomb.bmp", bytes(8 * 1024 * 1024)), ("good.jpg", PHOTO))
    start = content.index(b"PK\x01\x02")
    content = content[: start + 24] + struct.pack("<I", 1000) + content[start + 28 :]
    upload = unpacked(content)
    assert refusal(upload, "bomb.bmp")
    assert totals(upload)["added"] == 1


def test_members_that_share_their_bytes_are_refused(unpacked):
    """As in bombs of overlapping files: every name points into the same few bytes."""
    content = zipped(("a.jpg", PHOTO), ("b.jpg", PHOTO), ("c.jpg", picture_bytes("blue square")))
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    content = content[: second + 42] + struct.pack("<I", 0) + content[second + 46 :]
    upload = unpacked(content)
    assert "shares its bytes" in refusal(upload, "a.jpg")
    assert "shares its bytes" in refusal(upload, "b.jpg")
    assert results(upload)["c.jpg"][0] == "added"


def test_the_whole_archive_has_a_limit_too(unpacked, monkeypatch):
    monkeypatch.setattr(members, "TOTAL_ALLOWANCE", 0)
    monkeypatch.setattr(members, "TOTAL_RATIO", 1)
    upload = unpacked(
        zipped(("a.bmp", picture_bytes("red circle", format="BMP")), ("b.jpg", PHOTO))
    )
    assert "in all" in refusal(upload, "a.bmp")


def test_too_many_members_are_refused_before_any_is_read(unpacked, monkeypatch):
    monkeypatch.setattr(members, "MAX_MEMBERS", 3)
    upload = unpacked(zipped(*((f"{n}.jpg", PHOTO) for n in range(4))))
    assert upload.state == "failed"
    assert "more than 3 files" in upload.error
    assert upload.results.count() == 0


def test_a_huge_list_of_members_is_never_read_into_memory(unpacked, monkeypatch):
    monkeypatch.setattr(members, "LARGEST_DIRECTORY", 70_000)
    upload = unpacked(zipped(*((f"{n:0100}.jpg", b"") for n in range(700))))
    assert upload.state == "failed"
    assert upload.error


def test_ten_thousand_tiny_entries_are_worked_off(unpacked):
    upload = unpacked(zipped(*((f"{n}.jpg", b"x") for n in range(10_000))))
    assert totals(upload)["refused"] == 10_000


# Interrupted workers


def test_a_killed_worker_goes_on_where_it_was(project, owner, monkeypatch):
    upload = start_upload(project, owner, kind="zip")
    pictures = [(f"{n}.jpg", picture_bytes("red circle", n, size=(40, 30))) for n in range(6)]
    receive_archive(upload, ContentFile(zipped(*pictures), name="a.zip"))
    monkeypatch.setattr(archives, "GROUP", 2)
    with monkeypatch.context() as patch:

        def killed(upload: Upload) -> None:
            raise KeyboardInterrupt

        patch.setattr(archives, "_note_progress", killed)
        with pytest.raises(KeyboardInterrupt):
            unpack(upload, seconds=60)
    assert totals(upload)["added"] == 2
    assert not unpack(upload, seconds=60), "its lease still holds"
    assert totals(upload)["added"] == 2
    Upload.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert not unpack(upload, seconds=60)
    upload.refresh_from_db()
    assert upload.state == "done"
    assert totals(upload) == {"added": 6, "duplicate": 0, "refused": 0}


def test_when_the_time_is_up_the_rest_is_left_for_the_next_call(project, owner, monkeypatch):
    upload = start_upload(project, owner, kind="zip")
    pictures = [(f"{n}.jpg", picture_bytes("red circle", n, size=(40, 30))) for n in range(5)]
    receive_archive(upload, ContentFile(zipped(*pictures), name="a.zip"))
    monkeypatch.setattr(archives, "GROUP", 2)
    calls = 1
    while unpack(upload, seconds=0):
        calls += 1
    assert calls == 4  # the last one finds nothing left
    assert totals(upload)["added"] == 5


def test_an_archive_that_kills_its_worker_three_times_fails_with_that_reason(project, owner):
    upload = start_upload(project, owner, kind="zip")
    receive_archive(upload, ContentFile(zipped(("a.jpg", PHOTO)), name="a.zip"))
    Upload.objects.update(attempts=3, lease_until=timezone.now() - timedelta(seconds=1))
    assert not unpack(upload, seconds=60)
    upload.refresh_from_db()
    assert (upload.state, upload.error) == ("failed", archives.STOPPED)


def test_a_cancelled_upload_stops_unpacking(project, owner, monkeypatch):
    upload = start_upload(project, owner, kind="zip")
    pictures = [(f"{n}.jpg", picture_bytes("red circle", n, size=(40, 30))) for n in range(4)]
    receive_archive(upload, ContentFile(zipped(*pictures), name="a.zip"))
    monkeypatch.setattr(archives, "GROUP", 2)
    monkeypatch.setattr(
        archives, "_note_progress", lambda upload: Upload.objects.update(state="done")
    )
    assert not unpack(upload, seconds=60)
    assert totals(upload)["added"] == 2
    assert not default_storage.exists(upload.archive_name)
