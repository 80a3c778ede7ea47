"""From the hits of a query to suggested labels with scores, and which of them are ticked."""

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TEMPERATURE = 0.1
"""How much a nearer hit outweighs a farther one: 0.1 of similarity is a factor of e. Best of those
tried on eight photo sets. Source: DESIGN.md, section 5."""


class Suggestion(NamedTuple):
    """A label proposed for a query. ``score`` is in percent with one decimal, 0.0 to 100.0."""

    label: int
    score: float


def vote(
    similarities: NDArray[np.float32] | Sequence[float], carried: Sequence[Collection[int]]
) -> list[Suggestion]:
    """Let the hits of one query vote for the labels they carry.

    With weights w = softmax(similarity / 0.1) over the hits that carry a label:
    score(label) = 100 x (sum of w over the hits that carry it) x (similarity of its best hit).
    How much of the vote it has, times how near it is.

    Args:
        similarities: (k,) in 0..1, any order; the caller passes the first k hits it wants to count.
        carried: for each hit the ids of its labels. A hit with several gives its whole share to
            each. One with none is left out before the weights are taken, as if it were not there.

    Returns:
        One suggestion a label, best first; ties by the similarity of the best hit, then by lower
        id. Scores are rounded to one decimal here, once, so that what is shown is what is ordered
        and compared with the threshold. Empty when no hit carries a label.

    Raises:
        ValueError: not as many ``carried`` as ``similarities``.

    Cost: 0.05 ms for 100 hits of one label each, so a moved slider over 100 queries takes 5 ms.
    Source: DESIGN.md, section 5.
    """
    total = 0.0
    shares: dict[int, float] = {}
    nearest: dict[int, float] = {}
    for s, weight, labels in _weighed(similarities, carried):
        total += weight
        for label in labels:
            shares[label] = shares.get(label, 0.0) + weight
            if s > nearest.get(label, -1.0):
                nearest[label] = s
    scored = [
        Suggestion(label, round(100.0 * share / total * nearest[label], 1))
        for label, share in shares.items()
    ]
    return sorted(scored, key=lambda each: (-each.score, -nearest[each.label], each.label))


def doubt(
    similarities: NDArray[np.float32] | Sequence[float],
    carried: Sequence[Collection[int]],
    *,
    single: bool,
) -> float:
    """Return how split the vote of the hits is, whatever their similarity.

    With p the share of the vote that a label gets (see `vote`): for images with one label, 1 less
    the lead of the greatest p over the second; for images with several, 2 min(p, 1 - p) of the
    label that is nearest to half of the vote.

    Args:
        similarities: (k,) in 0..1, any order.
        carried: for each hit the ids of its labels; hits with none do not vote.
        single: whether an image has one label.

    Returns:
        0.0 (all hits agree) to 1.0, which is also that of no hits at all.

    Raises:
        ValueError: not as many ``carried`` as ``similarities``.

    Cost: 0.01 ms for 10 hits. Source: docs/decisions/0043.
    """
    weighed = _weighed(similarities, carried)
    total = sum(weight for _, weight, _ in weighed)
    shares: dict[int, float] = {}
    for _, weight, labels in weighed:
        for label in labels:
            shares[label] = shares.get(label, 0.0) + weight
    # Added up in the order of the total, so that rounding never makes a share more than all of it.
    parts = sorted((share / total for share in shares.values()), reverse=True)
    if not parts:
        return 1.0
    if single:
        return 1.0 - (parts[0] - sum(parts[1:2]))
    return max(2.0 * min(p, 1.0 - p) for p in parts)


def _weighed(
    similarities: NDArray[np.float32] | Sequence[float], carried: Sequence[Collection[int]]
) -> list[tuple[float, float, Collection[int]]]:
    """Similarity, weight and labels of each hit that carries any."""
    values = similarities.tolist() if isinstance(similarities, np.ndarray) else similarities
    hits = [(s, labels) for s, labels in zip(values, carried, strict=True) if labels]
    top = max((s for s, _ in hits), default=0.0)
    # Less the top: no overflow, same shares.
    return [(s, math.exp((s - top) / TEMPERATURE), labels) for s, labels in hits]


def ticked(
    suggestions: Sequence[Suggestion], *, threshold: float, top_only: bool
) -> tuple[int, ...]:
    """Return the labels whose score is at least ``threshold``, in the order of ``suggestions``.

    Args:
        suggestions: as ``vote`` returns them, best first.
        threshold: percent, 0 to 100, compared with ``>=``.
        top_only: tick the first suggestion at most.
    """
    candidates = suggestions[:1] if top_only else suggestions
    return tuple(each.label for each in candidates if each.score >= threshold)
