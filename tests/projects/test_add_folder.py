"""`manage.py add_folder`: a folder of this machine becomes images, as an upload of it would."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.core.management.base import CommandError

from projects.models import Image, Upload
from projects.services import disk
from tests.drawings import picture_bytes, write_pictures


def test_every_photo_below_it_is_added_with_its_path_and_its_bytes(project, tmp_path, capsys):
    write_pictures(tmp_path, kinds=("red circle", "blue square"), each=2)
    call_command("add_folder", str(project.pk), str(tmp_path))
    images = Image.objects.filter(project=project)
    assert {image.path for image in images} == {
        "red circle/red-circle-000.jpg",
        "red circle/red-circle-001.jpg",
        "blue square/blue-square-000.jpg",
        "blue square/blue-square-001.jpg",
    }
    for image in images:
        with default_storage.open(image.file_name) as file:
            assert file.read() == (tmp_path / image.path).read_bytes()
    assert Upload.objects.get(project=project).state == Upload.State.DONE
    assert "4 files: 4 added." in capsys.readouterr().out


def test_it_adds_more_than_one_chunk(project, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "CHUNK", 3)
    write_pictures(tmp_path, kinds=("red circle",), each=7)
    call_command("add_folder", str(project.pk), str(tmp_path))
    assert Image.objects.filter(project=project).count() == 7


def test_the_innermost_folder_can_name_the_label(project, tmp_path):
    write_pictures(tmp_path / "deep", kinds=("red circle",), each=1)
    call_command("add_folder", str(project.pk), str(tmp_path), label_by_folder=True)
    assert Image.objects.get(project=project).image_labels.get().label.name == "red circle"


def test_hidden_files_stay_out_and_what_is_no_photo_is_told(project, tmp_path, capsys):
    (tmp_path / ".DS_Store").write_bytes(b"hidden")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "a.jpg").write_bytes(picture_bytes("red circle"))
    call_command("add_folder", str(project.pk), str(tmp_path))
    told = capsys.readouterr()
    assert "1 added, 1 refused" in told.out
    assert "notes.txt" in told.err
    assert ".DS_Store" not in told.err


def test_the_copies_are_the_applications_own(project, tmp_path):
    original = tmp_path / "a.jpg"
    original.write_bytes(content := picture_bytes("red circle"))
    call_command("add_folder", str(project.pk), str(tmp_path))
    original.write_bytes(b"overwritten in place")
    with default_storage.open(Image.objects.get(project=project).file_name) as file:
        assert file.read() == content


def test_a_second_time_only_what_is_new_is_added(project, tmp_path, capsys):
    write_pictures(tmp_path, kinds=("red circle",), each=2)
    call_command("add_folder", str(project.pk), str(tmp_path))
    call_command("add_folder", str(project.pk), str(tmp_path))
    assert Image.objects.filter(project=project).count() == 2
    assert "2 files: 2 duplicate." in capsys.readouterr().out


@pytest.mark.django_db
def test_an_unknown_project_is_told():
    with pytest.raises(CommandError, match="no project number 77"):
        call_command("add_folder", "77", ".")


def test_a_folder_that_is_not_there_or_empty_is_told(project, tmp_path):
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("add_folder", str(project.pk), str(tmp_path / "none"))
    with pytest.raises(CommandError, match="There are no files"):
        call_command("add_folder", str(project.pk), str(tmp_path))
