"""The graph over distinct vectors that approximate search walks: hnswlib, and its traps."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import hnswlib
import numpy as np
from numpy.typing import NDArray

from similarity.centering import Centering
from similarity.index.base import Searched

M = 16
EF_CONSTRUCTION = 200
"""Of hnswlib. Source: DESIGN.md, section 5."""
SKETCH = 256
"""Directions that the graph knows of a vector: what it finds is compared in full afterwards. Of
100,000 x 1,280 they hold 89 % of the spread, and building takes a quarter of the time, asking a
third, and memory is 120 MB instead of 530. Source: docs/decisions/0062-hnswlib.md."""
MOST_DRIFT = 0.3
"""How far what centering subtracts may move before a graph is built anew: 0.1 is what the mean of
100 images is off, 0.5 cost no recall yet. Source: docs/decisions/0062-hnswlib.md."""
MOST_HIDDEN = 0.3
"""Share of points without an image, which are walked over and never found, before it is built anew.
Source: docs/decisions/0062-hnswlib.md."""
AT_ONCE = 500
"""Vectors added before time is looked at: 0.2 s of one core at 100,000."""

_SAMPLE = 5_000  # vectors the directions are taken from; 2,000 and all 100,000 gave the same recall
_DIGEST = 16  # bytes: that two of a million vectors share one is out of the question
_LOOKED_AT = 64
_ROUNDING = 1e-4  # of one number of a sketch, which depends on how many are computed at once
_SPARE = 0.25  # room beside what is to be added, so that the next additions need no resizing


class MadeBy(NamedTuple):
    """Whose vectors: no graph is ever asked about those of another encoder or version."""

    encoder: str
    version: str
    dim: int


@dataclass(frozen=True)
class Graph:
    """Points, one for each distinct vector, and the images of each.

    ``image_ids`` is int64 (m,), ascending; ``points`` int64 (m,), the point of each. ``digests`` is
    uint8 (p, 16), of the vector of each point; ``hidden`` bool (p,), the points without an image.
    ``directions`` is float32 (dim, sketch). ``breadth`` says how much is looked at for one query,
    ``recall`` what that was measured to find of the true neighbours, and ``speed`` how many times
    as fast as exact search it was on many queries at once; both 0.0 before they were measured.

    One that is asked never changes: hnswlib crashes or lies where one thread adds and another asks.
    `grow` takes a copy of its own, from a file, with room in it; `room` 0 cannot be added to.
    """

    made_by: MadeBy
    centering: Centering = field(repr=False)
    directions: NDArray[np.float32] = field(repr=False)
    image_ids: NDArray[np.int64] = field(repr=False)
    points: NDArray[np.int64] = field(repr=False)
    digests: NDArray[np.uint8] = field(repr=False)
    hidden: NDArray[np.bool_] = field(repr=False)
    breadth: int
    recall: float
    speed: float
    index: Any = field(repr=False)

    def __len__(self) -> int:
        """How many points there are, hidden ones too."""
        return len(self.digests)

    @property
    def hidden_share(self) -> float:
        return float(self.hidden.mean()) if len(self) else 0.0

    def sketched(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the graph knows of centered unit rows."""
        return np.ascontiguousarray(vectors @ self.directions)

    def drift(self, centering: Centering) -> float:
        """How far what is subtracted has moved since the graph was built."""
        return float(np.linalg.norm(_subtracted(self.centering) - _subtracted(centering)))

    def nearest_points(self, queries: NDArray[np.float32], *, fetch: int) -> NDArray[np.int64]:
        """Return int64 (q, fetch), points that are probably the nearest, hidden ones left out.

        Raises:
            RuntimeError: hnswlib reached fewer than ``fetch``.
        """
        points, _ = self.index.knn_query(self.sketched(queries), k=fetch, num_threads=1)
        return np.asarray(points).astype(np.int64)


def directions_of(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 (dim, sketch): the directions in which centered vectors spread the most."""
    rows = vectors.astype(np.float64)
    _, directions = np.linalg.eigh(rows.T @ rows)
    return np.ascontiguousarray(directions[:, ::-1][:, :SKETCH], np.float32)


def grow(
    graph: Graph | None,
    searched: Searched,
    made_by: MadeBy,
    *,
    go_on: Callable[[], bool] = lambda: True,
    threads: int = 1,
) -> Graph:
    """Bring a graph to what is searched: add what is new, hide what left, until told to stop.

    Args:
        graph: one that nobody else holds, with room (`load` gives both), which must not be used
            afterwards; None, one by others' vectors, a drifted one or one of too many hidden points
            is built anew.
        searched: what is to be found.
        made_by: whose vectors these are.
        go_on: asked after every `AT_ONCE` vectors; False leaves the rest to the next call.
        threads: of hnswlib. Two build in about half the time, and never the same graph twice.

    Returns:
        The graph, not yet measured. It may lack some of what is searched: `lacks` says how many.

    Cost: of 100,000 vectors 35 s of one core; 0.4 ms for each vector added.
    """
    work = _Growing(graph if _is_good(graph, searched, made_by) else None, searched, made_by)
    work.hide_what_left()
    while work.add_some(threads) and go_on():
        pass
    return work.graph()


def lacks(graph: Graph, searched: Searched) -> int:
    """Return how many of the searched images the graph does not have."""
    return int((~np.isin(searched.image_ids, graph.image_ids)).sum())


def fits(graph: Graph, searched: Searched) -> bool:
    """Whether points are of the vectors that their images have here, by `_LOOKED_AT` of them.

    Ids and names say so already; this is what notices a folder that was copied from elsewhere.
    """
    at = np.flatnonzero(np.isin(searched.image_ids, graph.image_ids))
    at = at[:: max(1, len(at) // _LOOKED_AT)]
    if not len(at):
        return True
    if searched.vectors.shape[1] != len(graph.directions):
        return False
    points = graph.points[np.searchsorted(graph.image_ids, searched.image_ids[at])]
    centered = graph.centering.apply(searched.vectors[searched.rows[at]])
    there = np.asarray(graph.index.get_items(points, return_type="numpy"))
    return bool(np.abs(there - graph.sketched(centered)).max() < _ROUNDING)


def _is_good(graph: Graph | None, searched: Searched, made_by: MadeBy) -> bool:
    return (
        graph is not None
        and graph.made_by == made_by
        and fits(graph, searched)
        and graph.drift(searched.centering) <= MOST_DRIFT
        and graph.hidden_share <= MOST_HIDDEN
    )


def _subtracted(centering: Centering) -> NDArray[np.float32]:
    return np.float32(centering.weight) * centering.mean


def _empty(searched: Searched, made_by: MadeBy) -> Graph:
    step = math.ceil(max(1, len(searched)) / _SAMPLE)
    sample = searched.centering.apply(searched.vectors[searched.rows[::step]])
    none = np.empty(0, np.int64)
    directions = directions_of(sample)
    index = hnswlib.Index("ip", directions.shape[1])
    index.init_index(room_for(len(searched)), M=M, ef_construction=EF_CONSTRUCTION)
    return Graph(
        made_by=made_by,
        centering=searched.centering,
        directions=directions,
        image_ids=none,
        points=none,
        digests=np.empty((0, _DIGEST), np.uint8),
        hidden=np.empty(0, np.bool_),
        breadth=0,
        recall=0.0,
        speed=0.0,
        index=index,
    )


def room_for(points: int) -> int:
    """Return how many points to make room for: resizing copies, and crashes whoever is asking."""
    return math.ceil(points * (1 + _SPARE)) + AT_ONCE


class _Growing:
    """A graph on its way to what is searched."""

    def __init__(self, graph: Graph | None, searched: Searched, made_by: MadeBy) -> None:
        self._graph = graph or _empty(searched, made_by)
        self._searched = searched
        self._index = self._graph.index
        self._digests = [digest.tobytes() for digest in self._graph.digests]
        self._point_of = {digest: point for point, digest in enumerate(self._digests)}
        stays = np.isin(self._graph.image_ids, searched.image_ids)
        self._ids = [self._graph.image_ids[stays]]
        self._points = [self._graph.points[stays]]
        self._to_add = np.flatnonzero(~np.isin(searched.image_ids, self._graph.image_ids))
        self._hidden = self._graph.hidden.copy()

    def hide_what_left(self) -> None:
        carried = np.zeros(len(self._hidden), np.bool_)
        carried[self._points[0]] = True
        for point in np.flatnonzero(~carried & ~self._hidden).tolist():
            self._index.mark_deleted(point)
        self._hidden = ~carried

    def add_some(self, threads: int) -> bool:
        """Add the next images; False if there were none left."""
        part, self._to_add = self._to_add[:AT_ONCE], self._to_add[AT_ONCE:]
        if not len(part):
            return False
        vectors = self._searched.vectors[self._searched.rows[part]]
        points = self._points_of(vectors, threads)
        self._ids.append(self._searched.image_ids[part])
        self._points.append(points)
        return True

    def _points_of(self, vectors: NDArray[np.float32], threads: int) -> NDArray[np.int64]:
        """Return the point of each vector; what no point has yet is added once."""
        digests = [digest_of(vector) for vector in vectors]
        new: dict[bytes, int] = {}
        for at, digest in enumerate(digests):
            if digest not in self._point_of:
                self._point_of[digest] = len(self._digests)
                self._digests.append(digest)
                new[digest] = at
        points = np.array([self._point_of[digest] for digest in digests], np.int64)
        self._unhide(points[points < len(self._hidden)])
        self._add(vectors[list(new.values())], threads)
        return points

    def _unhide(self, points: NDArray[np.int64]) -> None:
        for point in np.unique(points[self._hidden[points]]).tolist():
            self._index.unmark_deleted(point)
            self._hidden[point] = False

    def _add(self, vectors: NDArray[np.float32], threads: int) -> None:
        if not len(vectors):
            return
        first = len(self._hidden)
        after = first + len(vectors)
        if after > self._index.get_max_elements():
            self._index.resize_index(room_for(after + len(self._to_add)))
        sketched = self._graph.sketched(self._graph.centering.apply(vectors))
        self._index.add_items(sketched, np.arange(first, after), num_threads=threads)
        self._hidden = np.concatenate((self._hidden, np.zeros(len(vectors), np.bool_)))

    def graph(self) -> Graph:
        ids, points = np.concatenate(self._ids), np.concatenate(self._points)
        order = np.argsort(ids)
        joined = np.frombuffer(b"".join(self._digests), np.uint8)
        return replace(
            self._graph,
            image_ids=ids[order],
            points=points[order],
            digests=joined.reshape(-1, _DIGEST),
            hidden=self._hidden,
            recall=0.0,
            speed=0.0,
        )


def digest_of(vector: NDArray[np.float32]) -> bytes:
    """Return what equal vectors share, and others do not."""
    return hashlib.blake2b(vector.tobytes(), digest_size=_DIGEST).digest()
