"""The nearest labeled images of one label: shown where the first hits of a row have too few."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from projects.models import Image, ImageLabel, Project

from . import collections
from .carried import labels_by_image
from .indexes import among
from .selection import one_variable

LEAST_OF_LABEL = 2
"""Images of the best label, and of the runner-up, that stand beside each query."""
PLACES = 20
"""Places a strip has for the first hits before it is asked for all of them."""

Pair: TypeAlias = tuple[int, int]
"""An image and a label."""


class Labeled(NamedTuple):
    """A labeled image found for a query; `similarity` in 0..1."""

    image_id: int
    similarity: float
    labels: tuple[int, ...]


@dataclass
class _Kept:
    """What was found at one revision of a project."""

    rows: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Rows of the labeled images that carry a label."""
    found: dict[Pair, tuple[Labeled, ...]] = field(default_factory=dict)


_kept: OrderedDict[tuple[int, int], _Kept] = OrderedDict()
_lock = threading.Lock()
_MOST_KEPT = 4


def nearest_of_labels(
    project: Project, pairs: Collection[Pair]
) -> Mapping[Pair, tuple[Labeled, ...]]:
    """Return the two most similar images that carry a label, by image and label, nearest first.

    An image is never its own evidence. Compared with every image of that label, exactly; what was
    found is kept until the revision moves. Two queries where something is not known yet.

    Args:
        project: as it is by now, since its revision names what is kept.
    """
    kept = _of(project)
    if missing := sorted(pair for pair in pairs if pair not in kept.found):
        _find(project, kept, missing)
    return {pair: kept.found[pair] for pair in pairs}


def _of(project: Project) -> _Kept:
    key = (project.pk, project.revision)
    with _lock:
        kept = _kept.setdefault(key, _Kept())
        _kept.move_to_end(key)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
        return kept


def _find(project: Project, kept: _Kept, missing: list[Pair]) -> None:
    whole, labeled = collections.collection(project), collections.labeled(project)
    queries: defaultdict[int, list[int]] = defaultdict(list)
    for image_id, label in missing:
        queries[label].append(image_id)
    kept.rows |= _rows_of(labeled, set(queries) - set(kept.rows))
    hits: dict[Pair, list[tuple[int, float]]] = {pair: [] for pair in missing}
    for label, image_ids in queries.items():
        there = [i for i, row in zip(image_ids, whole.rows(image_ids), strict=True) if row >= 0]
        if there:
            vectors = whole.centered(whole.rows(there))
            found = _nearest(vectors, there, labeled, kept.rows[label])
            hits |= {(i, label): each for i, each in zip(there, found, strict=True)}
    carried = labels_by_image({i for each in hits.values() for i, _ in each})
    for pair, each in hits.items():
        kept.found[pair] = tuple(Labeled(i, s, carried[i]) for i, s in each if i in carried)


def _rows_of(
    labeled: collections.Labeled, label_ids: Collection[int]
) -> dict[int, NDArray[np.int64]]:
    carriers = ImageLabel.objects.filter(
        label__in=one_variable(list(label_ids)), image__state=Image.State.DATASET
    )
    carrying: dict[int, list[int]] = {label: [] for label in label_ids}
    for label, image_id in carriers.values_list("label_id", "image_id").order_by():
        carrying[label].append(image_id)
    rows = {label: labeled.rows(each) for label, each in carrying.items()}
    return {label: np.sort(each[each >= 0]) for label, each in rows.items()}


def _nearest(
    vectors: NDArray[np.float32],
    image_ids: list[int],
    labeled: collections.Labeled,
    rows: NDArray[np.int64],
) -> list[list[tuple[int, float]]]:
    """The nearest of some rows of the labeled images for each query, the query itself left out."""
    found = among(labeled, rows).search(
        vectors, k=LEAST_OF_LABEL, itself=np.array(image_ids, np.int64)
    )
    similarities = found.similarities.astype(np.float64).round(4)
    return [
        [(i, s) for i, s in zip(ids, near, strict=True) if i >= 0]
        for ids, near in zip(found.image_ids.tolist(), similarities.tolist(), strict=True)
    ]
