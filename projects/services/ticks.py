"""Which labels of a row are ticked: suggestions first, then what the person decided on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from similarity.methods import DEFAULT_METHOD
from similarity.suggest import Suggestion, ticked


@dataclass(frozen=True)
class Controls:
    """The controls of a review. `single` is the project's: one label an image at most."""

    k: int
    threshold: float
    top_only: bool
    single: bool
    per_label: Mapping[int, float] | None = None
    """Threshold of each label, percent; one that is not among them has `threshold`. None: off."""
    method: str = DEFAULT_METHOD
    """Whose scores: a name of `teaching.METHOD_NAMES`."""

    def threshold_of(self, label_id: int) -> float:
        """Return the least score, in percent, at which a label is ticked."""
        return (self.per_label or {}).get(label_id, self.threshold)


def suggested_ticks(suggestions: Sequence[Suggestion], controls: Controls) -> tuple[int, ...]:
    """Return the labels that the suggestions alone tick, best first.

    In a single-label project only the best one counts: there is room for one label.
    """
    top_only = controls.top_only or controls.single
    if controls.per_label is None:
        return ticked(suggestions, threshold=controls.threshold, top_only=top_only)
    candidates = suggestions[:1] if top_only else suggestions
    return tuple(
        each.label for each in candidates if each.score >= controls.threshold_of(each.label)
    )


def effective_ticks(
    suggested: Sequence[int], edits: Mapping[int, bool], *, single: bool
) -> tuple[int, ...]:
    """Return the labels ticked after the person's edits, suggested ones first.

    In a single-label project an edited row is the person's alone: it has the label they ticked, or
    none if they only removed ticks, whatever is suggested later. Otherwise each edit decides about
    its own label, and the suggestions about the others.

    Args:
        suggested: from `suggested_ticks`.
        edits: the person's ticks (True) and unticks (False) by label, in the order of their making.
        single: whether an image has one label at most.
    """
    by_hand = tuple(label for label, ticked in edits.items() if ticked)
    if single and edits:
        return by_hand[-1:]
    kept = tuple(label for label in suggested if edits.get(label, True))
    return kept + tuple(label for label in by_hand if label not in kept)
