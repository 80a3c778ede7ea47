"""Drawn pictures: classes an encoder tells apart, no two alike, the same on every machine."""

from __future__ import annotations

import io
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw

COLORS = {
    "red": (206, 40, 46),
    "blue": (30, 90, 210),
    "green": (40, 150, 70),
    "yellow": (235, 200, 40),
    "purple": (120, 60, 170),
    "black": (25, 25, 28),
}
SHAPES = ("circle", "square", "triangle", "stripes", "star", "ring")
KINDS = (
    "red circle",
    "blue square",
    "green triangle",
    "yellow stripes",
    "purple star",
    "black ring",
)
"""Six classes that share neither color nor shape."""


def draw_picture(kind: str, seed: int = 0, *, size: tuple[int, int] = (200, 160)) -> Image.Image:
    """Return a picture of `kind`, "<color> <shape>"; another seed moves, turns and tints it."""
    color_name, shape = kind.split()
    rng = random.Random(f"{kind}:{seed}")
    paper = tuple(rng.randint(215, 250) for _ in range(3))
    picture = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(picture)
    color = tuple(max(0, min(255, c + rng.randint(-18, 18))) for c in COLORS[color_name])
    radius = min(size) * rng.uniform(0.28, 0.40)
    center = tuple(edge / 2 + (edge / 2 - radius) * rng.uniform(-0.6, 0.6) for edge in size)
    _draw_shape(draw, shape, center, radius, color, rng)
    for _ in range(30):  # specks, so that no two pictures hold the same bytes
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        draw.ellipse((x, y, x + 2, y + 2), fill=tuple(rng.randint(120, 220) for _ in range(3)))
    return picture


def _draw_shape(draw, shape, center, radius, color, rng) -> None:
    x, y = center
    box = (x - radius, y - radius, x + radius, y + radius)
    turn = rng.uniform(0, 360)
    if shape == "circle":
        draw.ellipse(box, fill=color)
    elif shape == "ring":
        draw.ellipse(box, outline=color, width=max(3, int(radius / 4)))
    elif shape == "square":
        draw.regular_polygon((x, y, radius), 4, rotation=turn / 12, fill=color)
    elif shape == "triangle":
        draw.regular_polygon((x, y, radius), 3, rotation=turn, fill=color)
    elif shape == "stripes":
        for step in range(5):
            top = box[1] + step * radius * 0.42
            draw.rectangle((box[0], top, box[2], top + radius * 0.2), fill=color)
    elif shape == "star":
        angles = [math.radians(turn + 36 * i) for i in range(10)]
        reach = [radius if i % 2 == 0 else radius * 0.42 for i in range(10)]
        draw.polygon(
            [
                (x + r * math.cos(a), y + r * math.sin(a))
                for r, a in zip(reach, angles, strict=True)
            ],
            fill=color,
        )
    else:
        raise ValueError(f"no such shape: {shape}")


def picture_bytes(kind: str, seed: int = 0, *, format: str = "JPEG", **knobs) -> bytes:
    """Return the file of `draw_picture(kind, seed)`."""
    file = io.BytesIO()
    draw_picture(kind, seed, **knobs).save(file, format)
    return file.getvalue()


def write_pictures(folder: Path, *, kinds: tuple[str, ...] = KINDS, each: int = 4) -> Path:
    """Write `each` pictures of every kind into a folder a label, and return the folder."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for seed in range(each):
            name = f"{kind.replace(' ', '-')}-{seed:03}.jpg"
            (folder / kind / name).write_bytes(picture_bytes(kind, seed))
    return folder
