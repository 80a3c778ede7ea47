"""A project's embeddings as one array in this process: a cache that can be dropped at any time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from django.db.models import Count, Max, QuerySet
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from projects.models import Embedding, ImageQuerySet, Project
from similarity.centering import Centering

MOST_PROJECTS = 4
"""Projects kept in memory. 100,000 images of 1,280 dimensions are 512 MB."""
READ_AT_ONCE = 2_000
"""Vectors fetched at once: 10 MB of blobs beside the array."""

# A second BLAS thread waits for a processor on a busy machine: 0.08 ms became 12 ms. For good and
# not around each search, since the setting belongs to the process and not to a thread.
_one_blas_thread = threadpool_limits(limits=1, user_api="blas")


@dataclass(frozen=True)
class Collection:
    """Embeddings of a project's images, oldest first, and the mean they are centered on.

    `vectors` is float32 (n, dim), unit rows as the encoder made them; `image_ids` int64 (n,). A
    snapshot: it never changes, also while newer ones are made.
    """

    image_ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    row_of: dict[int, int] = field(repr=False)
    centering: Centering = field(repr=False)

    def __len__(self) -> int:
        return len(self.image_ids)

    def rows(self, image_ids: Iterable[int]) -> NDArray[np.int64]:
        """Return the row of each image, -1 for an image without a vector here."""
        n = len(self)
        found = (self.row_of.get(image_id, -1) for image_id in image_ids)
        # `row_of` is shared with newer snapshots, which know more rows than this one has.
        return np.fromiter((row if row < n else -1 for row in found), np.int64)

    def centered(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return the centered unit vectors of these rows: what similarity compares."""
        return self.centering.apply(self.vectors[rows])


@dataclass(frozen=True)
class Labeled:
    """The labeled images of a dataset, centered, row by row, in the order of their embeddings."""

    image_ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    row_of: dict[int, int] = field(repr=False)

    def __len__(self) -> int:
        return len(self.image_ids)


class _Kept:
    """What is kept of one project. Only touched while `lock` is held."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.encoder = ("", "")
        self.revision = -1
        self.last_id = 0
        self.count = 0
        self.buffer = np.empty((0, 0), np.float32)
        self.total = np.zeros(0, np.float64)
        self.ids = np.empty(0, np.int64)
        self.row_of: dict[int, int] = {}
        self.labeled: Labeled | None = None
        self.labeled_revision = -1

    def snapshot(self) -> Collection:
        n = self.count
        centering = Centering.of_sum(self.total, n)
        return Collection(self.ids[:n], self.buffer[:n], self.row_of, centering)


_kept: OrderedDict[int, _Kept] = OrderedDict()
_kept_lock = threading.Lock()


def collection(project: Project) -> Collection:
    """Return the project's embeddings by its present encoder, as of its revision or later.

    Where the revision moved, only embeddings newer than the last known are read. Everything is
    read again when the encoder changed or the number of rows does not add up (a deletion). Safe to
    call from several threads. Not to be called in a transaction that raised the revision: rolled
    back, the number would come a second time.
    """
    kept = _of(project)
    with kept.lock:
        _refresh(kept, project)
        return kept.snapshot()


def labeled(project: Project) -> Labeled:
    """Return the labeled images of the dataset: what suggestions are made from.

    Staged and trashed images are never among them. Kept until the project's revision moves.
    """
    kept = _of(project)
    with kept.lock:
        _refresh(kept, project)
        if kept.labeled is None or kept.labeled_revision != kept.revision:
            images = project.images.in_dataset().labeled()
            kept.labeled, kept.labeled_revision = _part(kept.snapshot(), images), kept.revision
        return kept.labeled


def forget(project_id: int | None = None) -> None:
    """Drop what is kept of a project, or of all; it is read again when it is asked for."""
    with _kept_lock:
        if project_id is None:
            _kept.clear()
        else:
            _kept.pop(project_id, None)


def _of(project: Project) -> _Kept:
    with _kept_lock:
        kept = _kept.setdefault(project.pk, _Kept())
        _kept.move_to_end(project.pk)
        while len(_kept) > MOST_PROJECTS:
            _kept.popitem(last=False)
        return kept


def _embeddings(project: Project) -> QuerySet[Embedding]:
    return Embedding.objects.filter(
        project=project, encoder=project.encoder, encoder_version=project.encoder_version
    ).order_by("id")


def _refresh(kept: _Kept, project: Project) -> None:
    encoder = (project.encoder, project.encoder_version)
    if kept.encoder == encoder and kept.revision >= project.revision:
        return
    there = _embeddings(project).aggregate(count=Count("id"), last=Max("id"))
    count, last = there["count"], there["last"] or 0
    known = kept.encoder == encoder and kept.count <= count
    if known:
        _append(kept, project, last)
    if not known or kept.count != count or kept.last_id != last:
        _rebuild(kept, project, count, last)
    kept.encoder, kept.revision = encoder, project.revision


def _append(kept: _Kept, project: Project, last: int) -> None:
    newer = _embeddings(project).filter(id__gt=kept.last_id, id__lte=last)
    for ids, image_ids, vectors in _read(newer):
        if vectors.shape[1] != kept.buffer.shape[1]:
            return  # rebuilt by the caller, since the count does not add up
        _store(kept, ids, image_ids, vectors)


def _rebuild(kept: _Kept, project: Project, count: int, last: int) -> None:
    """Read everything. New arrays, since older snapshots still read the old ones."""
    kept.count, kept.last_id, kept.row_of, kept.labeled = 0, 0, {}, None
    kept.buffer, kept.ids = np.empty((0, 0), np.float32), np.empty(0, np.int64)
    for ids, image_ids, vectors in _read(_embeddings(project).filter(id__lte=last)):
        if not kept.count:
            kept.buffer = np.empty((count, vectors.shape[1]), np.float32)
            kept.total = np.zeros(vectors.shape[1], np.float64)
            kept.ids = np.empty(count, np.int64)
        _store(kept, ids, image_ids, vectors)


def _read(
    embeddings: QuerySet[Embedding],
) -> Iterator[tuple[list[int], list[int], NDArray[np.float32]]]:
    """Yield embedding ids, image ids and raw vectors, some thousand at once."""
    rows = embeddings.values_list("id", "image_id", "vector")
    after = 0
    while part := list(rows.filter(id__gt=after)[:READ_AT_ONCE]):
        after = part[-1][0]
        dim = len(part[0][2]) // 4
        joined = b"".join(bytes(vector) for _, _, vector in part)
        vectors = np.frombuffer(joined, "<f4").reshape(len(part), dim)
        yield [row[0] for row in part], [row[1] for row in part], vectors


def _store(kept: _Kept, ids: list[int], image_ids: list[int], vectors: NDArray[np.float32]) -> None:
    start, end = kept.count, kept.count + len(ids)
    if end > len(kept.buffer):
        # Half more than needed: growing copies, and an upload appends every few seconds.
        room = max(end, len(kept.buffer) * 3 // 2)
        grown = np.empty((room, kept.buffer.shape[1]), np.float32)
        grown[:start] = kept.buffer[:start]
        grown_ids = np.empty(room, np.int64)
        grown_ids[:start] = kept.ids[:start]
        kept.buffer, kept.ids = grown, grown_ids
    kept.buffer[start:end] = vectors
    # A new array: snapshots made before keep the mean of the rows they have.
    kept.total = kept.total + vectors.sum(axis=0, dtype=np.float64)
    kept.ids[start:end] = image_ids
    kept.row_of.update(zip(image_ids, range(start, end), strict=True))
    kept.count, kept.last_id = end, ids[-1]


def _part(whole: Collection, images: ImageQuerySet) -> Labeled:
    rows = whole.rows(images.values_list("id", flat=True).order_by())
    rows = np.sort(rows[rows >= 0])
    ids = whole.image_ids[rows]
    vectors = whole.centered(rows) if len(rows) else np.empty((0, 0), np.float32)
    return Labeled(ids, vectors, dict(zip(ids.tolist(), range(len(ids)), strict=True)))
