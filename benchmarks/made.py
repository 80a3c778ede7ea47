"""Projects for benchmarks, written straight into the database: rows and vectors, no files."""

from __future__ import annotations

import gc
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

DIM = 1_280
CLASSES = 50
_SHARED, _MIDDLE, _NOISE = 0.62, 0.4, 0.67
"""Parts of a vector: what all photos share, the middle of its class, what is its own. Squared they
are the cosines measured on photos (DESIGN.md, section 5): 0.38 between any two; after centering 0
between classes and 0.26 in one."""
_AT_ONCE = 2_000


def vectors(n: int, *, seed: int = 0, dim: int = DIM) -> np.ndarray:
    """Return float32 (n, dim) unit rows with the spread of photos, in an order that mixes classes.

    Row i is of class i % CLASSES, and the middles are the same for every seed.
    """
    middles = _unit(np.random.default_rng(50).standard_normal((CLASSES + 1, dim), np.float32))
    rng = np.random.default_rng(seed)
    rows = np.empty((n, dim), np.float32)
    for start in range(0, n, _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        of_class = (start + np.arange(len(part))) % CLASSES
        own = _unit(rng.standard_normal(part.shape, np.float32))
        part[:] = _unit(_SHARED * middles[-1] + _MIDDLE * middles[of_class] + _NOISE * own)
    return rows


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def project(name: str, n: int, *, labeled: int | None = None, dim: int = DIM):
    """Make a project of n embedded images of 50 classes, the first `labeled` of them labeled.

    It belongs to whom the link of the start command signs in. Django is set up before.
    """
    from projects.models import Project
    from projects.services.local import local_user

    made = Project.objects.create(
        name=name, owner=local_user(), encoder="made", encoder_version="1", batch_size=100
    )
    labels = _labels(made)
    rows = vectors(n, dim=dim)
    for start in range(0, n, _AT_ONCE):
        _add(made, labels, rows[start : start + _AT_ONCE], start, n if labeled is None else labeled)
    made.raise_revision()
    return made


def _labels(project) -> list:
    from projects.models import Label
    from projects.models.labels import COLORS

    return Label.objects.bulk_create(
        Label(
            project=project,
            name=f"class {at}",
            name_key=f"class {at}",
            color=COLORS[at % len(COLORS)],
            position=at,
        )
        for at in range(CLASSES)
    )


def _add(project, labels: list, rows: np.ndarray, start: int, labeled: int) -> None:
    from django.db import transaction

    from projects.models import Embedding, Image, ImageLabel

    with transaction.atomic():
        images = Image.objects.bulk_create(_images(project, start, len(rows), labeled))
        Embedding.objects.bulk_create(
            Embedding(
                image=image,
                project=project,
                encoder=project.encoder,
                encoder_version=project.encoder_version,
                vector=row.tobytes(),
            )
            for image, row in zip(images, rows, strict=True)
        )
        ImageLabel.objects.bulk_create(
            ImageLabel(
                image=image, label=labels[(start + at) % CLASSES], source="hand", is_default=True
            )
            for at, image in enumerate(images)
            if image.is_labeled
        )


def _images(project, start: int, n: int, labeled: int) -> Iterator:
    from projects.models import Image

    for number in range(start, start + n):
        yield Image(
            project=project,
            name=f"photo-{number:07}.jpg",
            path=f"photo-{number:07}.jpg",
            content_hash=hashlib.sha256(f"{project.pk} {number}".encode()).hexdigest(),
            extension=".jpg",
            byte_size=100_000,
            width=500,
            height=375,
            embedding_state=Image.EmbeddingState.EMBEDDED,
            is_labeled=number < labeled,
        )


def set_up(data: Path, **variables: str) -> None:
    """Let this process work on an empty database in a data folder of its own."""
    os.environ |= {"LABELING_DATA": str(data), "DJANGO_SETTINGS_MODULE": "labeling.settings"}
    os.environ |= variables
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    # As the web server does, see `labeling.web_worker`.
    gc.collect()
    gc.freeze()
