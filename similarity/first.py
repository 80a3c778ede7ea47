"""Which images to label by hand: typical of the others, and spread out over all of them."""

import heapq

import numpy as np
from numpy.typing import NDArray

from .centering import Centering

MOST_CANDIDATES = 3_000
"""Candidates compared with each other: 36 MB of similarities. A project with more is represented by
a sample of them, drawn at random with the same seed each time; a batch is 100 of them at most."""
MOST_LABELED = 10_000
"""Labeled images the candidates are compared with; of more, a sample: a second of one core."""
_SEED = 43  # any number: the same project gets the same sample
CERTAIN = np.float32(1 / 8)
"""What an image without any doubt counts in a batch by doubt. Above 0, so that a project whose
labels are all one class so far gets typical images and not the oldest ones; a tenth changed no
figure by more than the noise. Source: docs/decisions/0043."""
BLOCK_ROWS = 1_000
"""Labeled rows centered at once: 5 MB of 1,280 numbers."""


def first_to_label(
    vectors: NDArray[np.float32],
    n: int,
    *,
    candidates: NDArray[np.int64] | None = None,
    labeled_rows: NDArray[np.int64] | None = None,
    centering: Centering | None = None,
) -> NDArray[np.int64]:
    """Choose the images that stand for the others best, so that any prefix is a good choice.

    An image covers another by their similarity, itself wholly; how well an image is covered is the
    best of what covers it. Each next image is the one that most raises the sum over all candidates:
    a typical image of what is not covered yet.

    Args:
        vectors: float32 (rows, dim), unit rows.
        n: how many; fewer come back where there are fewer candidates.
        candidates: int64, rows to choose from and to cover; all but the labeled ones without it.
        labeled_rows: int64, rows that cover from the start and are never chosen.
        centering: applied to the rows that are looked at; None where `vectors` are centered.

    Returns:
        int64 rows, the most useful first, each once. Equal gains by lower row, so that what is
        covered wholly (a duplicate of a chosen or labeled image) comes last.

    Raises:
        ValueError: ``n`` below 1.

    Cost: of c candidates and m labeled rows, c x (c + m) x dim multiplications and c x c numbers of
    memory, with c at most 3,000 and m at most 10,000 by drawing samples: a second or two, 36 MB
    and the centered rows, whatever the project's size. Source: facility location by lazy greedy
    (Minoux, 1978), within 1 - 1/e of the best choice; MaxHerding (Bae et al., 2024) is the
    same with another kernel.
    """
    rows = sampled(_rows_of(candidates, len(vectors), labeled_rows), MOST_CANDIDATES)
    weights = np.ones(len(rows), np.float32)
    return _choose(
        vectors, n, rows, weights=weights, labeled_rows=labeled_rows, centering=centering
    )


def spread_batch(
    vectors: NDArray[np.float32],
    uncertainty: NDArray[np.float32],
    n: int,
    *,
    candidates: NDArray[np.int64] | None = None,
    labeled_rows: NDArray[np.int64] | None = None,
    centering: Centering | None = None,
) -> NDArray[np.int64]:
    """Choose images that stand for those the suggestions are least certain about.

    As `first_to_label`, but covering an image counts the more, the more uncertain it is, from 1/8
    to 1: a region of doubt is asked about once and not with every photo of it, and a lone odd photo
    waits.

    Args:
        uncertainty: float32 (candidates,), 0 (certain) to 1, in the order of the candidates.
        vectors, n, candidates, labeled_rows, centering: as there.

    Raises:
        ValueError: ``n`` below 1, or not as many uncertainties as candidates.
    """
    candidates = _rows_of(candidates, len(vectors), labeled_rows)
    if len(uncertainty) != len(candidates):
        raise ValueError("as many uncertainties as candidates are needed")
    rows = sampled(candidates, MOST_CANDIDATES)
    uncertainty_of = np.zeros(len(vectors), np.float32)
    uncertainty_of[candidates] = uncertainty
    return _choose(
        vectors,
        n,
        rows,
        weights=CERTAIN + (1 - CERTAIN) * uncertainty_of[rows],
        labeled_rows=labeled_rows,
        centering=centering,
    )


def sampled(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return the rows once each, ascending; of more than ``most`` a sample, always the same.

    Drawn at random and not every tenth row: photos may have come in turns, one of each class.
    """
    rows = np.unique(rows)
    if len(rows) <= most:
        return rows
    kept = np.random.default_rng(_SEED).choice(len(rows), most, replace=False)
    return rows[np.sort(kept)]


def _choose(
    vectors: NDArray[np.float32],
    n: int,
    rows: NDArray[np.int64],
    *,
    weights: NDArray[np.float32],
    labeled_rows: NDArray[np.int64] | None,
    centering: Centering | None,
) -> NDArray[np.int64]:
    """Choose among ``rows``, which are a sample already; ``weights`` are theirs."""
    if n < 1:
        raise ValueError("n must be at least 1")
    ours = _centered(vectors, rows, centering)
    covered = np.zeros(len(rows), np.float32)
    labeled = np.empty(0, np.int64) if labeled_rows is None else sampled(labeled_rows, MOST_LABELED)
    for start in range(0, len(labeled), BLOCK_ROWS):
        some = _centered(vectors, labeled[start : start + BLOCK_ROWS], centering)
        np.maximum(covered, (ours @ some.T).max(axis=1), out=covered)
    cover = ours @ ours.T
    np.clip(cover, 0.0, 1.0, out=cover)
    chosen: NDArray[np.int64] = rows[_greedy(cover, n, covered, weights)]
    return chosen


def _greedy(
    cover: NDArray[np.float32],
    n: int,
    covered: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> list[int]:
    """Return up to ``n`` rows of ``cover``, each the one that adds most. ``covered`` is changed.

    What a row adds only falls as others are chosen, so one whose gain, computed anew, still leads
    the older gains of all others is the best: few are computed anew each time. Rounding cannot
    break this, since it never turns the order of two numbers around: each term, and so each sum,
    falls or stays.
    """

    def gain(at: int) -> float:
        added = np.maximum(cover[at] - covered, 0.0)
        return float((added * weights).sum(dtype=np.float64))

    waiting = [(-gain(at), at) for at in range(len(cover))]
    heapq.heapify(waiting)
    chosen: list[int] = []
    while waiting and len(chosen) < n:
        at = waiting[0][1]
        fresh = (-gain(at), at)
        if fresh > waiting[0]:
            heapq.heapreplace(waiting, fresh)
            continue
        heapq.heappop(waiting)
        chosen.append(at)
        np.maximum(covered, cover[at], out=covered)
    return chosen


def _rows_of(
    candidates: NDArray[np.int64] | None, count: int, labeled_rows: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return the candidates: all rows but the labeled ones where none are named."""
    if candidates is not None:
        return candidates
    is_free = np.ones(count, np.bool_)
    if labeled_rows is not None:
        is_free[labeled_rows] = False
    return np.flatnonzero(is_free)


def _centered(
    vectors: NDArray[np.float32], rows: NDArray[np.int64], centering: Centering | None
) -> NDArray[np.float32]:
    return vectors[rows] if centering is None else centering.apply(vectors[rows])
