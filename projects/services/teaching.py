"""What a project's labeled images teach: a method fitted to them, and how far it can be trusted.

Kept in this process until the project's revision moves; the database stays the only truth.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from projects.errors import Refusal
from projects.models import Project
from similarity.auto import Choice, choose
from similarity.calibration import Calibration, calibrate, certainty
from similarity.index import ExactIndex, Index
from similarity.methods import METHODS, Fitted, Method, NeighbourVote, Targets, targets_of
from similarity.novelty import unlike_below
from similarity.sampling import evenly

from . import collections
from .carried import labels_by_image

AUTO = "auto"
METHOD_NAMES = {
    "auto": "Automatic",
    "neighbours": "Neighbours",
    "head": "Head",
    "class_means": "Class means",
    "graph": "Graph",
}
"""By the name in addresses and rows; the first is what pages begin with."""
MOST_CHECKED = 2_000
"""Labeled images that are left out in turn to learn how often the method is right."""
_POOL = 2_000
_MOST_KEPT = 8


@dataclass(frozen=True)
class Taught:
    """A method that has seen the labeled images of a project, as of one revision."""

    name: str
    """What was asked for: a name of `METHOD_NAMES`."""
    method: Method
    """What that came to."""
    choice: Choice | None
    """Why, where it was chosen automatically."""
    label_ids: NDArray[np.int64]
    """The label of each column of the scores."""
    fitted: Fitted = field(repr=False)
    calibration: Calibration = field(repr=False)
    checked: NDArray[np.float64] = field(repr=False)
    """Certainty of labeled images that were left out in turn."""
    right: NDArray[np.bool_] = field(repr=False)
    """Whether the best label of those was right."""
    labeled: collections.Labeled = field(repr=False)
    index: Index = field(repr=False)
    """Of those labeled images."""
    unlike_below: float = -1.0
    """Similarity to the nearest labeled image below which an image is unlike all of them."""

    @property
    def reason(self) -> str:
        """One sentence: what is used and, if it was chosen automatically, why."""
        used = METHOD_NAMES[self.method.name]
        if self.choice is None:
            return f"{used}, from {len(self.labeled):,} labeled images."
        fewer, n = round(self.choice.fewer_corrections), self.choice.labeled
        if self.method == NeighbourVote():
            return f"{used}: nothing else is surely better yet, from {n:,} labeled images."
        if fewer > 0:
            return (
                f"{used}: {fewer} % fewer corrections expected than with neighbours, "
                f"from {n:,} labeled images."
            )
        return f"{used}: as good as neighbours so far, from {n:,} labeled images."


CHOOSE_AGAIN = 1.2
"""A choice stands until so many times as many images are labeled: choosing takes ten times as long
as fitting, and a few more images hardly change it."""

_kept: OrderedDict[tuple[int, int, str, int], Taught | None] = OrderedDict()
_chosen: OrderedDict[int, tuple[int, list[int], Choice]] = OrderedDict()
"""By project: from how many labeled images and for which labels the last choice was made."""
_lock = threading.Lock()
"""Held for moments only, around what is kept; `_teaching` is held while a project's is made."""
_teaching: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)


def taught(project: Project, name: str = AUTO, *, k: int = 10) -> Taught | None:
    """Return what the labeled images teach, None where none is labeled and embedded.

    Args:
        name: of `METHOD_NAMES`.
        k: hits that vote, for `neighbours`.

    Raises:
        Refusal: no method has that name.
    """
    if name not in METHOD_NAMES:
        raise Refusal(f"A method is one of {', '.join(METHOD_NAMES)}.", code="method")
    key = (project.pk, project.revision, name, k if name == "neighbours" else 0)
    with _lock:
        teaching = _teaching[project.pk]
    # Two requests for one project do the work once, and no other project waits for it.
    with teaching:
        with _lock:
            is_known, found = key in _kept, _kept.get(key)
        if not is_known:
            found = _teach(project, name, k)
        _keep(_kept, key, found)
    return found


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _keep(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    with _lock:
        kept[key] = value
        kept.move_to_end(key)
        while len(kept) > _MOST_KEPT:
            kept.popitem(last=False)


def _teach(project: Project, name: str, k: int) -> Taught | None:
    labeled = _seen_by_people(project)
    carried = labels_by_image(set(labeled.image_ids.tolist()))
    label_ids = sorted({label for labels in carried.values() for label in labels})
    if not label_ids:
        return None
    targets = targets_of([carried.get(i, ()) for i in labeled.image_ids.tolist()], label_ids)
    pool = _pool(project)
    vectors = labeled.centered()
    choice = _choice(project, vectors, targets, label_ids, pool) if name == AUTO else None
    method = choice.method if choice else _named(name, k)
    fitted = method.fit(vectors, targets, pool=pool)
    rows = evenly(len(labeled), MOST_CHECKED)
    left_out = fitted.leave_one_out(rows)
    # With no score at all the first label is no guess that could be right.
    right = (targets[rows, left_out.argmax(axis=1)] > 0) & (left_out.max(axis=1) > 0)
    sure = certainty(left_out)
    index = ExactIndex(labeled.searched)
    return Taught(
        name=name,
        method=method,
        choice=choice,
        label_ids=np.array(label_ids, np.int64),
        fitted=fitted,
        calibration=calibrate(sure, right),
        checked=sure,
        right=right,
        labeled=labeled,
        index=index,
        unlike_below=_unlike_below(labeled, index, rows),
    )


def _choice(
    project: Project,
    vectors: NDArray[np.float32],
    targets: Targets,
    label_ids: list[int],
    pool: NDArray[np.float32],
) -> Choice:
    """The choice made last, or a new one where there is more or less to choose from."""
    n, labels, choice = _chosen.get(project.pk, (0, [], None))
    if choice is None or labels != label_ids or not n <= len(vectors) < CHOOSE_AGAIN * n:
        choice = choose(vectors, targets, pool=pool)
        _keep(_chosen, project.pk, (len(vectors), label_ids, choice))
    return choice


def _seen_by_people(project: Project) -> collections.Labeled:
    """The labeled images without those accepted unseen.

    What a method said itself would prove it right, however wrong it is: left out in turn, such an
    image finds the one it got its label from, and the other way round.
    """
    labeled = collections.labeled(project)
    unseen = list(project.images.in_dataset().accepted_unseen().values_list("pk", flat=True))
    if not unseen:
        return labeled
    return labeled.part(~np.isin(labeled.image_ids, unseen))


def _named(name: str, k: int) -> Method:
    return NeighbourVote(k) if name == "neighbours" else METHODS[name]()


def _unlike_below(labeled: collections.Labeled, index: Index, rows: NDArray[np.int64]) -> float:
    hits = index.search(labeled.centered(rows), k=1, itself=labeled.image_ids[rows])
    return unlike_below(hits.similarities[:, 0])


def _pool(project: Project) -> NDArray[np.float32]:
    """Vectors of images without a label, for methods that learn from those too."""
    whole = collections.collection(project)
    unlabeled = project.images.in_dataset().unlabeled().embedded().order_by("content_hash")
    rows = whole.rows(unlabeled.values_list("pk", flat=True)[:_POOL])
    return whole.centered(rows[rows >= 0])


@dataclass(frozen=True)
class Forecasts:
    """What a method says of images, row by row; arrays of one length."""

    image_ids: NDArray[np.int64]
    best: NDArray[np.int64]
    """Label with the highest score, 0 where a person rejected every label."""
    second: NDArray[np.int64]
    """The runner-up, 0 where there is none."""
    score: NDArray[np.float32]
    """Of the best label, 0..1."""
    certainty: NDArray[np.float64]
    probability: NDArray[np.float64]
    """Calibrated: how likely the best label is right, 0..1."""
    unlike: NDArray[np.bool_]
    """Whether the image is unlike everything labeled, or a person rejected every label."""

    def __len__(self) -> int:
        return len(self.image_ids)

    def part(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Forecasts:
        """Return these rows."""
        return Forecasts(
            self.image_ids[rows],
            self.best[rows],
            self.second[rows],
            self.score[rows],
            self.certainty[rows],
            self.probability[rows],
            self.unlike[rows],
        )


_BLOCK = 4_096
_forecasts: OrderedDict[tuple[int, str], tuple[Taught, list[int], Forecasts]] = OrderedDict()


def kept_forecast(
    project: Project, lesson: Taught, image_ids: list[int], *, rejected: dict[int, set[int]]
) -> Forecasts:
    """Do what `forecast` does, and keep it for this lesson and these images.

    Only for rejections that move the project's revision, as a new lesson does.
    """
    key = (project.pk, lesson.name)
    known = _forecasts.get(key)
    if known is None or known[0] is not lesson or known[1] != image_ids:
        known = (lesson, list(image_ids), forecast(project, lesson, image_ids, rejected=rejected))
    _keep(_forecasts, key, known)
    return known[2]


def forecast(
    project: Project,
    lesson: Taught,
    image_ids: list[int],
    *,
    rejected: dict[int, set[int]] | None = None,
) -> Forecasts:
    """Say of each image which label fits best; images without a vector are left out.

    Args:
        image_ids: the images, in the order they are wanted.
        rejected: labels that a person said an image does not have; they are not proposed again.

    Cost: one comparison with every labeled image (or landmark), 2 s of one core for 100,000 images
    against 1,000.
    """
    whole = collections.collection(project)
    rows = whole.rows(image_ids)
    ids = np.array(image_ids, np.int64)[rows >= 0]
    rows = rows[rows >= 0]
    parts = [
        _forecast(lesson, ids[at : at + _BLOCK], whole.centered(rows[at : at + _BLOCK]), rejected)
        for at in range(0, len(rows), _BLOCK)
    ]
    return _joined(parts)


def scores_of(
    project: Project, lesson: Taught, image_ids: list[int], rejected: dict[int, set[int]]
) -> dict[int, NDArray[np.float32]]:
    """Return the score of every label (column by column of the lesson) for a few images."""
    whole = collections.collection(project)
    rows = whole.rows(image_ids)
    there = [i for i, row in zip(image_ids, rows, strict=True) if row >= 0]
    scores = lesson.fitted.scores(whole.centered(rows[rows >= 0]))
    _strike_out(scores, lesson, there, rejected)
    return dict(zip(there, scores, strict=True))


def _strike_out(
    scores: NDArray[np.float32], lesson: Taught, ids: list[int], rejected: dict[int, set[int]]
) -> None:
    """Put labels that were rejected for an image below all others."""
    for row, image_id in enumerate(ids):
        if struck := rejected.get(image_id):
            scores[row, np.isin(lesson.label_ids, list(struck))] = -1.0


def _forecast(
    lesson: Taught,
    ids: NDArray[np.int64],
    vectors: NDArray[np.float32],
    rejected: dict[int, set[int]] | None,
) -> Forecasts:
    scores = lesson.fitted.scores(vectors)
    _strike_out(scores, lesson, ids.tolist(), rejected or {})
    first = scores.argmax(axis=1)
    at = np.arange(len(ids))
    sure = certainty(np.maximum(scores, 0.0))
    best_score = scores[at, first].copy()
    none_left = best_score < 0
    second = np.zeros(len(ids), np.int64)
    if scores.shape[1] > 1:
        scores[at, first] = -2.0
        second = np.where(scores.max(axis=1) < 0, 0, lesson.label_ids[scores.argmax(axis=1)])
    hits = lesson.index.search(vectors, k=1)
    return Forecasts(
        image_ids=ids,
        best=np.where(none_left, 0, lesson.label_ids[first]),
        second=second,
        score=np.maximum(best_score, 0.0),
        certainty=sure,
        probability=np.where(none_left, 0.0, lesson.calibration.probability(sure)),
        unlike=none_left | (hits.similarities[:, 0] < lesson.unlike_below),
    )


def _joined(parts: list[Forecasts]) -> Forecasts:
    if not parts:
        none = np.zeros(0, np.int64)
        return Forecasts(
            none, none, none, np.zeros(0, np.float32), np.zeros(0), np.zeros(0), none > 0
        )
    return Forecasts(
        *(
            np.concatenate([getattr(each, name) for each in parts])
            for name in Forecasts.__dataclass_fields__
        )
    )
