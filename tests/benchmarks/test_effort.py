"""The simulated reviewer counts what a person would do, and gets every label right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.effort.person import KEYS, Person
from tests.drawings import KINDS, write_pictures
from tests.running import ROOT, clean_environment


@pytest.fixture
def person() -> Person:
    return Person({number: f"label {number % 12}" for number in range(24)})


def test_a_new_label_is_typed_and_known_ones_have_a_key(person: Person):
    assert person.give(0) == "label 0"
    assert person.acts == {"picker": 2}
    person.give(12)
    assert person.acts == {"picker": 2, "label": 1}


def test_a_label_without_a_key_costs_a_look_into_the_list_unless_it_is_offered(person: Person):
    for image_id in range(KEYS + 1):
        person.give(image_id)
    before = person.total
    person.give(12 + KEYS)
    assert person.total - before == 2
    person.give(12 + KEYS, offered=[f"label {KEYS}"])
    assert person.total - before == 3


def test_a_correction_is_one_tick_where_the_right_label_is_offered(person: Person):
    assert person.tick(3, {"label 3", "label 4"}) == "label 3"
    assert person.acts == {"tick": 1}
    person.tick(4, {"label 3"})
    assert person.acts == {"tick": 1, "picker": 2}


def test_acts_an_image_are_all_acts_over_all_images(person: Person):
    person.accept()
    person.commit()
    person.give(0)
    assert person.per_image == 4 / 24


def test_the_command_works_through_any_folder_and_ends_with_the_ratio(
    tmp_path: Path, encoder_folder: Path
):
    write_pictures(tmp_path / "shapes", kinds=KINDS, each=12)
    (tmp_path / "shapes" / "not a picture.txt").write_text("beside the labels")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.effort", str(tmp_path / "shapes"), "--seeds", "1"],
        cwd=ROOT,
        env=clean_environment(LABELING_DATA=tmp_path / "unused"),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "shapes: 72 images, 6 labels"
    assert re.fullmatch(r"effort_ratio \d\.\d{3}", lines[-1])
    acts = {line.split()[0]: float(line.split()[1]) for line in lines[1:-1] if "acts" in line}
    assert acts["review_by_label"] < acts["usual_loop"]
