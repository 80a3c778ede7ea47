"""A project's pairs of near-duplicates, kept in this process: a cache that can be dropped."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.models import Project
from similarity.duplicates import LOOSE, Pairs, near_pairs

from . import collections

MOST_PROJECTS = 16
"""Projects kept in memory: some thousand pairs each, where not everything is alike."""
AT_ONCE = 100_000_000
"""Comparisons made while a page is asked for, 14,000 images with each other: one to three seconds
of a core. More are made in a thread, and the page says so meanwhile."""
PATIENCE = 2.0
"""Seconds a page waits for one that compares already: most often that is the same page, twice."""


@dataclass(frozen=True)
class Known:
    """Pairs of at least `LOOSE` among the first rows of a collection; `image_ids` are the rows'."""

    encoder: tuple[str, str]
    image_ids: NDArray[np.int64]
    pairs: Pairs

    def rows_of(self, images: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return bool (n,): which rows are of these images."""
        return np.isin(self.image_ids, images)


class _Kept:
    """What is kept of one project. `known` is only replaced while `lock` is held."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: Known | None = None


_kept: OrderedDict[int, _Kept] = OrderedDict()
_kept_lock = threading.Lock()


def pairs_of(project: Project) -> Known:
    """Return the pairs of the project as its embeddings are, however long comparing them takes.

    Only rows that are new are compared. Trashed and staged images are among them; leaving them out
    is left to the caller. Not to be called in a transaction that raised the revision (see
    `collections`).
    """
    kept, whole = _of(project), collections.collection(project)
    with kept.lock:
        return _update(kept, project, whole)


def pairs_if_soon(project: Project) -> Known | None:
    """Return the pairs, or None where that takes long: a thread of this process is at it then."""
    kept, whole = _of(project), collections.collection(project)
    if not kept.lock.acquire(timeout=PATIENCE):
        return None
    try:
        if _comparisons(kept, project, whole) <= AT_ONCE:
            return _update(kept, project, whole)
    finally:
        kept.lock.release()
    # The thread reads no database: it would keep a connection of its own open.
    work = (kept, project, whole)
    threading.Thread(target=_compare, args=work, daemon=True, name="near-pairs").start()
    return None


def _compare(kept: _Kept, project: Project, whole: collections.Collection) -> None:
    with kept.lock:
        _update(kept, project, whole)


def forget() -> None:
    """Drop what is kept."""
    with _kept_lock:
        _kept.clear()


def _of(project: Project) -> _Kept:
    with _kept_lock:
        kept = _kept.setdefault(project.pk, _Kept())
        _kept.move_to_end(project.pk)
        while len(_kept) > MOST_PROJECTS:
            _kept.popitem(last=False)
        return kept


def _compared(kept: _Kept, project: Project, whole: collections.Collection) -> int:
    """Return how many rows of the collection are compared already: all that were, or none."""
    known = kept.known
    if known is None or known.encoder != (project.encoder, project.encoder_version):
        return 0
    n = len(known.image_ids)
    return n if np.array_equal(known.image_ids, whole.image_ids[:n]) else 0


def _comparisons(kept: _Kept, project: Project, whole: collections.Collection) -> int:
    done = _compared(kept, project, whole)
    return (len(whole) ** 2 - done**2) // 2


def _update(kept: _Kept, project: Project, whole: collections.Collection) -> Known:
    done, known = _compared(kept, project, whole), kept.known
    if known is not None and done == len(known.image_ids) == len(whole):
        return known
    new = near_pairs(whole.vectors, least=LOOSE, start=done)
    pairs = known.pairs.followed_by(new) if known is not None and done else new
    encoder = (project.encoder, project.encoder_version)
    kept.known = Known(encoder, whole.image_ids, pairs)
    return kept.known
