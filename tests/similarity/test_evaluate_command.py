"""``python -m similarity evaluate``, on drawn pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from similarity.__main__ import main
from similarity.commands.evaluate import COLUMNS
from similarity.commands.plot import SIZE, reliability_plot
from similarity.commands.tables import table
from similarity.evaluate import COMPARED, Reliability

from ..drawings import KINDS, picture_bytes, write_pictures


def run(*arguments: object, encoder_folder: Path) -> int:
    return main(["evaluate", *map(str, arguments), "--encoder-folder", str(encoder_folder)])


def test_it_prints_tables_and_writes_all_figures_and_the_plot(
    drawn_pictures: Path,
    encoder_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, plot = tmp_path / "out.csv", tmp_path / "plot.png"
    asked = ["--each", 1, 3, "--random", 12, "--draws", 2, "--csv", out, "--plot", plot]
    assert run(drawn_pictures, *asked, encoder_folder=encoder_folder) == 0
    printed = capsys.readouterr().out
    assert "24 images, 6 labels, 2 draws" in printed
    assert "1 a label  3 a label  12 random" in printed
    assert "Accepting unseen, 12 random" in printed
    rows = list(csv.DictReader(out.open()))
    assert tuple(rows[0]) == COLUMNS
    assert {row["labeled"] for row in rows} == {"1 a label", "3 a label", "12 random"}
    assert {row["method"] for row in rows} == set(COMPARED)
    assert all(0 <= float(row["least"]) <= float(row["mean"]) <= 1 for row in rows)
    right = [
        float(r["mean"]) for r in rows if r["measure"] == "accuracy" and r["labeled"][0] == "3"
    ]
    assert min(right) > 0.8  # the pictures are easy
    with Image.open(plot) as image:
        assert image.size == (SIZE, SIZE)


def test_the_same_seed_prints_the_same_and_another_something_else(
    drawn_pictures: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(seed: int) -> str:
        asked = ["--each", "--random", 8, "--draws", 2, "--seed", seed]
        assert run(drawn_pictures, *asked, encoder_folder=encoder_folder) == 0
        return capsys.readouterr().out

    first = printed(1)
    assert printed(1) == first
    assert printed(2) != first


def test_too_few_images_of_a_label_are_used_up_and_told_of(
    encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "pictures", kinds=KINDS[:2], each=4)
    next(folder.rglob("*.jpg")).unlink()
    asked = ["--each", 3, 9, "--random", 100, "--draws", 1]
    assert run(folder, *asked, encoder_folder=encoder_folder) == 0
    said = capsys.readouterr().err
    assert "3 a label: 1 of 2 labels have no more than 3" in said
    assert "9 a label: left out" in said
    assert "100 random: left out" in said


def test_nothing_that_could_be_measured_is_said_in_one_sentence(
    encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "two", kinds=KINDS[:2], each=1)
    assert run(folder, encoder_folder=encoder_folder) == 1
    assert "Add images, or ask for smaller numbers" in capsys.readouterr().err
    one = write_pictures(tmp_path / "one", kinds=KINDS[:1], each=3)
    assert run(one, encoder_folder=encoder_folder) == 1
    assert "at least two labels" in capsys.readouterr().err


def test_a_folder_without_label_folders_is_said_in_one_sentence(
    encoder_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "picture.jpg").write_bytes(picture_bytes(KINDS[0]))
    assert run(tmp_path, encoder_folder=encoder_folder) == 1
    assert "put some images of each label into a folder of its name" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_before_anything_is_measured(
    drawn_pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "missing" / "plot.png"
    assert run(drawn_pictures, "--plot", plot, encoder_folder=tmp_path) == 1
    assert capsys.readouterr().err == f"There is no folder {plot.parent} to write plot.png to.\n"


def test_each_unknown_encoder_is_refused(
    drawn_pictures: Path, encoder_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(drawn_pictures, "--encoder", "nothing", encoder_folder=encoder_folder) == 1
    assert "no encoder named “nothing”" in capsys.readouterr().err


@pytest.mark.parametrize(
    "knob", [["--draws", "0"], ["--each", "x"], ["--seed", "-1"], ["--plot", "plot.jpg"]]
)
def test_bad_bounds_are_refused(knob: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["evaluate", ".", *knob])
    assert left.value.code == 2
    assert knob[0] in capsys.readouterr().err


def test_a_table_is_aligned() -> None:
    assert table([["a", "b"], ["long", "1.0"]]) == "a       b\nlong  1.0\n"


def test_a_line_of_the_plot_runs_where_promise_and_truth_put_it() -> None:
    images = np.zeros(10)
    images[[2, 7]] = 100
    promised, right = images * 0.5, images * 0.9
    promised[2], promised[7] = 25, 75
    plot = reliability_plot({"only": Reliability(images, promised, right)}, title="t")
    pixels = np.asarray(plot).astype(int)
    blue = (pixels[:, :, 2] - pixels[:, :, 0] > 120) & (pixels[:, :, 1] > 60)
    at = np.flatnonzero(blue[round(64 + 0.1 * 600)])  # where 90 % were right
    assert at.min() <= 190 + 0.3 * 600
    assert at.max() >= 190 + 0.7 * 600


def test_a_bin_of_few_images_has_no_point_but_its_count() -> None:
    images = np.zeros(10)
    images[5] = 9
    nothing = Reliability(np.zeros(10), np.zeros(10), np.zeros(10))
    few = Reliability(images, images * 0.55, images * 0.2)
    empty = np.asarray(reliability_plot({"only": nothing}, title="t"))
    drawn = np.asarray(reliability_plot({"only": few}, title="t"))
    rows = np.flatnonzero((empty != drawn).any(axis=(1, 2)))
    assert rows.min() > 64 + 600  # only a digit beneath the square differs
