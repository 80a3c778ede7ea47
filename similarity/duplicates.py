"""Near-duplicates: the pairs of images that are all but the same picture, and groups of them."""

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STRICT = 0.97
NORMAL = 0.95
LOOSE = 0.90
"""Plain cosines of the default encoder. Strict finds re-saved copies and brighter or darker ones;
normal also cuts of 5 %, and no two photos of different things; loose also copies of half
the size and the next shot of the same thing. Source: docs/decisions/0042-near-duplicates.md."""

MOST_A_ROW = 100
"""Pairs kept of a row with lower ones, the most alike: 120 MB at 100,000 rows if all are alike."""

_BLOCK_NUMBERS = 4_000_000  # products held at once: 16 MB, near the processor's cache
_SKETCH = 128
"""Directions of a sketch. 20,000 rows of 1,280 took 2.3 s with 64, 1.8 s with 128 and with 256."""
_SAMPLE = 2_000  # rows the directions are taken from: enough to span what images have in common
# float32 rounds a remainder of 1e-7 to one of 3e-4; no pair may be lost to that.
_SLACK = np.float32(1e-3)
_EXACT_AT_ONCE = 2_048  # pairs whose vectors are gathered at once: 20 MB of 1,280 dimensions
# Gathering the vectors of a pair costs about as much as 20 of its products in a block.
_MOST_GATHERED = 0.05


class Pairs(NamedTuple):
    """Pairs of rows that are alike, by upper row, then by lower row.

    ``lower`` and ``upper`` are int64 (p,), lower < upper; ``similarity`` is float32 (p,).
    """

    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def among(self, wanted: NDArray[np.bool_], *, least: float) -> "Pairs":
        """Return the pairs of at least this similarity of which both rows are wanted, bool (n,)."""
        chosen = (self.similarity >= np.float32(least)) & wanted[self.lower] & wanted[self.upper]
        return Pairs(self.lower[chosen], self.upper[chosen], self.similarity[chosen])

    def followed_by(self, others: "Pairs") -> "Pairs":
        """Return these pairs and others, of higher upper rows."""
        return _joined([self, others])


class Group(NamedTuple):
    """Rows that are all but the same picture: the one in the middle first, then the most alike.

    ``similarities`` are to the one in the middle, whose own is 1.
    """

    rows: tuple[int, ...]
    similarities: tuple[float, ...]


def near_pairs(vectors: NDArray[np.float32], *, least: float, start: int = 0) -> Pairs:
    """Find the pairs of rows whose cosine is at least ``least``.

    Every row is compared with every lower one, but on a sketch: 128 numbers and the length of what
    they leave out. By Cauchy and Schwarz no cosine is above the product of two sketches, so pairs
    below ``least`` there need no second look, and none is lost. The rest is computed in full.

    Args:
        vectors: float32 (n, dim), unit rows as an encoder made them, not centered: what two photos
            have in common must not depend on which others there are.
        least: cosine, 0 < least <= 1.
        start: only pairs whose upper row is at least this one: what new rows bring.

    Returns:
        Pairs; of a row with more than ``MOST_A_ROW`` such lower rows those of the highest cosines,
        ties by lower row.

    Raises:
        ValueError: ``least`` outside its range.

    Cost: n x n / 2 x 129 multiplications, up to 10 times that if most are alike; memory n x 129
    numbers, 36 MB and the result. For seconds see docs/decisions/0042-near-duplicates.md.
    """
    if not 0 < least <= 1:
        raise ValueError("least must be above 0 and at most 1")
    few = len(vectors) - start < _SKETCH  # then sketching all costs more than comparing in full
    sketches = vectors if few else _sketches(vectors)
    found = [_no_pairs()]
    at = start
    while at < len(vectors):
        end = min(len(vectors), at + _rows_of_block(at))
        found.append(_most_alike(_pairs_of_block(vectors, sketches, slice(at, end), least)))
        at = end
    return _joined(found)


def _rows_of_block(first: int) -> int:
    """Return how many rows from ``first`` on make a block, each compared with all lower ones."""
    return max(1, int((math.sqrt(first * first + 4 * _BLOCK_NUMBERS) - first) / 2))


def _joined(parts: Sequence[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([part.lower for part in parts]),
        np.concatenate([part.upper for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )


def _no_pairs() -> Pairs:
    rows = np.empty(0, np.int64)
    return Pairs(rows, rows, np.empty(0, np.float32))


def _sketches(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (n, 129): each row in the directions rows share, and the length of the rest.

    The product of two sketches is no less than that of the rows. Rows of few dimensions are their
    own sketches.
    """
    n, dim = vectors.shape
    if dim <= 2 * _SKETCH:
        return vectors
    sample = vectors[:: max(1, n // _SAMPLE)].astype(np.float64)
    _, directions = np.linalg.eigh(sample.T @ sample)
    sketches = np.empty((n, _SKETCH + 1), np.float32)
    sketches[:, :-1] = vectors @ directions[:, -_SKETCH:].astype(np.float32)
    heads = sketches[:, :-1]
    rest = np.einsum("ij,ij->i", vectors, vectors) - np.einsum("ij,ij->i", heads, heads)
    sketches[:, -1] = np.sqrt(np.maximum(rest, 0))
    return sketches


def _pairs_of_block(
    vectors: NDArray[np.float32], sketches: NDArray[np.float32], block: slice, least: float
) -> Pairs:
    """Return the pairs whose upper row lies in the block."""
    bounds = sketches[block] @ sketches[: block.stop].T
    upper, lower = _at_least(bounds, np.float32(least) - _SLACK, block.start)
    if len(upper) > _MOST_GATHERED * bounds.size:
        products = vectors[block] @ vectors[: block.stop].T
        upper, lower = _at_least(products, np.float32(least), block.start)
        return Pairs(lower, upper, products[upper - block.start, lower])
    similarity = np.empty(len(upper), np.float32)
    for start in range(0, len(upper), _EXACT_AT_ONCE):
        part = slice(start, start + _EXACT_AT_ONCE)
        similarity[part] = np.einsum("ij,ij->i", vectors[upper[part]], vectors[lower[part]])
    alike = similarity >= np.float32(least)
    return Pairs(lower[alike], upper[alike], similarity[alike])


def _at_least(
    products: NDArray[np.float32], least: np.float32, first: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return upper and lower rows where products (block, n) reach ``least``, below the diagonal."""
    at, lower = np.divmod(np.flatnonzero(products >= least), products.shape[1])
    upper = at + first
    below = lower < upper
    return upper[below], lower[below]


def _most_alike(pairs: Pairs) -> Pairs:
    """Leave ``MOST_A_ROW`` pairs of each upper row."""
    order = np.lexsort((pairs.lower, -pairs.similarity, pairs.upper))
    upper = pairs.upper[order]
    place = np.arange(len(upper)) - np.searchsorted(upper, upper)
    kept = np.sort(order[place < MOST_A_ROW])
    return Pairs(pairs.lower[kept], pairs.upper[kept], pairs.similarity[kept])


def groups_of(pairs: Pairs) -> list[Group]:
    """Group rows so that every member of a group is alike to the one in its middle.

    The row with the most ungrouped partners becomes the middle of a group of them all, until none
    has a partner left. A chain A ~ B ~ C ~ D ... therefore never becomes one group whose ends have
    nothing in common: two members are never farther apart than two steps. Copies are made of one
    original, and cutting it here and there makes copies that are less alike to each other than to
    it; asking that all be alike to all would tear them apart.

    Returns:
        Groups of two and more rows, by their lowest row. Equally many partners: the lower row.

    Cost: a second for a million pairs.
    """
    partners = _partners(pairs)
    free = {row: len(others) for row, others in partners.items()}
    heap = [(-number, row) for row, number in free.items()]
    heapq.heapify(heap)
    groups = []
    while heap:
        number, middle = heapq.heappop(heap)
        left = free.get(middle, 0)
        if left != -number:
            if left:
                heapq.heappush(heap, (-left, middle))
            continue
        members = {row: s for row, s in partners[middle].items() if row in free}
        for row in (middle, *members):
            del free[row]
        _count_down(free, partners, (middle, *members))
        groups.append(_group(middle, members))
    return sorted(groups, key=lambda group: min(group.rows))


def _partners(pairs: Pairs) -> dict[int, dict[int, float]]:
    partners: dict[int, dict[int, float]] = defaultdict(dict)
    for lower, upper, similarity in zip(*(each.tolist() for each in pairs), strict=True):
        partners[lower][upper] = similarity
        partners[upper][lower] = similarity
    return partners


def _count_down(
    free: dict[int, int], partners: dict[int, dict[int, float]], taken: tuple[int, ...]
) -> None:
    """Tell the partners of rows that were grouped that they have fewer partners left."""
    for row in taken:
        for other in partners[row]:
            if other in free:
                free[other] -= 1


def _group(middle: int, members: dict[int, float]) -> Group:
    order = sorted(members, key=lambda row: (-members[row], row))
    return Group((middle, *order), (1.0, *(members[row] for row in order)))


def connected(pairs: Pairs, *, rows: int) -> NDArray[np.int64]:
    """Return for each of ``rows`` rows the lowest one it is joined with, by however many steps.

    Here chains are wanted: cut anywhere, two pictures that are alike would lie on its two sides.

    Cost: a second for a million pairs.
    """
    root = list(range(rows))

    def root_of(row: int) -> int:
        while root[row] != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    for lower, upper in zip(pairs.lower.tolist(), pairs.upper.tolist(), strict=True):
        first, second = root_of(lower), root_of(upper)
        root[max(first, second)] = min(first, second)
    return np.array([root_of(row) for row in range(rows)], np.int64)
