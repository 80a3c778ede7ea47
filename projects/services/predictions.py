"""Answers to scripts: suggested labels and similar images for queries, nothing stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.db.models import Exists, OuterRef
from numpy.typing import NDArray

from projects.errors import Conflict, NotFound
from projects.models import Image, ImageLabel, ImageQuerySet, Label, Project
from projects.models.batches import DEFAULT_K, DEFAULT_THRESHOLD
from projects.models.labels import name_key
from projects.services import collections
from projects.services.carried import labels_and_names
from projects.services.collections import Collection
from projects.services.indexes import labeled_index
from projects.services.opinions import scores_by_others, suggestions_of
from projects.services.queries import Query
from projects.services.similar import nearest_matching
from projects.services.suggestions import hits_of_vectors
from projects.services.teaching import taught
from projects.services.timing import part
from similarity.methods import DEFAULT_METHOD
from similarity.suggest import Suggestion, vote


@dataclass(frozen=True)
class Controls:
    """What a script may choose. `threshold` in percent, not used with `use_first`."""

    results: int = DEFAULT_K
    threshold: float = DEFAULT_THRESHOLD
    use_first: bool = False
    method: str = DEFAULT_METHOD
    """A name of `teaching.METHOD_NAMES`."""


class Hit(NamedTuple):
    """A labeled image that is similar to the query; by the default method, one that voted."""

    image: str
    labels: tuple[str, ...]
    similarity: float
    """Percent."""


@dataclass(frozen=True)
class SuggestedLabel:
    label: Label
    score: float
    """Percent."""


@dataclass(frozen=True)
class Answer:
    """Suggested labels of one query, best first, and the evidence, nearest first."""

    suggestions: tuple[SuggestedLabel, ...]
    hits: tuple[Hit, ...]


@dataclass(frozen=True)
class SimilarImage:
    image: Image
    score: float
    """Percent."""


def suggest_labels(
    project: Project, queries: Sequence[Query], controls: Controls, *, with_hits: bool = True
) -> list[Answer]:
    """Return the suggested labels of each query, in order. A query is never its own hit.

    A fixed number of database queries, however many images are asked about.

    Raises:
        Conflict: no image of the project is labeled and embedded.
    """
    with part("search"):
        refuse_unlabeled(project)
        whole, index = collections.collection(project), labeled_index(project)
        vectors = centered(whole, queries)
        itself = [query.itself for query in queries]
        found = hits_of_vectors(vectors, itself, index, k=controls.results)
    with part("vote"):
        scored = _scored(project, controls.method, vectors, itself)
        return _Voter(project, controls, with_hits=with_hits).answers(found, scored)


def refuse_unlabeled(project: Project) -> None:
    """Raise `Conflict` if the project has no labeled image to compare with."""
    if not len(collections.labeled(project)):
        raise Conflict(
            "No image of this project has a label yet, so there is nothing to compare with; "
            "label some images first.",
            code="no_labeled_images",
        )


def centered(whole: Collection, queries: Sequence[Query]) -> NDArray[np.float32]:
    """Return the vectors of queries as they are compared with the collection's, (n, dim)."""
    vectors = [query.vector for query in queries if query.vector is not None]
    return whole.centering.apply(np.stack(vectors))


def _scored(
    project: Project, method: str, vectors: NDArray[np.float32], itself: Sequence[int]
) -> list[Sequence[Suggestion]] | None:
    """Suggestions of each query by a method that does not vote on its hits; None: they vote."""
    lesson = None if method == DEFAULT_METHOD else taught(project, method)
    if lesson is None:
        return None
    scores = scores_by_others(lesson, vectors, itself)
    return [suggestions_of(line, lesson.label_ids) for line in scores]


class _Voter:
    """Turns hits into answers, with the labels and names of all hits read at once."""

    def __init__(self, project: Project, controls: Controls, *, with_hits: bool) -> None:
        self.project, self.controls, self.with_hits = project, controls, with_hits
        self.labels = {label.pk: label for label in Label.objects.live().filter(project=project)}
        self._named_before: dict[tuple[int, ...], tuple[str, ...]] = {}

    def answers(
        self,
        found: list[list[list[float]]],
        scored: Sequence[Sequence[Suggestion]] | None = None,
    ) -> list[Answer]:
        """`scored`: what is suggested for each query where the hits do not vote."""
        ids = {int(hit[0]) for hits in found for hit in hits}
        self.carried, self.names = labels_and_names(ids)
        return [
            self._answer(hits, scored[at] if scored is not None else None)
            for at, hits in enumerate(found)
        ]

    def _answer(self, hits: list[list[float]], scored: Sequence[Suggestion] | None) -> Answer:
        carried = self.carried
        voting = [(int(i), s, carried[int(i)]) for i, s in hits if i in carried]
        if scored is None:
            scored = vote([s for _, s, _ in voting], [labels for _, _, labels in voting])
        suggestions = tuple(
            SuggestedLabel(self.labels[each.label], each.score)
            for each in self._chosen(scored)
            if each.label in self.labels
        )
        return Answer(suggestions, self._evidence(voting) if self.with_hits else ())

    def _chosen(self, scored: Sequence[Suggestion]) -> Sequence[Suggestion]:
        if self.controls.use_first:
            return scored[:1]
        return [each for each in scored if each.score >= self.controls.threshold]

    def _evidence(self, voting: Sequence[tuple[int, float, tuple[int, ...]]]) -> tuple[Hit, ...]:
        return tuple(
            Hit(self.names[image_id], self._named(labels), round(100 * similarity, 1))
            for image_id, similarity, labels in voting
        )

    def _named(self, labels: tuple[int, ...]) -> tuple[str, ...]:
        if labels not in self._named_before:
            names = tuple(self.labels[i].name for i in labels if i in self.labels)
            self._named_before[labels] = names
        return self._named_before[labels]


def similar_images(
    project: Project,
    query: Query,
    *,
    limit: int,
    threshold: float = 0.0,
    labels: Sequence[str] = (),
    all_labels: bool = False,
) -> list[SimilarImage]:
    """Return the images of the dataset most similar to the query, the nearest first.

    Labeled or not; the query itself is never among them.

    Args:
        threshold: least similarity, in percent, compared with `>=`.
        labels: only images that carry one of these, or all of them with `all_labels`.

    Raises:
        NotFound: the project has no such label.
    """
    images = _carrying(project, labels, all_labels=all_labels)
    with part("search"):
        whole = collections.collection(project)
        if not len(whole):
            return []
        found = nearest_matching(
            whole, centered(whole, [query]), images, limit=limit, but={query.itself}
        )
    scored = [SimilarImage(image, round(100 * similarity, 1)) for image, similarity in found]
    return [each for each in scored if each.score >= threshold]


def _carrying(project: Project, names: Sequence[str], *, all_labels: bool) -> ImageQuerySet:
    images = Image.objects.in_dataset().filter(project=project)
    if not names:
        return images
    wanted = labels_named(project, names)
    carried = ImageLabel.objects.filter(image=OuterRef("pk"))
    if not all_labels:
        return images.filter(Exists(carried.filter(label__in=wanted)))
    for label in wanted:
        images = images.filter(Exists(carried.filter(label=label)))
    return images


def labels_named(project: Project, names: Sequence[str]) -> list[Label]:
    """Return the project's labels of these names, whatever their case.

    Raises:
        NotFound: there is no label of one of the names.
    """
    known = {label.name_key: label for label in Label.objects.live().filter(project=project)}
    missing = next((name for name in names if name_key(name) not in known), None)
    if missing is not None:
        raise NotFound(
            f"The project has no label “{missing[:100]}”; GET its labels for their names.",
            code="unknown_label",
        )
    return list(dict.fromkeys(known[name_key(name)] for name in names))
