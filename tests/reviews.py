"""Projects for tests of suggestions: images without files, with vectors made up around classes."""

from __future__ import annotations

import hashlib
from itertools import count

import numpy as np
from django.utils import timezone

from projects.models import Embedding, Image, ImageLabel, Label, Project
from projects.models.labels import COLORS

DIM = 32
ENCODER = ("made-up", "1")
_numbers = count(1)


def make_label(project: Project, name: str, key: str = "") -> Label:
    position = Label.objects.filter(project=project).count()
    color = COLORS[position % len(COLORS)]
    return Label.objects.create(project=project, name=name, key=key, color=color, position=position)


def direction(seed: int) -> np.ndarray:
    """A unit vector that is the middle of class `seed`."""
    middle = np.random.default_rng(seed).normal(size=DIM)
    return middle / np.linalg.norm(middle)


def near(seed: int, rng: np.random.Generator, spread: float = 0.08) -> np.ndarray:
    """A unit vector near the middle of class `seed`."""
    vector = direction(seed) + rng.normal(scale=spread, size=DIM)
    return vector / np.linalg.norm(vector)


def give_vector(image: Image, vector: np.ndarray) -> None:
    """Mark the image embedded, as the worker does."""
    project = image.project
    if not project.encoder:
        project.encoder, project.encoder_version = ENCODER
        project.save(update_fields=["encoder", "encoder_version"])
    Embedding.objects.create(
        image=image,
        project=project,
        encoder=project.encoder,
        encoder_version=project.encoder_version,
        vector=np.asarray(vector, "<f4").tobytes(),
    )
    Image.objects.filter(pk=image.pk).update(embedding_state=Image.EmbeddingState.EMBEDDED)
    project.raise_revision()


def make_image(
    project: Project,
    vector: np.ndarray | None = None,
    *labels: Label,
    name: str = "",
    state: str = Image.State.DATASET,
) -> Image:
    """An image of the dataset, waiting for its embedding if no vector is given."""
    number = next(_numbers)
    image = Image.objects.create(
        project=project,
        name=name or f"photo-{number:05}.jpg",
        path=name or f"photo-{number:05}.jpg",
        content_hash=hashlib.sha256(str(number).encode()).hexdigest(),
        extension=".jpg",
        byte_size=1000,
        width=40,
        height=30,
        state=state,
    )
    if vector is not None:
        give_vector(image, vector)
        image.embedding_state = Image.EmbeddingState.EMBEDDED
    for label in labels:
        put_label(image, label)
    return image


def put_label(image: Image, label: Label) -> None:
    """Label an image behind the services' back."""
    first = not image.image_labels.exists()
    ImageLabel.objects.create(image=image, label=label, is_default=first, labeled_at=timezone.now())
    Image.objects.filter(pk=image.pk).update(is_labeled=True)
    image.is_labeled = True
    image.project.raise_revision()


def take_labels(image: Image) -> None:
    image.image_labels.all().delete()
    Image.objects.filter(pk=image.pk).update(is_labeled=False)
    image.project.raise_revision()


def three_classes(
    project: Project, *, labeled: int = 5, unlabeled: int = 4, seed: int = 0
) -> tuple[list[Label], list[Image]]:
    """Labels cat, dog and owl with labeled images each; returns labels and unlabeled images.

    The unlabeled ones come as cat, dog, owl, cat, dog, owl ...
    """
    rng = np.random.default_rng(seed)
    labels = [make_label(project, name, str(i + 1)) for i, name in enumerate(("cat", "dog", "owl"))]
    for at, label in enumerate(labels):
        for _ in range(labeled):
            make_image(project, near(at, rng), label)
    images = [make_image(project, near(at % 3, rng)) for at in range(3 * unlabeled)]
    return labels, images
