"""Acceptances and batches of made-up projects, for tests of what the page of progress says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import transaction
from django.utils import timezone

from projects.models import Act, Batch, Image, ImageLabel, Label, Project
from projects.services import commits, edits
from projects.services.acts import begin_act
from projects.services.labels import Given, apply_labels
from projects.services.suggestions import search, suggest
from tests.reviews import make_image, near


def accept_unseen(
    project: Project,
    images: Sequence[Image],
    label: Label,
    *,
    probability: float | None = 0.98,
    checks: Sequence[bool | None] = (),
) -> Batch:
    """Accept a label for images without a look; the first are asked back, and checked as said."""
    batch = Batch.objects.create(
        project=project,
        kind=Batch.Kind.ACCEPTED,
        state=Batch.State.COMMITTED,
        closed_at=timezone.now(),
    )
    for at, image in enumerate(images):
        batch.items.create(
            image=image,
            position=at,
            suggested=[label.pk],
            chosen=[label.pk],
            probability=probability,
            asked_back=at < len(checks),
            checked_right=checks[at] if at < len(checks) else None,
        )
    with transaction.atomic():
        act = begin_act(
            project,
            project.owner,
            kind=Act.Kind.ACCEPT,
            summary="Accepted",
            payload={
                "batch": batch.pk,
                "before": Batch.State.DISCARDED.value,
                "after": Batch.State.COMMITTED.value,
            },
        )
        given = {image.pk: (Given(label.pk, 98.0),) for image in images}
        apply_labels(act, given, mode="add", source=ImageLabel.Source.SUGGESTION)
    project.refresh_from_db()
    return batch


def review(
    project: Project, images: Sequence[Image], *, wrong: int = 0, left_out: int = 0
) -> Batch:
    """Review images as they are suggested, but for the first: corrected, then left out."""
    batch = Batch.objects.create(project=project, created_by=project.owner, kind="next")
    batch.top_only = True
    batch.save()
    for at, image in enumerate(images):
        batch.items.create(image=image, position=at)
    search(batch)
    labels = list(project.labels.all())
    for at, row in enumerate(suggest(batch)[: wrong + left_out]):
        for label_id in row.ticked:
            label = next(each for each in labels if each.pk == label_id)
            edits.set_tick(batch, project.owner, row.item.pk, label, ticked=False)
        if at < wrong:
            other = next(each for each in labels if each.pk not in row.suggested)
            edits.set_tick(batch, project.owner, row.item.pk, other, ticked=True)
    commits.commit(batch, project.owner)
    project.refresh_from_db()
    batch.refresh_from_db()
    return batch


def more_images(project: Project, number: int, *, seed: int = 1, spread: float = 0.08) -> list:
    """Unlabeled images near cat, dog, owl, cat ..."""
    rng = np.random.default_rng(seed)
    return [make_image(project, near(at % 3, rng, spread)) for at in range(number)]
