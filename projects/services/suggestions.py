"""Suggestions for the queries of a batch: searched once, voted on as often as a control moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, TypeAlias

import numpy as np
from django.db.models import Q, QuerySet
from numpy.typing import NDArray

from projects.models import Batch, BatchEdit, BatchItem, Image, Label, Project
from projects.models.batches import MAX_K
from similarity.index import Index
from similarity.methods import DEFAULT_METHOD
from similarity.suggest import Suggestion, vote

from . import collections
from .carried import labels_by_image
from .evidence import LEAST_OF_LABEL, PLACES, Labeled, nearest_of_labels
from .indexes import labeled_index
from .opinions import NO_OPINION, Opinion, opinions
from .review_rows import Like, Neighbour, Row, RowState, SuggestedLabel
from .sureness import probabilities
from .ticks import Controls, effective_ticks, suggested_ticks

_Hit: TypeAlias = tuple[int, float, tuple[int, ...]]
"""Image, similarity, and the labels it carries by now."""


class _Decision(NamedTuple):
    """What is said of a row, and what that ticks."""

    opinion: Opinion
    suggested: tuple[int, ...]
    ticked: tuple[int, ...]


def controls_of(batch: Batch) -> Controls:
    single = not batch.project.multi_label
    per_label = batch.chosen_thresholds() if batch.per_label else None
    return Controls(batch.k, batch.threshold, batch.top_only, single, per_label, batch.method)


def kept_items(batch: Batch) -> QuerySet[BatchItem]:
    """The rows of a batch, without those whose image was thrown away in the grid meanwhile."""
    return batch.items.exclude(image__state=Image.State.TRASH)


def search(batch: Batch, *, only_new: bool = False) -> int:
    """Find the labeled images nearest to each embedded query and store them with the queries.

    Searched are queries never searched, and those searched before the project's revision moved, so
    that labels given since count. Always `MAX_K` hits: a moved slider votes on them and searches
    nothing. Two requests at once write the same, or as good: one may have asked an approximate
    index, which sometimes misses a neighbour.

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
    whole, index = collections.collection(project), labeled_index(project)
    rows = whole.rows(item.image_id for item in items)
    # Without a vector by the project's present encoder an item waits for it.
    items = [item for item, row in zip(items, rows, strict=True) if row >= 0]
    found = hits_of([item.image_id for item in items], whole, index, k=MAX_K)
    for item, hits in zip(items, found, strict=True):
        item.hits, item.searched_revision = hits, project.revision
    BatchItem.objects.bulk_update(items, ["hits", "searched_revision"], batch_size=100)
    return len(items)


def hits_of(
    image_ids: Sequence[int],
    whole: collections.Collection,
    index: Index,
    *,
    k: int,
) -> list[list[list[float]]]:
    """Return `[[image id, similarity], ...]`, nearest first, for images that have a vector.

    An image is never its own hit.
    """
    if not len(image_ids) or not len(index):
        return [[] for _ in image_ids]
    return hits_of_vectors(whole.centered(whole.rows(image_ids)), image_ids, index, k=k)


def hits_of_vectors(
    queries: NDArray[np.float32],
    itself: Sequence[int],
    index: Index,
    *,
    k: int,
) -> list[list[list[float]]]:
    """Return what `hits_of` does for centered vectors, (n, dim).

    Args:
        itself: for each the id of the image that it is of, 0 where it is of none.
    """
    found = index.search(queries, k=min(k, len(index)), itself=np.array(itself, np.int64))
    # Rounded all at once: line by line it took ten times as long.
    similarities = found.similarities.astype(np.float64).round(4).tolist()
    return [
        [[image_id, s] for image_id, s in zip(ids, line, strict=True) if image_id >= 0]
        for ids, line in zip(found.image_ids.tolist(), similarities, strict=True)
    ]


def suggest(
    batch: Batch, *, controls: Controls | None = None, item_ids: Iterable[int] | None = None
) -> list[Row]:
    """Say which labels fit each row by the batch's method, and apply the person's edits.

    The default method votes on the stored hits with the labels they carry now: the first k that
    still carry a label and are in the dataset count, others are passed over. Nothing is written.
    Not to be called in a transaction that raised the revision.

    Args:
        controls: others than the batch's own, to see what they would change.
        item_ids: only these rows.
    """
    controls = controls or controls_of(batch)
    return Ballot(batch, most=controls.k, item_ids=item_ids).shown(controls)


class Ballot:
    """Everything a vote on the rows of a batch needs, read once in a fixed number of queries.

    Voting with several controls, to say what a moved one changed, reads nothing again.
    """

    def __init__(self, batch: Batch, *, most: int, item_ids: Iterable[int] | None = None) -> None:
        """Read. `most` is the largest k that will be asked for; `item_ids` asks for these rows."""
        items = kept_items(batch).select_related("image").order_by("position", "id")
        if item_ids is not None:
            items = items.filter(pk__in=list(item_ids))
        self._batch, self._items = batch, list(items)
        self._read_project: Project | None = None
        live = Label.objects.live().filter(project=batch.project_id)
        self._labels = {label.pk: label for label in live}
        self._edits = self._read_edits(batch)
        self._present = labels_by_image({item.image_id for item in self._items}, any_state=True)
        self._carried = self._labels_of_hits(most)
        self._named_before: dict[tuple[int, ...], tuple[Label, ...]] = {}
        self._voting: dict[tuple[int, int], list[_Hit]] = {}
        self._voted: dict[tuple[int, int], list[Suggestion]] = {}

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
        """Say what is suggested and ticked with these controls."""
        said = self._opinions(controls.method)
        return [self._row(item, controls, said) for item in self._items]

    def ticked(self, controls: Controls) -> set[tuple[int, int]]:
        """Say only which labels these controls tick, as pairs of item and label."""
        said = self._opinions(controls.method)
        return {
            (item.pk, label)
            for item in self._items
            for label in self._decide(item, controls, said).ticked
        }

    def shown(self, controls: Controls) -> list[Row]:
        """Return `rows` with what the page shows beside: more evidence, and how sure they are."""
        return self._with_probabilities(self._with_likes(self.rows(controls)), controls)

    @property
    def _project(self) -> Project:
        """As it is by now: what is kept of labels is named by its revision."""
        if self._read_project is None:
            self._read_project = Project.objects.get(pk=self._batch.project_id)
        return self._read_project

    def _opinions(self, method: str) -> Mapping[int, Opinion]:
        """By image, of all but the default method, which votes on the hits stored with each row."""
        if method == DEFAULT_METHOD:
            return {}
        ready = [item.image_id for item in self._items if item.hits]
        return opinions(self._project, method, ready)

    def _with_likes(self, rows: list[Row]) -> list[Row]:
        wanted = {(row.image.pk, label) for row in rows for label in _too_few_shown(row)}
        if not wanted:
            return rows
        found = nearest_of_labels(self._project, wanted)
        return [replace(row, likes=self._likes(row, found)) for row in rows]

    def _likes(
        self, row: Row, found: Mapping[tuple[int, int], Sequence[Labeled]]
    ) -> tuple[Like, ...]:
        likes: dict[int, Like] = {}
        for at, each in enumerate(row.contenders):
            for image_id, similarity, labels in found.get((row.image.pk, each.label.pk), ()):
                neighbour = Neighbour(image_id, similarity, self._named(labels))
                likes.setdefault(image_id, Like(neighbour, each.label, at == 1))
        return tuple(likes.values())

    def _with_probabilities(self, rows: list[Row], controls: Controls) -> list[Row]:
        sure = [row for row in rows if row.top]
        if not sure:
            return rows
        certainties = [row.certainty / 100 for row in sure]
        found = probabilities(self._project, controls.method, certainties, k=controls.k)
        by_item = {row.item.pk: p for row, p in zip(sure, found or (), strict=False)}
        return [replace(row, probability=by_item.get(row.item.pk)) for row in rows]

    def _row(self, item: BatchItem, controls: Controls, said: Mapping[int, Opinion]) -> Row:
        decision = self._decide(item, controls, said)
        suggested, ticked = decision.suggested, decision.ticked
        edits = self._edits.get(item.pk, {})
        return Row(
            item=item,
            state=_state_of(item),
            neighbours=tuple(
                Neighbour(i, s, self._named(labels))
                for i, s, labels in self._hits(item, controls.k)
            ),
            labels=self._offered(decision.opinion.suggestions, suggested, ticked, edits, controls),
            suggested=suggested,
            ticked=ticked,
            present=self._named(self._present.get(item.image_id, ())),
            certainty=decision.opinion.certainty,
        )

    def _decide(
        self, item: BatchItem, controls: Controls, said: Mapping[int, Opinion]
    ) -> _Decision:
        if controls.method == DEFAULT_METHOD:
            voted = self._vote(item, controls.k)
            opinion = Opinion(voted, _lead(voted))
        else:
            # A row without any neighbour waits, failed or is alone: nothing is to be said of it.
            has_hits = bool(self._hits(item, controls.k))
            opinion = said.get(item.image_id, NO_OPINION) if has_hits else NO_OPINION
        suggested = suggested_ticks(opinion.suggestions, controls)
        edits = self._edits.get(item.pk, {})
        ticked = effective_ticks(suggested, edits, single=controls.single)
        return _Decision(opinion, suggested, ticked)

    def _vote(self, item: BatchItem, k: int) -> list[Suggestion]:
        """Vote once for each k: the other controls do not change what the hits say."""
        if (item.pk, k) not in self._voted:
            hits = self._hits(item, k)
            self._voted[item.pk, k] = vote([s for _, s, _ in hits], [each for _, _, each in hits])
        return self._voted[item.pk, k]

    def _hits(self, item: BatchItem, k: int) -> list[_Hit]:
        """The first k hits that carry a label by now."""
        if (item.pk, k) not in self._voting:
            carrying = self._still_labeled(item)
            self._voting[item.pk, k] = list(islice(carrying, k))
        return self._voting[item.pk, k]

    def _still_labeled(self, item: BatchItem) -> Iterator[_Hit]:
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


def _lead(suggestions: Sequence[Suggestion]) -> float:
    scores = [each.score for each in suggestions[:2]]
    return scores[0] - sum(scores[1:]) if scores else 0.0


def _too_few_shown(row: Row) -> list[int]:
    """Labels of the best two of which fewer than two images are among the first hits."""
    if row.state != RowState.READY:
        return []
    shown = Counter(label.pk for hit in row.neighbours[: PLACES - 1] for label in hit.labels)
    return [each.label.pk for each in row.contenders if shown[each.label.pk] < LEAST_OF_LABEL]


def _state_of(item: BatchItem) -> RowState:
    if item.image.embedding_state == Image.EmbeddingState.FAILED:
        return RowState.FAILED
    if item.hits is None:
        return RowState.WAITING
    return RowState.READY if item.hits else RowState.ALONE
