"""What benchmarks of search ask about: embeddings of real photos, and many that are like them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from similarity.centering import Centering
from similarity.encoders import DEFAULT_ENCODER, load_encoder
from similarity.folders import files_under
from similarity.images import read_image
from tests.drawings import KINDS, write_pictures

ENCODER_FOLDER = Path(sys.prefix) / "share" / "labeling" / "encoders"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
SETS = ("clothing", "omniglot", "cards_multilabel", "large_photos")
NOISE = 0.35
"""How far from where two neighbours meet a made vector lies, as a part of the difference of any two
real ones. With it, nearest neighbours of 10,000 have a centered cosine of 0.75 (median; tenth
nearest 0.59); those of 2,153 real photos 0.74 (0.64). Less is easier to search, more is harder."""


def photos(folders: Sequence[Path], *, drawn: Path) -> list[Path]:
    """Return the image files in folders; without any, of the shared data, or drawn ones."""
    if not folders:
        root = Path(__file__).resolve().parent.parent
        shared = Path(os.environ.get("LABELING_SHARED_DATA") or root.parent / "shared" / "data")
        folders = [shared / name for name in SETS if (shared / name).is_dir()]
    if not folders:
        folders = [write_pictures(drawn, kinds=KINDS, each=300)]
    return [p for folder in folders for p in files_under(folder) if p.suffix.lower() in SUFFIXES]


def embedded(paths: Sequence[Path], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return about n embeddings by the default encoder, of photos and of variants made of them.

    A variant is a cut of 50 to 90 % of each side, mirrored or not, 40 % darker to 40 % brighter.
    The rows come in random order. About 150 a second.
    """
    encoder = load_encoder(DEFAULT_ENCODER, folder=ENCODER_FOLDER)
    variants = max(0, round(n / len(paths)) - 1)
    parts = []
    for path in paths:
        image = read_image(path, short_side=encoder.short_side)
        parts.append(encoder.embed([image, *(_variant(image, rng) for _ in range(variants))]))
    return rng.permutation(np.concatenate(parts))


def _variant(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    part = rng.uniform(0.5, 0.9)
    width, height = int(image.width * part), int(image.height * part)
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    cut = image.crop((left, top, left + width, top + height))
    cut = ImageOps.mirror(cut) if rng.random() < 0.5 else cut
    return ImageEnhance.Brightness(cut).enhance(float(rng.uniform(0.6, 1.4)))


def mixed(real: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return n unit rows that spread as real ones do, without being copies of them.

    Each lies between a real row and one of its 20 nearest, moved by `NOISE` of the difference of
    two others: so the noise has the directions that real vectors differ in, and not all alike.
    """
    near = _nearest(real, 20)
    made = np.empty((n, real.shape[1]), np.float32)
    for start in range(0, n, 5_000):
        rows = made[start : start + 5_000]
        a, c, d = rng.integers(len(real), size=(3, len(rows)))
        b = near[a, rng.integers(20, size=len(rows))]
        between = rng.uniform(0, 0.5, (len(rows), 1)).astype(np.float32)
        rows[:] = real[a] + between * (real[b] - real[a]) + np.float32(NOISE) * (real[c] - real[d])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return made


def _nearest(real: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    centered = Centering.fit(real).apply(real)
    near = np.empty((len(real), k), np.int64)
    for start in range(0, len(real), 1_000):
        products = centered[start : start + 1_000] @ centered.T
        near[start : start + 1_000] = np.argpartition(-products, k, axis=1)[:, :k]
    return near
