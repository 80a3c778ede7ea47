"""A threshold for each label of a multi-label project, chosen from its labeled images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from projects.errors import Conflict
from projects.models import AbsentLabel, Batch, Project
from similarity.methods import DEFAULT_METHOD
from similarity.suggest import vote
from similarity.thresholds import choose_thresholds

from . import collections
from .absences import known_pairs, live_label_ids
from .carried import labels_by_image
from .indexes import labeled_index
from .label_states import chunked
from .opinions import scores_by_others
from .suggestions import hits_of
from .teaching import Taught, taught

LEAST_IMAGES = 10
"""Fewer labeled images say nothing; from 10 on, what was chosen beat 30 % at each of 60 draws."""
MOST_IMAGES = 1_000
"""Images that are left out in turn. More move no threshold by a percent, and cost a search each:
these take half a second among 5,000 labeled ones."""


@dataclass(frozen=True)
class Truth:
    """What people said of images: `matrix` is int8 (images, labels), 1 carried, 0 absent, -1
    unknown. `image_ids` and `label_ids` name its rows and columns."""

    image_ids: list[int]
    label_ids: list[int]
    matrix: NDArray[np.int8]


def truth(project: Project, image_ids: Sequence[int]) -> Truth:
    """Return which live labels these images carry, which are absent, and which nobody knows.

    Images that are not of the project are left out. Three queries for each 900 images, and one.
    """
    label_ids = live_label_ids(project)
    column = {label_id: at for at, label_id in enumerate(label_ids)}
    known: dict[int, dict[int, bool]] = {}
    for chunk in chunked(image_ids):
        known |= known_pairs(project.pk, chunk)
    matrix = np.full((len(known), len(label_ids)), -1, np.int8)
    for row, pairs in enumerate(known.values()):
        for label_id, carried in pairs.items():
            if label_id in column:
                matrix[row, column[label_id]] = carried
    return Truth(list(known), label_ids, matrix)


@dataclass(frozen=True)
class LabelThreshold:
    """Threshold of one label, in percent, and how many of the images carry it."""

    label_id: int
    percent: float
    examples: int


@dataclass(frozen=True)
class Chosen:
    """Thresholds as they are stored with a batch, and what they were chosen from.

    `assumed`: nobody said what is absent from the images, so what they do not carry counts as it.
    """

    revision: int
    k: int
    images: int
    assumed: bool
    labels: tuple[LabelThreshold, ...]
    method: str = DEFAULT_METHOD

    @classmethod
    def of(cls, batch: Batch) -> Self | None:
        """Return what is stored with a batch, None if nothing was chosen yet."""
        if batch.chosen is None:
            return None
        stored: dict[str, Any] = dict(batch.chosen)
        return cls(**stored | {"labels": tuple(LabelThreshold(**e) for e in stored["labels"])})

    @property
    def from_what(self) -> tuple[int, str, int | None]:
        """What they depend on; only hits that vote are counted."""
        return self.revision, self.method, self.k if self.method == DEFAULT_METHOD else None

    def as_json(self) -> dict[str, Any]:
        """Return what `of` reads."""
        return asdict(self)


def choose(project: Project, *, k: int, method: str = DEFAULT_METHOD) -> Chosen:
    """Choose thresholds by leaving each labeled image out in turn and asking the others.

    Where people said of at least `LEAST_IMAGES` images what is absent from them, those images
    alone are looked at. Otherwise all labeled images are, and what they do not carry is assumed
    to be absent. Of more than `MOST_IMAGES`, as many are drawn, always the same ones.

    Args:
        k: hits that vote, for the default method.
        method: whose scores the thresholds are for, a name of `teaching.METHOD_NAMES`.

    Raises:
        Conflict: there are fewer than `LEAST_IMAGES`, with what to do.
    """
    whole = collections.collection(project)
    known, assumed = _known_or_assumed(truth(project, _drawn(project, whole)))
    if len(known.image_ids) < LEAST_IMAGES:
        raise Conflict(
            f"Thresholds are chosen from at least {LEAST_IMAGES} labeled images, and there are "
            f"{len(known.image_ids)}; label a few more, or move the one threshold by hand.",
            code="too_few_labeled",
        )
    if method == DEFAULT_METHOD:
        scores = _left_out_votes(
            known, hits_of(known.image_ids, whole, labeled_index(project), k=k)
        )
    else:
        scores = _left_out_scores(known, whole, taught(project, method))
    found = choose_thresholds(scores, known.matrix)
    percents = (100 * found.per_label.astype(np.float64)).round(1).tolist()
    labels = zip(known.label_ids, percents, found.examples.tolist(), strict=True)
    return Chosen(
        project.revision,
        k,
        len(known.image_ids),
        assumed,
        tuple(LabelThreshold(*each) for each in labels),
        method,
    )


def _drawn(project: Project, whole: collections.Collection) -> list[int]:
    """Embedded images of the dataset of which anything was said, at most `MOST_IMAGES`."""
    absent = AbsentLabel.objects.in_effect().filter(image__project=project).values("image")
    said = project.images.in_dataset().filter(Q(is_labeled=True) | Q(pk__in=absent))
    ordered = said.values_list("pk", flat=True).order_by("pk")
    ids = [pk for pk, row in zip(ordered, whole.rows(ordered), strict=True) if row >= 0]
    if len(ids) <= MOST_IMAGES:
        return ids
    # Always the same draw: two requests choose the same thresholds.
    drawn = np.random.default_rng(0).choice(ids, MOST_IMAGES, replace=False)
    return [int(pk) for pk in sorted(drawn)]


def _known_or_assumed(said: Truth) -> tuple[Truth, bool]:
    """Return the rows that somebody decided about, or all with the unknown assumed absent.

    Carried labels of undecided rows beside absences of decided ones would make every label look
    more common than it is, and the thresholds too low.
    """
    decided = (said.matrix == 0).any(axis=1) | (said.matrix == 1).all(axis=1)
    if decided.sum() >= LEAST_IMAGES:
        ids = [pk for pk, keep in zip(said.image_ids, decided, strict=True) if keep]
        return Truth(ids, said.label_ids, said.matrix[decided]), False
    filled = np.where(said.matrix < 0, 0, said.matrix).astype(np.int8)
    return Truth(said.image_ids, said.label_ids, filled), True


def _left_out_scores(
    known: Truth, whole: collections.Collection, lesson: Taught | None
) -> NDArray[np.float32]:
    """Return the scores that each image gets from the others, float32 (images, labels)."""
    scores = np.zeros(known.matrix.shape, np.float32)
    if lesson:
        vectors = whole.centered(whole.rows(known.image_ids))
        found = scores_by_others(lesson, vectors, known.image_ids)
        column = {label_id: at for at, label_id in enumerate(known.label_ids)}
        for at, label_id in enumerate(lesson.label_ids.tolist()):
            if label_id in column:
                scores[:, column[label_id]] = found[:, at]
    return scores


def _left_out_votes(known: Truth, hits: Sequence[list[list[float]]]) -> NDArray[np.float32]:
    """Return the same by the default method, from the hits of each image among the others."""
    carried = labels_by_image({int(i) for each in hits for i, _ in each})
    column = {label_id: at for at, label_id in enumerate(known.label_ids)}
    scores = np.zeros(known.matrix.shape, np.float32)
    for row, each in enumerate(hits):
        voting = [(s, carried[int(i)]) for i, s in each if int(i) in carried]
        for suggestion in vote([s for s, _ in voting], [labels for _, labels in voting]):
            if suggestion.label in column:
                scores[row, column[suggestion.label]] = suggestion.score / 100
    return scores


def fresh(batch: Batch, *, k: int, method: str) -> Chosen:
    """Return the thresholds for a batch: those it has, or new ones if something moved since.

    That is labels, the method, or, where the hits vote, k.

    Not to be called in a transaction that raised the revision.

    Raises:
        Conflict: there are too few labeled images.
    """
    project = Project.objects.get(pk=batch.project_id)
    before = Chosen.of(batch)
    asked = (project.revision, method, k if method == DEFAULT_METHOD else None)
    if before and before.from_what == asked:
        return before
    return choose(project, k=k, method=method)


def refresh(batch: Batch) -> None:
    """Bring the thresholds of a batch that ticks by them up to date.

    Where too few labeled images are left, those chosen before stay.
    """
    if not batch.per_label:
        return
    with suppress(Conflict):
        chosen = fresh(batch, k=batch.k, method=batch.method)
        if chosen != Chosen.of(batch):
            batch.chosen = chosen.as_json()
            Batch.objects.filter(pk=batch.pk).update(chosen=batch.chosen)


def can_choose(project: Project) -> bool:
    """Whether there are enough labeled images to choose thresholds from."""
    enough = project.images.in_dataset().labeled().embedded()[:LEAST_IMAGES]
    return project.multi_label and len(enough.values_list("pk")) == LEAST_IMAGES
