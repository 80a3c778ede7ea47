"""Why an image is suggested as a label: the labeled images it was compared with, side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from projects.models import Image, ImageLabel, Label, Project

from . import collections
from .by_label import rejections, shown_percent
from .indexes import among
from .teaching import AUTO, Taught, forecast, taught

MOST_SHOWN = 4
"""Labeled images of each label: one row below a large picture."""


class Near(NamedTuple):
    """A labeled image, and how similar it is in percent."""

    image: Image
    percent: int


class Evidence(NamedTuple):
    """The nearest labeled images of one label, the most similar first."""

    label: Label
    percent: int | None
    """How likely the label is right; None for the runner-up, of which no method says that."""
    near: tuple[Near, ...]


def evidence(project: Project, image: Image, *, method: str = AUTO) -> list[Evidence]:
    """Return what speaks for the suggested label, then for the runner-up.

    Empty where nothing is labeled, the image has no vector, or no label is left for it.
    """
    lesson = taught(project, method)
    if lesson is None:
        return []
    found = forecast(project, lesson, [image.pk], rejected=rejections(project))
    if not len(found):
        return []
    sure = shown_percent(float(found.probability[0]))
    wanted = [(int(found.best[0]), sure), (int(found.second[0]), None)]
    labels = Label.objects.live().filter(project=project).in_bulk([pk for pk, _ in wanted])
    near = {pk: _nearest_of(project, lesson, image, pk) for pk in labels}
    images = Image.objects.filter(project=project).in_bulk(
        [i for hits in near.values() for i in hits]
    )
    return [
        Evidence(
            labels[pk],
            percent,
            tuple(Near(images[i], of) for i, of in near[pk].items() if i in images),
        )
        for pk, percent in wanted
        if pk in labels
    ]


def _nearest_of(project: Project, lesson: Taught, image: Image, label_id: int) -> dict[int, int]:
    """The nearest images that carry the label, each with its similarity in percent."""
    carrying = ImageLabel.objects.filter(label=label_id, image__project=project)
    ids = set(carrying.values_list("image", flat=True))
    rows = np.flatnonzero(np.isin(lesson.labeled.image_ids, list(ids)))
    whole = collections.collection(project)
    query = whole.centered(whole.rows([image.pk]))
    found = among(lesson.labeled, rows).search(query, k=MOST_SHOWN)
    near = zip(found.image_ids[0].tolist(), found.similarities[0].tolist(), strict=True)
    return {image_id: round(100 * similarity) for image_id, similarity in near if image_id >= 0}
