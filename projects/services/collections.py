"""A project's embeddings as one array that all processes share: a cache that can be deleted.

The rows lie in files that are mapped (`similarity.mapped`), written by whichever process finds them
behind the database. What each process keeps for itself is a few numbers an image.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Count, Max, QuerySet
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from projects.models import Embedding, ImageQuerySet, Project
from similarity import mapped
from similarity.centering import Centering
from similarity.index import Searched
from similarity.index.places import Places
from similarity.pages import gathered, let_go

from .ids import ids_of

MOST_PROJECTS = 16
"""Projects kept in memory: 3 MB each at 100,000 images; the rows are mapped from files."""
READ_AT_ONCE = 2_000
"""Vectors fetched or measured at once: 10 MB of them."""

# A second BLAS thread waits for a processor on a busy machine: 0.08 ms became 12 ms. For good and
# not around each search, since the setting belongs to the process and not to a thread.
_one_blas_thread = threadpool_limits(limits=1, user_api="blas")


@dataclass(frozen=True, eq=False)
class Collection:
    """Embeddings of a project's images, oldest first, and the mean they are centered on.

    `vectors` is float32 (n, dim), unit rows as the encoder made them, mapped and not to be written;
    `image_ids` int64 (n,). A snapshot: it never changes, also while newer ones are made.
    """

    image_ids: NDArray[np.int64]
    vectors: NDArray[np.float32] = field(repr=False)
    centering: Centering = field(repr=False)

    def __len__(self) -> int:
        return len(self.image_ids)

    def rows(self, image_ids: Iterable[int]) -> NDArray[np.int64]:
        """Return the row of each image, -1 for an image without a vector here."""
        return self._places.of(image_ids)

    def centered(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Return the centered unit vectors of these rows: what similarity compares. A copy."""
        picked = self.vectors[rows] if isinstance(rows, slice) else gathered(self.vectors, rows)
        return self.centering.apply(picked)

    @cached_property
    def lengths(self) -> NDArray[np.float32]:
        """How long each row is without the mean, float32 (n,); measured once, 0.1 s for 100,000."""
        lengths = np.empty(len(self), np.float32)
        for start in range(0, len(self), READ_AT_ONCE):
            part = self.vectors[start : start + READ_AT_ONCE]
            lengths[start : start + READ_AT_ONCE] = self.centering.lengths(part)
            let_go(part)
        return lengths

    @cached_property
    def _places(self) -> Places:
        return Places(self.image_ids)


@dataclass(frozen=True, eq=False)
class Labeled:
    """Images of a collection: the labeled ones of a dataset, in the order of their embeddings.

    `places` is int64 (n,), ascending: which rows of `whole` they are. Nothing is copied.
    """

    whole: Collection = field(repr=False)
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def image_ids(self) -> NDArray[np.int64]:
        return self.whole.image_ids[self.places]

    @property
    def searched(self) -> Searched:
        """What an index of them is made of."""
        return Searched(self.image_ids, self.places, self.whole.vectors, self.whole.centering)

    def rows(self, image_ids: Iterable[int]) -> NDArray[np.int64]:
        """Return where each image stands among these, -1 where it does not."""
        return self._places.of(image_ids)

    def part(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Labeled:
        """Return some of them, in ascending order of their rows."""
        return Labeled(self.whole, self.places[rows])

    def centered(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Return the centered unit vectors of some or all: a copy, 512 MB for 100,000 of 1,280."""
        return self.whole.centered(self.places[rows])

    @cached_property
    def _places(self) -> Places:
        return Places(self.image_ids)


_NOTHING = Collection(
    np.empty(0, np.int64), np.empty((0, 0), np.float32), Centering(np.empty(0, np.float32), 0.0)
)


class _Kept:
    """What is kept of one project. Only touched while `lock` is held."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.encoder = ("", "")
        self.revision = -1
        self.stored: mapped.Rows | None = None
        self.whole = _NOTHING
        self.labeled: Labeled | None = None
        self.labeled_revision = -1


_kept: OrderedDict[int, _Kept] = OrderedDict()
_kept_lock = threading.Lock()


def collection(project: Project) -> Collection:
    """Return the project's embeddings by its present encoder, as of its revision or later.

    Where the revision moved, only embeddings newer than the last known are read, by the process
    that comes first. Everything is read again when the number of rows does not add up (a deletion).
    Safe to call from several threads and processes. Not to be called in a transaction that raised
    the revision: rolled back, the number would come a second time, and others would be shown rows
    that never were.
    """
    kept = _of(project)
    with kept.lock:
        _refresh(kept, project)
        return kept.whole


def labeled(project: Project) -> Labeled:
    """Return the labeled images of the dataset: what suggestions are made from.

    Staged and trashed images are never among them. Kept until the project's revision moves, and
    the same object for as long as the same images are labeled.
    """
    kept = _of(project)
    with kept.lock:
        _refresh(kept, project)
        if kept.labeled is None or kept.labeled_revision != kept.revision:
            images = project.images.in_dataset().labeled()
            kept.labeled = _unchanged(kept.labeled, part_of(kept.whole, images))
            kept.labeled_revision = kept.revision
        return kept.labeled


def part_of(whole: Collection, images: ImageQuerySet) -> Labeled:
    """Return those of some images that have a vector here."""
    rows = whole.rows(ids_of(images))
    return Labeled(whole, np.sort(rows[rows >= 0]))


def forget(project_id: int | None = None) -> None:
    """Drop what this process keeps of a project, or of all; the files stay."""
    with _kept_lock:
        if project_id is None:
            _kept.clear()
        else:
            _kept.pop(project_id, None)


def remove_files(project_id: int) -> None:
    """Remove the files of a project. Whoever maps them still reads them."""
    shutil.rmtree(_root() / str(project_id), ignore_errors=True)


def remove_unused() -> int:
    """Remove the files of projects that are gone, and of encoders without any vector left.

    Called after a purge; returns how many folders went. Whoever maps them still reads them.
    """
    root, removed = _root(), 0
    for folder in root.glob("*/*"):
        if not _is_used(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    for folder in root.glob("*"):
        if not any(folder.iterdir()):
            shutil.rmtree(folder, ignore_errors=True)
    return removed


def folder_of(project: Project) -> Path:
    """Return where the files lie of what is made from the project's present embeddings."""
    encoder = f"{project.encoder}\n{project.encoder_version}".encode()
    return _root() / str(project.pk) / hashlib.sha256(encoder).hexdigest()[:16]


def _root() -> Path:
    return Path(settings.DATA_FOLDER) / "cache" / "collections"


def _is_used(folder: Path) -> bool:
    project = Project.objects.filter(pk=folder.parent.name).first()
    if project is None:
        return False
    if folder == folder_of(project):
        return True
    made_by = Embedding.objects.filter(project=project).order_by()
    for project.encoder, project.encoder_version in made_by.values_list(
        "encoder", "encoder_version"
    ).distinct():
        if folder == folder_of(project):
            return True
    return False


def _unchanged(before: Labeled | None, now: Labeled) -> Labeled:
    """What was there before, where that is the same: an index of it stays what it is."""
    if before and before.whole is now.whole and np.array_equal(before.places, now.places):
        return before
    return now


def _of(project: Project) -> _Kept:
    with _kept_lock:
        kept = _kept.setdefault(project.pk, _Kept())
        _kept.move_to_end(project.pk)
        while len(_kept) > MOST_PROJECTS:
            _kept.popitem(last=False)
        return kept


def _refresh(kept: _Kept, project: Project) -> None:
    encoder = (project.encoder, project.encoder_version)
    if kept.encoder == encoder and kept.revision >= project.revision:
        return
    known = kept.stored if kept.encoder == encoder else None
    stored = _Source(project).stored(known)
    if stored is not kept.stored or kept.encoder != encoder:
        kept.stored, kept.labeled = stored, None
        kept.whole = _collection(stored) if stored else _NOTHING
    kept.encoder, kept.revision = encoder, project.revision


def _collection(stored: mapped.Rows) -> Collection:
    centering = Centering.of_sum(stored.total, len(stored))
    return Collection(stored.ids, stored.vectors, centering)


class _Source:
    """The embeddings of a project as they are in the database, and the files made from them."""

    def __init__(self, project: Project) -> None:
        self._folder = folder_of(project)
        # With its moment: another database may have a project of the same number.
        made = project.created_at.isoformat()
        self._made_from = f"{project.pk} {made} {project.encoder} {project.encoder_version}"
        self._embeddings: QuerySet[Embedding] = Embedding.objects.filter(
            project=project, encoder=project.encoder, encoder_version=project.encoder_version
        ).order_by("id")
        there = self._embeddings.aggregate(count=Count("id"), last=Max("id"))
        self._count, self._last = there["count"], there["last"] or 0

    def stored(self, known: mapped.Rows | None) -> mapped.Rows | None:
        """Return the rows in files that hold what the database holds, None where it holds none."""
        if not self._count:
            return None
        found = self._read(known)
        if self._is_whole(found):
            return found
        with mapped.locked(self._folder):
            # Another process may have written meanwhile.
            found = self._read(known)
            if not self._is_whole(found):
                found = self._appended(found) or self._rebuilt()
        return found

    def _read(self, known: mapped.Rows | None) -> mapped.Rows | None:
        """The rows as they are; those that this process has not seen before, only if they fit."""
        found = mapped.read(self._folder, self._made_from, known)
        if found is None or (known and found.head.token == known.head.token):
            return found
        return found if self._fits(found) else None

    def _fits(self, found: mapped.Rows) -> bool:
        """Whether the last row is what the database says: an older copy may have been put back."""
        last = self._embeddings.filter(id=found.head.last_id).values_list("image_id", "vector")
        for image_id, vector in last:
            return bool(image_id == found.ids[-1] and bytes(vector) == found.vectors[-1].tobytes())
        return False

    def _is_whole(self, found: mapped.Rows | None) -> bool:
        return found is not None and (len(found), found.head.last_id) == (self._count, self._last)

    def _appended(self, found: mapped.Rows | None) -> mapped.Rows | None:
        """The rows with the newer ones behind them; None where they do not add up."""
        if found is None or len(found) >= self._count:
            return None
        with mapped.Writer(self._folder, self._made_from, after=found) as writer:
            for part in _read(self._embeddings.filter(id__gt=found.head.last_id), self._last):
                if part.vectors.shape[1] != writer.dim or writer.count > self._count:
                    return None
                writer.add(part.image_ids, part.vectors, last_id=part.last_id)
            return writer.publish() if writer.count == self._count else None

    def _rebuilt(self) -> mapped.Rows | None:
        """Read everything into new files: older snapshots still read the old ones."""
        with mapped.Writer(self._folder, self._made_from) as writer:
            for part in _read(self._embeddings, self._last):
                writer.add(part.image_ids, part.vectors, last_id=part.last_id)
            return writer.publish() if writer.count else None


@dataclass(frozen=True)
class _Part:
    image_ids: NDArray[np.int64]
    vectors: NDArray[np.float32]
    last_id: int


def _read(embeddings: QuerySet[Embedding], last: int) -> Iterator[_Part]:
    """Yield embeddings up to the id `last`, some thousand at once."""
    rows = embeddings.filter(id__lte=last).values_list("id", "image_id", "vector")
    after = 0
    while part := list(rows.filter(id__gt=after)[:READ_AT_ONCE]):
        after = part[-1][0]
        dim = len(part[0][2]) // 4
        joined = b"".join(bytes(vector) for _, _, vector in part)
        vectors = np.frombuffer(joined, "<f4").reshape(len(part), dim)
        yield _Part(np.array([row[1] for row in part], np.int64), vectors, after)
