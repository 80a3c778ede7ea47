"""How likely the best label of a row is right: the certainty of its scores, calibrated."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from projects.models import Batch, Project
from projects.models.batches import MAX_K
from similarity.calibration import LEAST_LABELED, Calibration, calibrate, certainty
from similarity.index.places import Places
from similarity.methods import DEFAULT_METHOD, Targets, targets_of
from similarity.methods.neighbour_vote import count_votes
from similarity.neighbours import Hits
from similarity.sampling import evenly
from similarity.suggest import TEMPERATURE

from . import collections
from .carried import labels_by_image
from .indexes import labeled_index
from .teaching import taught

MOST_CHECKED = 1_000
"""Labeled images that are left out in turn to learn how often the vote is right."""
_LEAST_CHECKED = 200
_MOST_COMPARED = 10_000_000
"""Pairs of images compared to learn it: half a second of one core at 1,280 dimensions."""


def probabilities(
    project: Project, method: str, certainties: Sequence[float], *, k: int
) -> list[float] | None:
    """Return how likely each best label is right, 0..1; None with fewer than 20 labeled images.

    Args:
        project: as it is by now, since its revision names what is kept.
        method: a name of `teaching.METHOD_NAMES`.
        certainties: how far each best score is ahead of the second, 0..1.
        k: hits that vote, for the default method.
    """
    calibration = _calibration(project, method, k)
    if calibration is None or calibration.labeled < LEAST_LABELED:
        return None
    found: list[float] = calibration.probability(np.array(certainties, np.float64)).tolist()
    return found


def learn(batch: Batch) -> None:
    """Learn what the batch's rows need now, so that a transaction that asks for it is a short one.

    Not to be called in a transaction that raised the revision.
    """
    _calibration(Project.objects.get(pk=batch.project_id), batch.method, batch.k)


def _calibration(project: Project, method: str, k: int) -> Calibration | None:
    if method == DEFAULT_METHOD:
        left_out = _left_out(project)
        return left_out.calibration(k) if left_out else None
    lesson = taught(project, method)
    return lesson.calibration if lesson else None


@dataclass(frozen=True)
class _LeftOut:
    """Hits of labeled images among the others, searched once: a moved k only votes on them."""

    hits: Hits
    targets: Targets
    """(n, labels) of the images that were left out or hit, which the hits are rows of."""
    rows: NDArray[np.int64]
    """The labeled images that were left out in turn."""
    calibrations: dict[int, Calibration] = field(default_factory=dict)

    def calibration(self, k: int) -> Calibration:
        if k not in self.calibrations:
            first = Hits(self.hits.rows[:, :k], self.hits.similarities[:, :k])
            scores = count_votes(first, self.targets, temperature=TEMPERATURE)
            right = self.targets[self.rows, scores.argmax(axis=1)] > 0
            self.calibrations[k] = calibrate(certainty(scores), right)
        return self.calibrations[k]


_Key: TypeAlias = tuple[int, int]
_kept: OrderedDict[_Key, _LeftOut | None] = OrderedDict()
_lock = threading.Lock()
_MOST_KEPT = 4


def _left_out(project: Project) -> _LeftOut | None:
    key = (project.pk, project.revision)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = _search(project)
    with _lock:
        _kept[key] = found
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found


def _search(project: Project) -> _LeftOut | None:
    labeled = collections.labeled(project)
    if len(labeled) < LEAST_LABELED:
        return None
    rows = _checked_rows(len(labeled))
    checked = labeled.image_ids[rows]
    k = min(MAX_K, len(labeled))
    found = labeled_index(project).search(labeled.centered(rows), k=k, itself=checked)
    # Of these alone: reading the labels of 100,000 images takes longer than all the rest.
    seen = np.union1d(checked, found.image_ids[found.image_ids >= 0])
    carried = labels_by_image(set(seen.tolist()))
    labels = sorted({label for each in carried.values() for label in each})
    if not labels:
        return None
    targets = targets_of([carried.get(i, ()) for i in seen.tolist()], labels)
    places = Places(seen)
    hits = Hits(places.of(found.image_ids.ravel()).reshape(-1, k), found.similarities)
    return _LeftOut(hits, targets, places.of(checked))


def _checked_rows(n: int) -> NDArray[np.int64]:
    most = max(_LEAST_CHECKED, min(MOST_CHECKED, _MOST_COMPARED // n))
    return evenly(n, most)
