"""Which images a batch takes: mixed, those that stand for the rest, or where the vote is split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db import models
from numpy.typing import NDArray

from projects.models import Image, Project
from projects.models.batches import DEFAULT_K
from projects.models.projects import BATCH_SIZES
from similarity.first import MOST_LABELED, first_to_label, sampled, spread_batch
from similarity.index import Index
from similarity.suggest import doubt

from . import collections
from .carried import labels_by_image
from .indexes import among, labeled_index
from .suggestions import hits_of

FEWEST = 20
"""Photos to label first: as many as it took to find nearly every class of the photo sets measured,
and a minute's work with keys. Source: docs/decisions/0043."""
PER_LABEL = 3
MOST = BATCH_SIZES[1]
MOST_DOUBTED = 1_500
"""Images whose vote is looked at, of more a sample: with 10,000 labeled ones, a second of one core.
3,000 beside 50,000 labeled ones took half a minute on a busy machine."""


class Order(models.TextChoices):
    """Which images the next batch takes first."""

    MIXED = "mixed", "Mixed"
    TYPICAL = "typical", "Typical and spread out first"
    UNCERTAIN = "uncertain", "Least certain, spread out"


def how_many_first(labels: int) -> int:
    """Return how many images to label before any: 20, or three for each label on the list.

    Labels that exist already say how many kinds there are to find.
    """
    return min(MOST, max(FEWEST, PER_LABEL * labels))


def images_in_order(project: Project, n: int, order: Order) -> list[int]:
    """Return the ids of up to `n` images that a batch should take, the most useful first.

    Taken are unlabeled, embedded images of the dataset that are under review nowhere and have not
    been in a batch before; all other images of the dataset that have an embedding count as known:
    what looks like them comes later. That is what an open batch will label, and also what was left
    without a label on purpose.

    Not to be called while a lock is held: it takes up to some seconds in a project of 100,000.

    Returns:
        Fewer than `n`, or none, where nothing new is left or the order is `MIXED`; the caller fills
        up with the others.
    """
    if order == Order.MIXED:
        return []
    whole = collections.collection(project)
    fresh = Image.objects.filter(project=project).for_next_batch().never_in_a_batch()
    candidates = _rows(whole, fresh.values_list("pk", flat=True))
    everything = _rows(whole, project.images.in_dataset().values_list("pk", flat=True))
    known = np.setdiff1d(everything, candidates)
    if order == Order.TYPICAL:
        rows = first_to_label(
            whole.vectors, n, candidates=candidates, labeled_rows=known, centering=whole.centering
        )
    else:
        candidates = sampled(candidates, MOST_DOUBTED)
        rows = spread_batch(
            whole.vectors,
            _doubts(project, whole, candidates),
            n,
            candidates=candidates,
            labeled_rows=known,
            centering=whole.centering,
        )
    chosen: list[int] = whole.image_ids[rows].tolist()
    return chosen


def _rows(
    whole: collections.Collection, image_ids: models.QuerySet[Image, int]
) -> NDArray[np.int64]:
    rows = whole.rows(image_ids.order_by())
    return rows[rows >= 0]


def _doubts(
    project: Project, whole: collections.Collection, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """How split the vote on each row is; 1 where no labeled image votes."""
    ids: Sequence[int] = whole.image_ids[rows].tolist()
    found = hits_of(ids, whole, _voters(project), k=DEFAULT_K)
    carried = labels_by_image({int(image_id) for hits in found for image_id, _ in hits})
    single = not project.multi_label
    votes = (
        doubt([s for _, s in hits], [carried.get(int(pk), ()) for pk, _ in hits], single=single)
        for hits in found
    )
    return np.fromiter(votes, np.float32, len(found))


def _voters(project: Project) -> Index:
    """The labeled images, or a sample of them where they are many."""
    labeled = collections.labeled(project)
    if len(labeled) <= MOST_LABELED:
        return labeled_index(project)
    return among(labeled, np.sort(sampled(np.arange(len(labeled)), MOST_LABELED)))
