"""Projects for tests of acceptance: hundreds of labeled images, made in a few queries."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import count

import numpy as np
from django.utils import timezone

from projects.models import Embedding, Image, ImageLabel, Label, Project
from tests.reviews import DIM, ENCODER, direction, make_label

_numbers = count(1)


def make_many(
    project: Project,
    classes: Sequence[int],
    *,
    labels: Sequence[Label] = (),
    spread: float = 0.05,
    seed: int = 0,
) -> list[Image]:
    """Images near the middles of these classes; with `labels`, the one of each class is given."""
    rng = np.random.default_rng(seed)
    if not project.encoder:
        project.encoder, project.encoder_version = ENCODER
        project.save(update_fields=["encoder", "encoder_version"])
    images = Image.objects.bulk_create(_unsaved(project, bool(labels)) for _ in classes)
    Embedding.objects.bulk_create(
        Embedding(
            image=image,
            project=project,
            encoder=project.encoder,
            encoder_version=project.encoder_version,
            vector=_vector(each, rng, spread).tobytes(),
        )
        for image, each in zip(images, classes, strict=True)
    )
    if labels:
        ImageLabel.objects.bulk_create(
            ImageLabel(image=image, label=labels[each], is_default=True, labeled_at=timezone.now())
            for image, each in zip(images, classes, strict=True)
        )
    project.raise_revision()
    return images


def _unsaved(project: Project, is_labeled: bool) -> Image:
    number = next(_numbers)
    return Image(
        project=project,
        name=f"many-{number:06}.jpg",
        path=f"many-{number:06}.jpg",
        content_hash=hashlib.sha256(f"many {number}".encode()).hexdigest(),
        extension=".jpg",
        byte_size=1000,
        width=40,
        height=30,
        embedding_state=Image.EmbeddingState.EMBEDDED,
        is_labeled=is_labeled,
    )


def _vector(seed: int, rng: np.random.Generator, spread: float) -> np.ndarray:
    vector = direction(seed) + rng.normal(scale=spread, size=DIM)
    return np.asarray(vector / np.linalg.norm(vector), "<f4")


def sure_project(
    project: Project, *, labeled: int = 420, unlabeled: int = 300
) -> tuple[list[Label], list[Image]]:
    """Three classes that nothing confuses, so that 420 labeled images allow 1 % and 0.5 % not.

    Returns the labels and the unlabeled images, which come as cat, dog, owl, cat, dog ...
    """
    labels = [
        make_label(project, name, str(at + 1)) for at, name in enumerate(("cat", "dog", "owl"))
    ]
    make_many(project, [at % 3 for at in range(labeled)], labels=labels)
    images = make_many(project, [at % 3 for at in range(unlabeled)], seed=1)
    return labels, images
