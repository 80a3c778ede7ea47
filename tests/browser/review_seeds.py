"""Reviews made in a running application's database; see `seeder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def make_review(
    *,
    classes: Sequence[str] = ("cat", "dog", "owl"),
    labeled: int = 6,
    rows: int = 9,
    waiting: int = 0,
    failed: int = 0,
    kind: str = "selected",
    begin: bool = True,
    **fields: Any,
) -> dict[str, Any]:
    """Make a project with classes a vote tells apart, and a batch of images that have no label.

    The rows come as cat, dog, owl, cat ...; after them those that wait and those that failed.
    """
    import numpy as np
    from django.contrib.auth.models import User

    from projects.models import Batch, Project
    from tests import reviews

    owner = User.objects.order_by("pk").first()
    assert owner
    project = Project.objects.create(**{"name": "Animals", "owner": owner} | fields)
    rng = np.random.default_rng(5)
    keys = [str(at + 1) if at < 9 else "" for at in range(len(classes))]
    labels = [reviews.make_label(project, *pair) for pair in zip(classes, keys, strict=True)]
    shown = [
        reviews.make_image(project, reviews.near(at, rng, 0.05), label)
        for at, label in enumerate(labels)
        for _ in range(labeled)
    ]
    state = "staged" if kind == "uploaded" else "dataset"
    if waiting:
        # The running worker cannot load the made-up encoder and lets such images wait.
        project.encoder, project.encoder_version = reviews.ENCODER
        project.encoder_problem = "There is no such encoder."
        project.save()
    images = [
        reviews.make_image(project, reviews.near(at % len(classes), rng, 0.05), state=state)
        for at in range(rows)
    ]
    images += [_unread(project, state, "pending") for _ in range(waiting)]
    images += [_unread(project, state, "failed") for _ in range(failed)]
    batch = Batch.objects.create(project=project, created_by=owner, kind=kind) if begin else None
    if batch:
        batch.top_only = not project.multi_label
        batch.save()
        for at, image in enumerate(images):
            batch.items.create(image=image, position=at)
    return {
        "project": project.pk,
        "batch": batch and batch.pk,
        "images": [image.pk for image in images],
        "items": list(batch.items.values_list("pk", flat=True)) if batch else [],
        "labels": {label.name: label.pk for label in labels},
        "labeled": [image.pk for image in shown],
    }


def _unread(project: Any, state: str, embedding_state: str) -> Any:
    from tests import reviews

    image = reviews.make_image(project, state=state)
    image.embedding_state = embedding_state
    image.failure_reason = "The file is cut off." if embedding_state == "failed" else ""
    image.save()
    return image


def give_vectors(*, images: Sequence[int], seed: int = 0) -> dict[str, Any]:
    """Embed images that waited, as the worker does."""
    from projects.models import Image
    from tests import reviews

    for image in Image.objects.filter(pk__in=images).select_related("project"):
        reviews.give_vector(image, reviews.direction(seed))
    return {}


def states(*, project: int) -> dict[str, Any]:
    """What became of a project: image states, labels by image, states of batches."""
    from projects.models import AbsentLabel, Batch, Image, ImageLabel

    images = Image.objects.filter(project=project).values_list("pk", "state")
    carried: dict[int, list[str]] = {}
    for pk, name in ImageLabel.objects.filter(image__project=project).values_list(
        "image", "label__name"
    ):
        carried.setdefault(pk, []).append(name)
    absent: dict[int, list[str]] = {}
    said = AbsentLabel.objects.in_effect().filter(image__project=project)
    for pk, name in said.values_list("image", "label__name"):
        absent.setdefault(pk, []).append(name)
    batches = Batch.objects.filter(project=project).order_by("pk")
    return {
        "images": {str(pk): state for pk, state in images},
        "labels": {str(pk): sorted(names) for pk, names in carried.items()},
        "absent": {str(pk): sorted(names) for pk, names in absent.items()},
        "batches": list(batches.values_list("state", flat=True)),
    }
