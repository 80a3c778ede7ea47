"""Suggestions for the queries of a batch: searched once, voted on as often as a control moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, TypeAlias

import numpy as np
from django.db.models import F, Q, QuerySet
from numpy.typing import NDArray

from projects.models import Batch, BatchEdit, BatchItem, Image, ImageLabel, Label, Project
from projects.models.batches import MAX_K
from similarity.neighbours import Hits, nearest
from similarity.suggest import Suggestion, vote

from . import collections
from .selection import one_variable
from .ticks import Controls, effective_ticks, suggested_ticks


class RowState(StrEnum):
    READY = "ready"
    WAITING = "waiting"
    """Its embedding is still being made."""
    FAILED = "failed"
    """It cannot be embedded; the image says why."""
    ALONE = "alone"
    """There is no labeled image to compare it with."""


class Neighbour(NamedTuple):
    """A labeled image found for a query; `similarity` in 0..1."""

    image_id: int
    similarity: float
    labels: tuple[Label, ...]


class SuggestedLabel(NamedTuple):
    """A label offered in a row. `score` is None where only the person offered it."""

    label: Label
    score: float | None
    ticked: bool
    edited: bool
    by_suggestion: bool
    """Whether the suggestion alone would tick it."""
    threshold: float | None = None
    """What ticks it, in percent, where each label has a threshold of its own."""


@dataclass(frozen=True)
class Row:
    """One query with its evidence, what is suggested, and what is ticked after the edits."""

    item: BatchItem
    state: RowState
    neighbours: tuple[Neighbour, ...]
    labels: tuple[SuggestedLabel, ...]
    suggested: tuple[int, ...]
    """Labels that the suggestion alone ticks, best first."""
    ticked: tuple[int, ...]
    """Labels ticked now: what Add to dataset saves."""
    present: tuple[Label, ...]
    """Labels the image carries already: it was labeled before it was selected."""

    @property
    def image(self) -> Image:
        return self.item.image

    @property
    def edited(self) -> bool:
        return any(label.edited for label in self.labels)

    @property
    def unticked(self) -> list[int]:
        """Labels whose ticks the person removed."""
        return [label.label.pk for label in self.labels if label.edited and not label.ticked]

    @property
    def top(self) -> SuggestedLabel | None:
        """The suggestion with the highest score, ticked or not."""
        return self.labels[0] if self.labels and self.labels[0].score is not None else None

    def score_of(self, label_id: int) -> float | None:
        """The score a label got as a suggestion, None where only the person offered it."""
        return next((each.score for each in self.labels if each.label.pk == label_id), None)

    @property
    def certainty(self) -> float:
        """How far the best score is ahead of the second, in percent; 0 without suggestions."""
        scores = [label.score for label in self.labels if label.score is not None]
        return scores[0] - (scores[1] if len(scores) > 1 else 0.0) if scores else 0.0


_Count: TypeAlias = tuple[tuple[Neighbour, ...], list[Suggestion]]
"""What the first k hits of a row say."""


def controls_of(batch: Batch) -> Controls:
    single = not batch.project.multi_label
    per_label = batch.chosen_thresholds() if batch.per_label else None
    return Controls(batch.k, batch.threshold, batch.top_only, single, per_label)


def kept_items(batch: Batch) -> QuerySet[BatchItem]:
    """The rows of a batch, without those whose image was thrown away in the grid meanwhile."""
    return batch.items.exclude(image__state=Image.State.TRASH)


def search(batch: Batch, *, only_new: bool = False) -> int:
    """Find the labeled images nearest to each embedded query and store them with the queries.

    Searched are queries never searched, and those searched before the project's revision moved, so
    that labels given since count. Always `MAX_K` hits: a moved slider votes on them and searches
    nothing. What is stored depends on the database alone, so two requests at once write the same.

    Args:
        only_new: leave those already searched, as polling does while embeddings still arrive.

    Returns:
        How many were searched.
    """
    project = Project.objects.get(pk=batch.project_id)
    stale = Q(searched_revision=None)
    if not only_new:
        stale |= ~Q(searched_revision=project.revision)
    ready = kept_items(batch).filter(stale, image__embedding_state=Image.EmbeddingState.EMBEDDED)
    items = list(ready.only("id", "image_id", "batch_id"))
    if not items:
        return 0
    return _store_hits(items, project)


def _store_hits(items: list[BatchItem], project: Project) -> int:
    whole, labeled = collections.collection(project), collections.labeled(project)
    rows = whole.rows(item.image_id for item in items)
    # Without a vector by the project's present encoder an item waits for it.
    items = [item for item, row in zip(items, rows, strict=True) if row >= 0]
    found = hits_of([item.image_id for item in items], whole, labeled, k=MAX_K)
    for item, hits in zip(items, found, strict=True):
        item.hits, item.searched_revision = hits, project.revision
    BatchItem.objects.bulk_update(items, ["hits", "searched_revision"], batch_size=100)
    return len(items)


def hits_of(
    image_ids: Sequence[int],
    whole: collections.Collection,
    labeled: collections.Labeled,
    *,
    k: int,
) -> list[list[list[float]]]:
    """Return `[[image id, similarity], ...]`, nearest first, for images that have a vector.

    An image is never its own hit.
    """
    if not len(image_ids) or not len(labeled):
        return [[] for _ in image_ids]
    return hits_of_vectors(whole.centered(whole.rows(image_ids)), image_ids, labeled, k=k)


def hits_of_vectors(
    queries: NDArray[np.float32],
    itself: Sequence[int],
    labeled: collections.Labeled,
    *,
    k: int,
) -> list[list[list[float]]]:
    """Return what `hits_of` does for centered vectors, (n, dim).

    Args:
        itself: for each the id of the image that it is of, 0 where it is of none.
    """
    rows = np.array([labeled.row_of.get(i, -1) for i in itself], np.int64)
    hits = nearest(queries, labeled.vectors, k=min(k, len(labeled)), exclude=rows)
    return [_pairs(hits, at, labeled) for at in range(len(itself))]


def _pairs(hits: Hits, at: int, labeled: collections.Labeled) -> list[list[float]]:
    rows = hits.rows[at]
    found = rows >= 0
    ids = labeled.image_ids[rows[found]].tolist()
    similarities = hits.similarities[at][found].astype(np.float64).round(4).tolist()
    return [[image_id, s] for image_id, s in zip(ids, similarities, strict=True)]


def suggest(
    batch: Batch, *, controls: Controls | None = None, item_ids: Iterable[int] | None = None
) -> list[Row]:
    """Vote on the stored hits with the labels they carry now, and apply the person's edits.

    The first k hits count that still carry a label and are in the dataset; others are passed over.
    Nothing is searched and nothing is written.

    Args:
        controls: others than the batch's own, to see what they would change.
        item_ids: only these rows.
    """
    controls = controls or controls_of(batch)
    return Ballot(batch, most=controls.k, item_ids=item_ids).rows(controls)


class Ballot:
    """Everything a vote on the rows of a batch needs, read once in a fixed number of queries.

    Voting with several controls, to say what a moved one changed, reads nothing again.
    """

    def __init__(self, batch: Batch, *, most: int, item_ids: Iterable[int] | None = None) -> None:
        """Read. `most` is the largest k that will be asked for; `item_ids` asks for these rows."""
        items = kept_items(batch).select_related("image").order_by("position", "id")
        if item_ids is not None:
            items = items.filter(pk__in=list(item_ids))
        self._items = list(items)
        live = Label.objects.live().filter(project=batch.project_id)
        self._labels = {label.pk: label for label in live}
        self._edits = self._read_edits(batch)
        self._present = labels_by_image({item.image_id for item in self._items}, any_state=True)
        self._carried = self._labels_of_hits(most)
        self._named_before: dict[tuple[int, ...], tuple[Label, ...]] = {}
        self._counted: dict[tuple[int, int], _Count] = {}

    def _read_edits(self, batch: Batch) -> dict[int, dict[int, bool]]:
        found: dict[int, dict[int, bool]] = {}
        edits = BatchEdit.objects.filter(item__batch=batch).order_by("id")
        for item_id, label_id, ticked in edits.values_list("item_id", "label_id", "ticked"):
            if label_id in self._labels:
                found.setdefault(item_id, {})[label_id] = ticked
        return found

    def _labels_of_hits(self, most: int) -> dict[int, tuple[int, ...]]:
        """Labels of the first hits of every row; of the others only where some lost theirs."""
        first = {int(hit[0]) for item in self._items for hit in (item.hits or ())[:most]}
        carried = labels_by_image(first)
        if len(carried) < len(first):
            others = {int(hit[0]) for item in self._items for hit in (item.hits or ())[most:]}
            carried |= labels_by_image(others - first)
        return carried

    def rows(self, controls: Controls) -> list[Row]:
        """Vote on every row with these controls."""
        return [self._row(item, controls) for item in self._items]

    def _row(self, item: BatchItem, controls: Controls) -> Row:
        neighbours, suggestions = self._count(item, controls.k)
        suggested = suggested_ticks(suggestions, controls)
        edits = self._edits.get(item.pk, {})
        ticked = effective_ticks(suggested, edits, single=controls.single)
        return Row(
            item=item,
            state=_state_of(item),
            neighbours=neighbours,
            labels=self._offered(suggestions, suggested, ticked, edits, controls),
            suggested=suggested,
            ticked=ticked,
            present=self._named(self._present.get(item.image_id, ())),
        )

    def _count(self, item: BatchItem, k: int) -> _Count:
        """Vote once for each k: the other controls do not change what the hits say."""
        if (item.pk, k) not in self._counted:
            hits = list(islice(self._hits(item), k))
            suggestions = vote([s for _, s, _ in hits], [labels for _, _, labels in hits])
            neighbours = tuple(Neighbour(i, s, self._named(labels)) for i, s, labels in hits)
            self._counted[item.pk, k] = (neighbours, suggestions)
        return self._counted[item.pk, k]

    def _hits(self, item: BatchItem) -> Iterator[tuple[int, float, tuple[int, ...]]]:
        for image_id, similarity in item.hits or ():
            if labels := self._carried.get(image_id):
                yield image_id, similarity, labels

    def _named(self, label_ids: tuple[int, ...]) -> tuple[Label, ...]:
        if label_ids not in self._named_before:
            named = tuple(self._labels[i] for i in label_ids if i in self._labels)
            self._named_before[label_ids] = named
        return self._named_before[label_ids]

    def _offered(
        self,
        suggestions: Sequence[Suggestion],
        suggested: Sequence[int],
        ticked: Sequence[int],
        edits: dict[int, bool],
        controls: Controls,
    ) -> tuple[SuggestedLabel, ...]:
        """Suggestions by score, then labels that only the person offered."""
        scores: dict[int, float | None] = {s.label: s.score for s in suggestions}
        scores |= {label: None for label in edits if label not in scores}
        return tuple(
            SuggestedLabel(
                label=self._labels[label],
                score=score,
                ticked=label in ticked,
                edited=label in edits,
                by_suggestion=label in suggested,
                threshold=None if controls.per_label is None else controls.threshold_of(label),
            )
            for label, score in scores.items()
            if label in self._labels
        )


def labels_by_image(image_ids: set[int], *, any_state: bool = False) -> dict[int, tuple[int, ...]]:
    """Return the label ids of each image that carries any, the default label first.

    Args:
        any_state: also of staged images; else only those in the dataset are looked at.
    """
    carried = ImageLabel.objects.filter(image__in=one_variable(list(image_ids)))
    if not any_state:
        carried = carried.filter(image__state=Image.State.DATASET)
    pairs = carried.order_by(F("is_default").desc(), "id").values_list("image_id", "label_id")
    found: dict[int, list[int]] = {}
    for image_id, label_id in pairs:
        found.setdefault(image_id, []).append(label_id)
    return {image_id: tuple(labels) for image_id, labels in found.items()}


def _state_of(item: BatchItem) -> RowState:
    if item.image.embedding_state == Image.EmbeddingState.FAILED:
        return RowState.FAILED
    if item.hits is None:
        return RowState.WAITING
    return RowState.READY if item.hits else RowState.ALONE
