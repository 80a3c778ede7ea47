"""The command `label` against a running server."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from alike_client import Client, progress
from alike_client.command import COLUMNS, main

from similarity.__main__ import COLUMNS as OFFLINE_COLUMNS

from ..drawings import KINDS, picture_bytes
from ..live import Live
from ..running import ROOT


@pytest.fixture(autouse=True)
def _environment(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIKE_HOST", live.url)
    monkeypatch.setenv("ALIKE_TOKEN", live.token)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An image of each kind, and one that is broken."""
    for kind in KINDS:
        path = tmp_path / "photos" / "new" / f"{kind.replace(' ', '-')}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture_bytes(kind, 99))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path / "photos"


def label(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


@pytest.fixture
def labeled(live: Live, drawn_pictures: Path) -> int:
    """A project of 24 labeled images, of its own."""
    project = live.new_project("Labeled")
    files = sorted(drawn_pictures.glob("*/*.jpg"))
    live.upload(project, [(f"{f.parent.name}/{f.name}", f.read_bytes()) for f in files])
    return project


def test_a_folder_gets_labels_and_bad_files_are_told_of(
    live: Live, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    assert label("suggest", photos, "--project", live.project, "--csv", out) == 0
    rows = table(out)
    assert tuple(rows[0]) == COLUMNS == OFFLINE_COLUMNS
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    right = [row for row in rows if Path(row["name"]).stem == row["best_label"].replace(" ", "-")]
    assert len(rows) == 6
    assert len(right) >= 5
    printed = capsys.readouterr()
    assert "broken.jpg: The file" in printed.err
    assert "7 of 7 images answered" in printed.err
    assert printed.out == ""


def test_it_says_what_the_offline_command_says(
    live: Live, labeled: int, photos: Path, drawn_pictures: Path, encoder_folder: Path, tmp_path
) -> None:
    online, offline = tmp_path / "online.csv", tmp_path / "offline.csv"
    knobs = ["--threshold", "20", "--results", "5", "--top-only"]
    assert label("suggest", photos, "--project", labeled, "--csv", online, *knobs) == 0
    command = [sys.executable, "-m", "similarity", "label", photos, "--labeled", drawn_pictures]
    command += ["--csv", offline, *knobs, "--encoder-folder", encoder_folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for here, there in zip(table(online), table(offline), strict=True):
        assert here["name"] == there["name"]
        assert here["best_label"] == there["best_label"]
        assert here["nearest"] == Path(there["nearest"]).name
        # Each centers on the images it knows: here the labeled ones, there those asked about too.
        assert abs(float(here["similarity"]) - float(there["similarity"])) < 10


def test_top_only_threshold_and_results_do_what_they_say(
    live: Live, photos: Path, tmp_path: Path, drawn_pictures: Path
) -> None:
    project = live.new_project("Several", multi_label=True)
    files = sorted(drawn_pictures.glob("*/*.jpg"))
    live.upload(project, [(f"{f.parent.name}/{f.name}", f.read_bytes()) for f in files])

    def labels(*knobs: object) -> list[list[str]]:
        out = tmp_path / "out.csv"
        assert label("suggest", photos, "--project", project, "--csv", out, *knobs) == 0
        return [row["labels"].split("|") if row["labels"] else [] for row in table(out)]

    assert all(len(found) > 1 for found in labels("--threshold", 0, "--results", 24))
    assert all(len(found) == 1 for found in labels("--threshold", 0, "--top-only"))
    assert all(len(found) == 1 for found in labels("--threshold", 0, "--results", 1))
    assert all(found == [] for found in labels("--threshold", 100))


def test_save_uploads_the_images_with_their_labels_and_leaves_labeled_ones_alone(
    live: Live, labeled: int, photos: Path, tmp_path: Path
) -> None:
    with Client(live.url, live.token) as client:
        list(client.upload(labeled, [photos / "new" / "red-circle.jpg"], labels=["mine"]))
        live.wait_until_embedded(labeled)
        before = client.project(labeled).images
        out = tmp_path / "out.csv"
        ask = ["suggest", photos, "--project", labeled, "--threshold", 0, "--csv", out, "--save"]
        assert label(*ask) == 0
        assert client.project(labeled).images == before + 5
        for row in table(out):
            image = client.image(labeled, Path(row["name"]).name)
            [carried] = image.labels
            is_mine = image.name == "red-circle.jpg"
            assert carried.label == ("mine" if is_mine else row["labels"])
            assert carried.source == ("import" if is_mine else "suggestion")
        assert label(*ask) == 0
        assert client.project(labeled).images == before + 5


def test_folders_zips_and_files_are_uploaded(
    live: Live, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = live.new_project(multi_label=True)
    (tmp_path / "one.jpg").write_bytes(picture_bytes(KINDS[0], 500))
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.writestr("in/two.jpg", picture_bytes(KINDS[0], 501))
        archive.writestr("in/again.jpg", picture_bytes(KINDS[0], 500))
    paths = [photos, tmp_path / "some.zip", tmp_path / "one.jpg"]
    wish = ["--labels", "drawn, new one", "--by-folder"]
    assert label("upload", *paths, "--project", project, *wish) == 0
    printed = capsys.readouterr().err
    assert "broken.jpg: The file" in printed
    assert "8 of 8 files uploaded" in printed
    assert "8 added to Photos, 1 there already, 1 not usable." in printed
    with Client(live.url, live.token) as client:
        counts = {each.name: each.images for each in client.labels(project)}
    assert counts == {"drawn": 8, "new one": 8, "new": 6, "in": 1}


def test_labels_are_exported_as_csv_and_json(live: Live, tmp_path: Path) -> None:
    for kind in ("csv", "json"):
        path = tmp_path / f"out.{kind}"
        assert label("export", "--project", live.project, f"--{kind}", path) == 0
    names = {row["name"] for row in table(tmp_path / "out.csv")}
    assert names == {row["name"] for row in json.loads((tmp_path / "out.json").read_text())}
    assert "photo.jpg" in names


def test_an_export_is_split_into_training_and_validation(labeled: int, tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    assert label("export", "--project", labeled, "--csv", path, "--validation", 25) == 0
    rows = table(path)
    assert {row["split"] for row in rows} <= {"train", "validation"}
    # Drawn pictures of a kind are near-duplicates: whole groups lie on one side.
    assert abs(sum(row["split"] == "validation" for row in rows) - 6) <= len(rows) / 4


@pytest.mark.parametrize("percent", ["0", "51", "x", "-3"])
def test_a_split_out_of_bounds_is_refused(percent: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["export", "--csv", "x.csv", f"--validation={percent}"])
    assert left.value.code == 2
    assert "from 1 to 50" in capsys.readouterr().err


def test_projects_are_listed(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert label("projects") == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [str(live.project), "25 images, 25 labeled", "Photos"] in lines


def test_the_only_project_of_a_token_need_not_be_named(
    live: Live, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = live.new_token("--scope", "predict", "--project", str(live.project))
    out = tmp_path / "out.csv"
    assert label("suggest", photos / "new", "--csv", out, "--token", token) == 0
    assert len(table(out)) == 6
    live.new_project("Another")
    assert label("suggest", photos / "new", "--csv", out) == 1
    assert f"Say which project with --project: {live.project} (Photos)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["projects", "--token", ""], 2, "A token is needed"),
        (["projects", "--token", "wrong"], 1, "The token in X-Auth-token is not valid"),
        (["projects", "--host", "localhost"], 2, "must begin with http"),
        (["upload", "missing", "--project", "{}"], 1, "missing: No such file or directory."),
        (["suggest", "missing", "--project", "{}"], 1, "missing: No such file or directory."),
        (["export", "--project", "999999", "--csv", "x.csv"], 1, "no such"),
        (["export", "--project", "{}", "--csv", "no/x.csv"], 1, "No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    arguments: list[str],
    status: int,
    sentence: str,
    live: Live,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert label(*(each.format(live.project) for each in arguments)) == status
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "knob", [["--results", "0"], ["--results", "101"], ["--threshold", "101"], ["--threshold", "x"]]
)
def test_bad_bounds_are_refused(knob: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["suggest", ".", *knob])
    assert left.value.code == 2
    assert "must be a" in capsys.readouterr().err


def test_it_runs_as_a_command_with_its_own_environment(live: Live, tmp_path: Path) -> None:
    path = {"PYTHONPATH": str(ROOT / "clients" / "python")}
    command = [sys.executable, "-m", "alike_client", "projects"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **path}, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "Photos" in done.stdout


class Terminal:
    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def test_progress_is_one_line_that_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0)
    terminal = Terminal()
    bar = progress.Progress(1200, "images answered", stream=terminal)  # type: ignore[arg-type]
    bar.step(600)
    bar.tell("a.jpg: It is broken.")
    bar.step(600)
    bar.end()
    assert "[############............] 600 of 1,200 images answered" in terminal.text
    assert "\r\x1b[Ka.jpg: It is broken.\n" in terminal.text
    assert terminal.text.endswith("\r\x1b[K1,200 of 1,200 images answered\n")
