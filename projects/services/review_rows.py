"""The rows of a review: a query, its evidence, what is suggested and what is ticked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from projects.models import BatchItem, Image, Label


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


class Like(NamedTuple):
    """A neighbour that stands in the strip for a label of which the first hits show too few."""

    neighbour: Neighbour
    label: Label
    second: bool
    """Whether the label is the runner-up, and not the best."""


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
    certainty: float = 0.0
    """How far the best score is ahead of the second, in percent; 0 without suggestions."""
    likes: tuple[Like, ...] = ()
    """Nearest images of the best label and of the runner-up where the first hits have too few."""
    probability: float | None = None
    """How likely the best label is right, 0..1; None while too little is labeled to say."""

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

    @property
    def contenders(self) -> list[SuggestedLabel]:
        """The best label and the runner-up, as far as there are."""
        return [label for label in self.labels[:2] if label.score is not None]

    @property
    def ticked_by_suggestion(self) -> bool:
        """Whether the best label is ticked and the person decided nothing about the row."""
        return bool(self.top and self.top.ticked and not self.edited)

    def score_of(self, label_id: int) -> float | None:
        """The score a label got as a suggestion, None where only the person offered it."""
        return next((each.score for each in self.labels if each.label.pk == label_id), None)
