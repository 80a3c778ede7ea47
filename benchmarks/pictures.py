"""Files of generated images: few distinct ones, linked to many names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

DISTINCT = 64
"""Photos that are drawn. File systems allow 65,000 links a file."""


def link_pictures(project: int, hashes: Iterable[str]) -> None:
    """Give images their files: hard links to a few drawn photos and their thumbnails."""
    from django.conf import settings

    media = Path(settings.STORAGES["default"]["OPTIONS"]["location"]) / str(project)
    sources = list(_drawn(media / "generated"))
    for shard in range(256):
        (media / f"{shard:02x}").mkdir(parents=True, exist_ok=True)
    for index, digest in enumerate(hashes):
        photo, thumbnail = sources[index % len(sources)]
        os.link(photo, media / digest[:2] / f"{digest}.jpg")
        os.link(thumbnail, media / digest[:2] / f"{digest}.thumb.jpg")


def _drawn(folder: Path) -> Iterator[tuple[Path, Path]]:
    from PIL import Image as Pillow

    from similarity.images import make_thumbnail

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    for number in range(DISTINCT):
        coarse = rng.integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
        photo = Pillow.fromarray(coarse).resize((500, 375), Pillow.Resampling.BICUBIC)
        original, thumbnail = folder / f"{number}.jpg", folder / f"{number}.thumb.jpg"
        photo.save(original, quality=85)
        thumbnail.write_bytes(make_thumbnail(photo))
        yield original, thumbnail
