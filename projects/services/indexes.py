"""Which index searches the labeled images of a project: chosen by their number, or by hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from projects.models import Project
from similarity.index import ExactIndex, Index, Searched

from .collections import Collection, Labeled, labeled

Make: TypeAlias = Callable[[Project, Labeled], Index | None]
"""Makes an index of the labeled images of a project; None where it cannot be had (its library or
its database is missing, or it is being built), and the exact one answers."""


def _exact(project: Project, searched: Labeled) -> Index:  # noqa: ARG001 - as all that make one
    return ExactIndex(searched.searched, lengths=searched.whole.lengths)


MAKERS: dict[str, Make] = {
    "exact": _exact,
}
"""By the value of `LABELING_INDEX`. Another index joins with a line here."""

BY_SIZE: tuple[tuple[int, str], ...] = ((0, "exact"),)
"""What `auto` takes: the last line of which so many images are labeled. Each line above the first
stands on a measurement; see docs/decisions/0061."""

_kept: OrderedDict[int, tuple[Labeled, str, Index]] = OrderedDict()
_lock = threading.Lock()
_MOST_KEPT = 16


def labeled_index(project: Project) -> Index:
    """Return the index of the labeled images of the dataset, as of the project's revision.

    The same object for as long as the same images are labeled and no embedding came. Not to be
    called in a transaction that raised the revision (see `collections`).
    """
    searched = labeled(project)
    name = _chosen(len(searched))
    with _lock:
        known = _kept.get(project.pk)
    if known is None or known[0] is not searched or known[1] != name:
        make = MAKERS.get(name, _exact)
        index = make(project, searched) or _exact(project, searched)
        known = (searched, name, index)
        _keep(project.pk, known)
    return known[2]


def among(searched: Labeled, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Index:
    """Return an exact index of some of the labeled images, ascending rows of `searched`."""
    return ExactIndex(searched.part(rows).searched)


def everything(whole: Collection) -> Index:
    """Return an exact index of all images that have an embedding, labeled or not."""
    searched = Searched(whole.image_ids, np.arange(len(whole)), whole.vectors, whole.centering)
    return ExactIndex(searched, lengths=whole.lengths)


def _chosen(number: int) -> str:
    name: str = settings.LABELING_INDEX
    if name != "auto":
        return name
    return [each for least, each in BY_SIZE if number >= least][-1]


def _keep(project_id: int, known: tuple[Labeled, str, Index]) -> None:
    with _lock:
        _kept[project_id] = known
        _kept.move_to_end(project_id)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
