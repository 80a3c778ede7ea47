"""Which index searches the labeled images of a project: chosen by their number, or by hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from projects.models import Project
from similarity.index import ExactIndex, Index, Searched

from . import graphs, pgvector
from .collections import Collection, Labeled, labeled
from .index_choice import chosen

Make: TypeAlias = Callable[[Project, Labeled], Index | None]
"""Gives an index of the labeled images of a project, and keeps what it makes: it is asked for each
request, since an index may be there by then. None where it cannot be had (its library or its
database is missing, or it is being built), and the exact one answers."""


def _exact(project: Project, searched: Labeled) -> Index:
    with _lock:
        known = _kept.get(project.pk)
    if known is None or known[0] is not searched:
        known = searched, ExactIndex(searched.searched, lengths=searched.whole.lengths)
        _keep(project.pk, known)
    return known[1]


MAKERS: dict[str, Make] = {
    "exact": _exact,
    "hnswlib": graphs.index_of,
    "pgvector": pgvector.index_of,
}
"""By the value of `LABELING_INDEX`. Another index joins with a line here."""

_kept: OrderedDict[int, tuple[Labeled, Index]] = OrderedDict()
_lock = threading.Lock()
_MOST_KEPT = 16


def labeled_index(project: Project) -> Index:
    """Return the index of the labeled images of the dataset, as of the project's revision.

    The same object for as long as the same images are labeled, no embedding came and no better
    index is there. Not to be called in a transaction that raised the revision (see `collections`).
    """
    searched = labeled(project)
    make = MAKERS.get(chosen(len(searched)), _exact)
    return make(project, searched) or _exact(project, searched)


def among(searched: Labeled, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Index:
    """Return an exact index of some of the labeled images, ascending rows of `searched`."""
    return ExactIndex(searched.part(rows).searched)


def everything(whole: Collection) -> Index:
    """Return an exact index of all images that have an embedding, labeled or not."""
    searched = Searched(whole.image_ids, np.arange(len(whole)), whole.vectors, whole.centering)
    return ExactIndex(searched, lengths=whole.lengths)


def _keep(project_id: int, known: tuple[Labeled, Index]) -> None:
    with _lock:
        _kept[project_id] = known
        _kept.move_to_end(project_id)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
