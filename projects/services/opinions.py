"""What the methods other than the default vote say of images, kept until labels or vectors move."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from projects.models import Batch, Project
from similarity.calibration import certainty
from similarity.methods import DEFAULT_METHOD
from similarity.suggest import Suggestion

from . import collections
from .teaching import Taught, taught

LEAST_SCORE = 1.0
"""Percent. A head scores every label of the project a little; nobody wants to read them all. The
best one is suggested whatever it scores."""


class Opinion(NamedTuple):
    """Suggested labels of one image, best first; `certainty` in percent."""

    suggestions: Sequence[Suggestion]
    certainty: float


NO_OPINION = Opinion((), 0.0)

_Key: TypeAlias = tuple[int, int, str]
_kept: OrderedDict[_Key, dict[int, Opinion]] = OrderedDict()
_lock = threading.Lock()
_MOST_KEPT = 16
"""Projects and methods. One batch of 500 images and 100 labels is a megabyte or two."""


def opinions(project: Project, method: str, image_ids: Iterable[int]) -> dict[int, Opinion]:
    """Return what a method says of each image; those without a vector are left out.

    An image that is labeled is judged by the others alone. A second question at the same revision
    costs a look-up, so that a moved threshold multiplies nothing. Not to be called in a transaction
    that raised the revision.

    Args:
        project: as it is by now, since its revision names what is kept.
        method: a name of `METHOD_NAMES` other than the default, which votes on stored hits.
    """
    kept = _of(project, method)
    wanted = list(image_ids)
    missing = [image_id for image_id in wanted if image_id not in kept]
    if missing and (lesson := taught(project, method)):
        kept.update(_opinions(project, lesson, missing))
    return {image_id: kept[image_id] for image_id in wanted if image_id in kept}


def _of(project: Project, method: str) -> dict[int, Opinion]:
    key = (project.pk, project.revision, method)
    with _lock:
        kept = _kept.setdefault(key, {})
        _kept.move_to_end(key)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
        return kept


def _opinions(project: Project, lesson: Taught, image_ids: Sequence[int]) -> dict[int, Opinion]:
    whole = collections.collection(project)
    rows = whole.rows(image_ids)
    ids = np.array(image_ids, np.int64)[rows >= 0]
    if not len(ids):
        return {}
    scores = scores_by_others(lesson, whole.centered(rows[rows >= 0]), ids.tolist())
    sure = (100 * certainty(scores)).tolist()
    suggested = [suggestions_of(line, lesson.label_ids) for line in scores]
    return {
        image_id: Opinion(each, lead)
        for image_id, each, lead in zip(ids.tolist(), suggested, sure, strict=True)
    }


def scores_by_others(
    lesson: Taught, vectors: NDArray[np.float32], itself: Sequence[int]
) -> NDArray[np.float32]:
    """Return the scores of queries, float32 (n, labels) in 0..1, none by its own labels.

    Args:
        vectors: float32 (n, dim), centered unit rows.
        itself: for each the id of the image that it is of, 0 where it is of none.
    """
    scores = lesson.fitted.scores(vectors)
    own = lesson.labeled.rows(itself)
    known = np.flatnonzero(own >= 0)
    if len(known):
        scores[known] = lesson.fitted.leave_one_out(own[known])
    return scores


def suggestions_of(
    scores: NDArray[np.float32], label_ids: NDArray[np.int64]
) -> tuple[Suggestion, ...]:
    """Return the labels that reach `LEAST_SCORE`, or else the best one, best first.

    Scores are in percent, rounded to one decimal as those of the vote are; ties go to the lower id.
    A label that scores nothing is never suggested.

    Args:
        scores: float32 (labels,) in 0..1.
        label_ids: int64 (labels,).
    """
    percent = (100.0 * scores.astype(np.float64)).round(1)
    order = np.lexsort((label_ids, -percent))
    least = min(LEAST_SCORE, max(percent[order[0]], 0.1))
    return tuple(
        Suggestion(int(label_ids[at]), float(percent[at])) for at in order if percent[at] >= least
    )


def reason_of(batch: Batch) -> str:
    """Return the sentence that says what is used and why; empty for the default method."""
    if batch.method == DEFAULT_METHOD:
        return ""
    lesson = taught(Project.objects.get(pk=batch.project_id), batch.method)
    return lesson.reason if lesson else ""
