"""``python -m similarity label``, on drawn pictures."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from similarity.__main__ import COLUMNS, main

from ..drawings import KINDS, picture_bytes


@pytest.fixture
def unlabeled(tmp_path: Path) -> Path:
    folder = tmp_path / "unlabeled"
    for kind in KINDS:
        path = folder / "inner" / f"{kind.replace(' ', '-')}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture_bytes(kind, 99))
    return folder


def run(*arguments: object, encoder_folder: Path) -> int:
    return main(["label", *map(str, arguments), "--encoder-folder", str(encoder_folder)])


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_folder_is_labeled_and_bad_files_are_told_of(
    unlabeled: Path,
    drawn_pictures: Path,
    encoder_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (unlabeled / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (unlabeled / "notes.txt").write_text("notes")
    assert run(unlabeled, "--labeled", drawn_pictures, encoder_folder=encoder_folder) == 0
    printed = capsys.readouterr()
    rows = table(printed.out)
    assert tuple(rows[0]) == COLUMNS
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    right = [row for row in rows if Path(row["name"]).stem == row["best_label"].replace(" ", "-")]
    assert len(rows) == 6
    assert len(right) >= 5
    assert "broken.jpg: The file" in printed.err
    assert "notes.txt: This is a text file" in printed.err
    assert "8 of 8 images read" in printed.err


def test_a_file_in_both_folders_is_never_its_own_hit(
    drawn_pictures: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(drawn_pictures, "--labeled", drawn_pictures, encoder_folder=encoder_folder) == 0
    rows = table(capsys.readouterr().out)
    assert len(rows) == 24
    assert all(row["name"] != row["nearest"] for row in rows)


def test_top_only_threshold_and_results_do_what_they_say(
    unlabeled: Path, drawn_pictures: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    def labels(*arguments: object) -> list[list[str]]:
        out = tmp_path / "out.csv"
        arguments = (unlabeled, "--labeled", drawn_pictures, "--csv", out, *arguments)
        assert run(*arguments, encoder_folder=encoder_folder) == 0
        rows = table(out.read_text())
        return [row["labels"].split("|") if row["labels"] else [] for row in rows]

    assert all(len(found) > 1 for found in labels("--threshold", 0, "--results", 24))
    assert all(len(found) == 1 for found in labels("--threshold", 0, "--top-only"))
    assert all(len(found) == 1 for found in labels("--threshold", 0, "--results", 1))
    assert all(found == [] for found in labels("--threshold", 100))


def test_one_labeled_image_is_enough(
    unlabeled: Path,
    drawn_pictures: Path,
    encoder_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "labeled" / "only").mkdir(parents=True)
    shutil.copy(next(drawn_pictures.rglob("*.jpg")), tmp_path / "labeled" / "only")
    run(unlabeled, "--labeled", tmp_path / "labeled", encoder_folder=encoder_folder)
    assert {row["best_label"] for row in table(capsys.readouterr().out)} == {"only"}


def test_the_innermost_folder_is_the_label_and_no_bar_is_left_in_it(
    unlabeled: Path,
    drawn_pictures: Path,
    encoder_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "labeled" / "animals" / "big | wild  cat"
    folder.mkdir(parents=True)
    shutil.copy(next(drawn_pictures.rglob("*.jpg")), folder)
    run(unlabeled, "--labeled", tmp_path / "labeled", encoder_folder=encoder_folder)
    assert {row["best_label"] for row in table(capsys.readouterr().out)} == {"big - wild cat"}


@pytest.mark.parametrize("labeled", ["missing", "empty", "flat", "unreadable"])
def test_no_labeled_image_is_said_in_one_sentence(
    labeled: str,
    unlabeled: Path,
    encoder_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("empty/label", "flat", "unreadable/label"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "flat" / "picture.jpg").write_bytes(picture_bytes(KINDS[0]))
    (tmp_path / "unreadable" / "label" / "picture.jpg").touch()
    assert run(unlabeled, "--labeled", tmp_path / labeled, encoder_folder=encoder_folder) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith(("There are no labeled", "None of the files"))


def test_an_encoder_that_is_not_there_is_said_before_any_image_is_read(
    unlabeled: Path, drawn_pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(unlabeled, "--labeled", drawn_pictures, encoder_folder=tmp_path) == 1
    printed = capsys.readouterr().err
    assert "make setup" in printed
    assert printed.count("\n") == 1


def test_a_file_that_cannot_be_written_is_said_in_one_sentence(
    unlabeled: Path,
    drawn_pictures: Path,
    encoder_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = ["--csv", tmp_path / "missing" / "out.csv"]
    assert run(unlabeled, "--labeled", drawn_pictures, *out, encoder_folder=encoder_folder) == 1
    assert "No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("knob", [["--results", "0"], ["--threshold", "101"], ["--threshold", "x"]])
def test_bad_bounds_are_refused(knob: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["label", ".", "--labeled", ".", *knob])
    assert left.value.code == 2
    assert "must be a" in capsys.readouterr().err


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "similarity", "label", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--labeled" in done.stdout
