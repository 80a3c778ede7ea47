"""Approximate search: a graph proposes, the vectors themselves decide."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from similarity.index.base import Found, Searched
from similarity.index.cosines import cosines_at
from similarity.index.exact import ExactIndex
from similarity.index.graph import MOST_DRIFT, Graph
from similarity.index.places import Places

LEAST_RECALL = 0.98
"""Share of the ten true neighbours below which a graph is not used."""
MOST_TAIL = 2_000
"""Images compared one by one beside the graph until it has them: 0.3 ms a query of 1,280 numbers.
With more, exact search answers until the graph has grown."""
MOST_GONE = 0.2
"""Share of the graph's images that may have left: a query whose whole surroundings have is answered
by exact search, and there should be few of those."""

_MOST_QUERIES = 1_024
"""Queries answered at once: 8 MB of similarities to a tail of 2,000."""
_ANY_FETCH = 300
_MOST_FETCHED = 0.05
"""Share of the points that may be fetched, if it is more than `_ANY_FETCH`: 100 queries were as
fast as by exact search where 2.5 % were fetched, one where 7 % were."""
_ROWS_AT_ONCE = 4_096  # gathered from the collection: 20 MB


class HnswIndex:
    """A snapshot of what is searched: a graph, without what left it, and a tail that it lacks.

    It never changes, and neither does the graph: `synced` joins the same graph with what is
    searched later. So labels given and taken count at once, and nothing is added or deleted while
    somebody asks.
    """

    name = "hnswlib"

    def __init__(
        self, graph: Graph, searched: Searched, *, lengths: NDArray[np.float32] | None = None
    ) -> None:
        """Join a graph with what is searched.

        Args:
            graph: of some or all of these images, and maybe others.
            searched: what is found.
            lengths: float32 (n,), `Centering.lengths` of the whole collection, for who keeps them;
                else those of the searched rows are measured, 80 ms at 100,000.

        Cost: 20 ms at 100,000 images, and 5 ms for each 1,000 of the tail.
        """
        self.graph = graph
        self._searched = searched
        self._lengths = lengths_of(searched) if lengths is None else lengths[searched.rows]
        self._members = _Members(graph, searched)
        self._exact = ExactIndex(searched, lengths=lengths)
        tail = self._members.tail
        self._tail_vectors = searched.centering.apply(searched.vectors[searched.rows[tail]])

    def __len__(self) -> int:
        return len(self._searched)

    @property
    def tail(self) -> int:
        """How many images are searched beside the graph."""
        return len(self._members.tail)

    @property
    def gone(self) -> float:
        """Share of the graph's images that are searched no more."""
        had = len(self.graph.image_ids)
        return 1 - self._members.number / had if had else 0.0

    @property
    def is_stale(self) -> bool:
        """Whether exact search is to be used until the graph has grown."""
        return (
            self.graph.recall < LEAST_RECALL
            or self.tail > MOST_TAIL
            or self.gone > MOST_GONE
            or self.graph.drift(self._searched.centering) > MOST_DRIFT
        )

    def synced(
        self, searched: Searched, *, lengths: NDArray[np.float32] | None = None
    ) -> "HnswIndex":
        """Return the same graph with what is searched now; this snapshot stays as it is."""
        return HnswIndex(self.graph, searched, lengths=lengths)

    def search(
        self,
        queries: NDArray[np.float32],
        *,
        k: int,
        itself: NDArray[np.int64] | None = None,
    ) -> Found:
        """Find the ``k`` most similar images of each query, and miss about one in a hundred.

        See `Index.search`. A query of which the graph reached too few is answered by exact search.

        Cost: for seconds see docs/decisions/0062-hnswlib.md.
        """
        if k < 1:
            raise ValueError("k must be at least 1")
        if queries.shape[1] != self._searched.vectors.shape[1] and len(self):
            raise ValueError("queries and searched embeddings must have the same dimension")
        found = _nothing(len(queries), k)
        own = self._members.positions_of(itself, len(queries))
        parts = [slice(at, at + _MOST_QUERIES) for at in range(0, len(queries), _MOST_QUERIES)]
        enough = [self._answer(queries[p], own[p], _part(found, p)) for p in parts]
        short = np.flatnonzero(~np.concatenate(enough)) if enough else ()
        if len(short):
            ids = None if itself is None else itself[short]
            said = self._exact.search(queries[short], k=k, itself=ids)
            found.image_ids[short], found.similarities[short] = said
        return found

    def _answer(
        self, queries: NDArray[np.float32], own: NDArray[np.int64], found: Found
    ) -> NDArray[np.bool_]:
        """Write what graph and tail find; say of each query whether the graph reached enough."""
        k = found.image_ids.shape[1]
        enough = np.zeros(len(queries), np.bool_)
        proposed = self._proposed(queries, k)
        if proposed is None:
            return enough
        of_graph = self._cosines(queries, proposed)
        of_tail = queries @ self._tail_vectors.T
        for at, mine in enumerate(own.tolist()):
            near = self._members.spread(_Near(proposed[at], of_graph[at]), most=k + 1).but(mine)
            enough[at] = len(near.positions) >= min(k, self._members.number_but(mine))
            tail = _Near(self._members.tail, of_tail[at]).but(mine)
            self._write(_best(near, tail, k), found, at)
        return enough

    def _proposed(self, queries: NDArray[np.float32], k: int) -> NDArray[np.int64] | None:
        """Return int64 (q, fetch), the first position of each point; None: the graph is no use."""
        there = len(self.graph) - int(self.graph.hidden.sum())
        fetch = fetched(k, self.graph.breadth)
        if fetch > min(there // 2, max(_ANY_FETCH, int(_MOST_FETCHED * there))):
            return None  # comparing all is as fast, and misses none
        try:
            points = self.graph.nearest_points(queries, fetch=fetch)
        except RuntimeError:
            return None  # hnswlib reached fewer than asked for
        return self._members.first[points]

    def _cosines(
        self, queries: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        # Of points that left, -1, any number will do: they are dropped afterwards.
        return cosines_at(self._searched, queries, np.maximum(positions, 0), lengths=self._lengths)

    def _write(self, best: "_Near", found: Found, at: int) -> None:
        n = len(best.positions)
        found.image_ids[at, :n] = self._searched.image_ids[best.positions]
        found.similarities[at, :n] = np.clip(best.cosines, 0.0, 1.0)


def lengths_of(searched: Searched) -> NDArray[np.float32]:
    """Return float32 (m,): how long centering leaves the vector of each searched image."""
    lengths = np.empty(len(searched), np.float32)
    for start in range(0, len(searched), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        lengths[part] = searched.centering.lengths(searched.vectors[searched.rows[part]])
    return lengths


def fetched(k: int, breadth: int) -> int:
    """Return how many points to fetch: more than ``k``, since a sketch puts them in order roughly,
    and the query itself and images that left are among them."""
    return 2 * k + breadth // 2


class _Near(NamedTuple):
    """Positions of what is searched, int64 (c,), and their cosines, float32 (c,)."""

    positions: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def but(self, position: int) -> "_Near":
        """Return these without one of them, -1 for none."""
        kept = self.positions != position
        return self if kept.all() else _Near(self.positions[kept], self.cosines[kept])


class _Members:
    """Which searched images stand behind a point of the graph, and which the graph lacks.

    ``first`` is int64 (p,): the position of a point's image, of the lowest row if it has several,
    -1 if none is searched any more. ``tail`` is int64 (t,), the positions that have no point.
    """

    def __init__(self, graph: Graph, searched: Searched) -> None:
        self._places = Places(searched.image_ids)
        at = Places(graph.image_ids).of(searched.image_ids)
        self._is_known = at >= 0
        self.tail = np.flatnonzero(~self._is_known)
        known = np.flatnonzero(self._is_known)
        self.number = len(known)
        points = graph.points[at[known]]
        self.first = np.full(len(graph), -1, np.int64)
        # Of several written to one place the last stays, and the lowest row is wanted.
        self.first[points[::-1]] = known[::-1]
        self._several = _of_several(points, known)

    def number_but(self, position: int) -> int:
        """Return how many images the graph can find for a query that is at this position."""
        return self.number - int(position >= 0 and bool(self._is_known[position]))

    def positions_of(self, image_ids: NDArray[np.int64] | None, n: int) -> NDArray[np.int64]:
        """Return the position of each of n images, -1 for one that is not searched."""
        return np.full(n, -1, np.int64) if image_ids is None else self._places.of(image_ids)

    def spread(self, near: _Near, *, most: int) -> _Near:
        """Return all images of points found, at most so many of each; left ones are dropped."""
        kept = near.positions >= 0
        near = near if kept.all() else _Near(near.positions[kept], near.cosines[kept])
        parts = [near]
        if self._several:
            for position, cosine in zip(near.positions.tolist(), near.cosines, strict=True):
                if position in self._several:
                    others = self._several[position][: most - 1]
                    parts.append(_Near(others, np.full(len(others), cosine, np.float32)))
        return near if len(parts) == 1 else _joined(parts)


def _of_several(
    points: NDArray[np.int64], positions: NDArray[np.int64]
) -> dict[int, NDArray[np.int64]]:
    """Return, by the first position of each point that has several, the others in their order."""
    order = np.argsort(points, kind="stable")
    of_point, at = points[order], positions[order]
    starts = np.flatnonzero(np.diff(of_point, prepend=-1))
    ends = np.append(starts[1:], len(at))
    several = np.flatnonzero(ends - starts > 1)
    return {int(at[starts[i]]): at[starts[i] + 1 : ends[i]] for i in several.tolist()}


def _best(near: _Near, tail: _Near, k: int) -> _Near:
    """Return the ``k`` most similar of both, ties by position."""
    both = _joined([near, tail])
    if k < len(both.cosines):
        least = np.partition(both.cosines, len(both.cosines) - k)[len(both.cosines) - k]
        kept = both.cosines >= least
        both = _Near(both.positions[kept], both.cosines[kept])
    order = np.lexsort((both.positions, -both.cosines))[:k]
    return _Near(both.positions[order], both.cosines[order])


def _joined(parts: list[_Near]) -> _Near:
    return _Near(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.cosines for part in parts]),
    )


def _part(found: Found, part: slice) -> Found:
    """Return some lines of what is found, to be written through."""
    return Found(found.image_ids[part], found.similarities[part])


def _nothing(queries: int, k: int) -> Found:
    return Found(np.full((queries, k), -1, np.int64), np.zeros((queries, k), np.float32))
