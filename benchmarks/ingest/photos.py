"""The photos that are ingested: many files, no two with the same bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.drawings import KINDS, draw_picture

SUFFIXES = {".jpg", ".jpeg"}
DISTINCT = 200
"""Pictures that differ in more than a byte: far more than any cache between the stages keeps."""
SEED = 5


def shared(name: str) -> Path | None:
    """Return a folder of the real photos that lie beside the checkout, if it is there."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("LABELING_SHARED_DATA") or beside) / name
    return folder if folder.is_dir() else None


def write_500(folder: Path, number: int, source: Path | None) -> list[Path]:
    """Write photos of 500 px: those of a folder made smaller, or else drawn ones with grain."""
    files = photos_under(source)[:DISTINCT] if source else []
    pictures = (_resized(file) for file in files) if files else _drawn(500, DISTINCT)
    return write_copies(folder, [_jpeg(each) for each in pictures], number)


def write_large(folder: Path, number: int, source: Path | None) -> list[Path]:
    """Write photos of cameras: those of a folder as they are, or drawn ones of 4,000 px."""
    files = photos_under(source) if source else []
    contents = [file.read_bytes() for file in files]
    return write_copies(folder, contents or [_jpeg(each) for each in _drawn(4000, 12)], number)


def photos_under(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def write_copies(folder: Path, contents: list[bytes], number: int) -> list[Path]:
    """Write so many files of some contents, in folders of 500; each has its number at its end."""
    paths = []
    for at in range(number):
        path = folder / f"{at // 500:03}" / f"{at:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[at % len(contents)] + at.to_bytes(4, "big"))
        paths.append(path)
    return paths


def _resized(file: Path) -> Image.Image:
    with Image.open(file) as picture:
        part = 500 / max(picture.size)
        return picture.convert("RGB").resize(
            (round(picture.width * part), round(picture.height * part)), Image.Resampling.LANCZOS
        )


def _drawn(side: int, number: int) -> Iterator[Image.Image]:
    """Drawn pictures with the grain of a camera: a smooth one decodes in half the time."""
    rng = np.random.default_rng(SEED)
    size = (side, side * 3 // 4)
    for seed in range(number):
        coarse = rng.normal(0, 9, (size[1] // 2 + 1, size[0] // 2 + 1, 3)).astype(np.float32)
        grain = coarse.repeat(2, axis=0).repeat(2, axis=1)[: size[1], : size[0]]
        pixels = np.asarray(draw_picture(KINDS[seed % len(KINDS)], seed, size=size), np.float32)
        yield Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88)
    return file.getvalue()
