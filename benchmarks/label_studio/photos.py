"""The photos both tools get: JPEGs of 500 pixels, no two the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

from tests.drawings import KINDS, draw_picture

EDGE = 500
QUALITY = 95
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def write_photos(folder: Path, count: int, source: Path | None = None) -> list[Path]:
    """Write `count` distinct JPEGs of 500 pixels, of the photos under `source` or drawn.

    Where there are fewer photos than asked for, their mirror images follow, then drawn pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, content in zip(range(count), contents(source), strict=False):
        files.append(folder / f"photo-{number:05}.jpg")
        files[-1].write_bytes(content)
    return files


def contents(source: Path | None) -> Iterator[bytes]:
    """Yield files of photos without end, each once."""
    seen: set[bytes] = set()
    for picture in _pictures(source):
        content = _jpeg(picture)
        if content not in seen:
            seen.add(content)
            yield content


def _pictures(source: Path | None) -> Iterator[Image.Image]:
    found = sorted(source.rglob("*")) if source else []
    photos = [file for file in found if file.suffix.lower() in SUFFIXES]
    for turn in (ImageOps.exif_transpose, ImageOps.mirror):
        for file in photos:
            with Image.open(file) as photo:
                yield turn(photo.convert("RGB"))
    seed = 0
    while True:
        for kind in KINDS:
            yield draw_picture(kind, seed, size=(EDGE, EDGE * 3 // 4))
        seed += 1


def _jpeg(picture: Image.Image) -> bytes:
    scale = EDGE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
