"""Find similar: the images of the whole dataset nearest to some of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from projects.errors import Refusal
from projects.models import Image, ImageQuerySet, Project
from similarity.index import ExactIndex

from . import collections
from .collections import part_of
from .indexes import everything

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_QUERIES = 100
"""Images searched with at once, by their mean: more of them mean nothing in particular."""
MOST_OTHERS = 2_000
"""Images that are not asked for, up to which all are searched and those passed over. Above, the ids
of those that are asked for are read first: 20 ms for 100,000."""
AT_ONCE = 500
"""Images looked up at once: SQLite builds exist that allow 999 variables."""


@dataclass(frozen=True)
class SimilarImage:
    """An image of the dataset; `percent` says how similar it is."""

    image: Image
    percent: int


@dataclass(frozen=True)
class Similar:
    """What was found. `waiting` are queries that have no embedding yet and do not count."""

    queries: list[Image]
    waiting: list[Image]
    found: list[SimilarImage]


def refuse_queries(image_ids: Sequence[int]) -> None:
    """Refuse to search with no image, or with too many."""
    if not 1 <= len(image_ids) <= MAX_QUERIES:
        raise Refusal(
            f"Find similar takes 1 to {MAX_QUERIES} images at once; select so many.",
            code="queries",
        )


def find_similar(
    project: Project, image_ids: Sequence[int], *, limit: int = DEFAULT_LIMIT
) -> Similar:
    """Return the images most similar to one image, or to the mean of several centered ones.

    Labeled or not, but of the dataset; the queries themselves are never among them.

    Raises:
        Refusal: no image or more than `MAX_QUERIES`, or a limit outside 1 to `MAX_LIMIT`.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise Refusal(f"Show 1 to {MAX_LIMIT} similar images, not {limit}.", code="limit")
    refuse_queries(image_ids)
    images = project.images.kept().in_bulk(list(image_ids))
    queries = [images[pk] for pk in dict.fromkeys(image_ids) if pk in images]
    if not queries:
        raise Refusal("Those images are no longer in this project.", code="nothing_selected")
    whole = collections.collection(project)
    rows = whole.rows(image.pk for image in queries)
    waiting = [image for image, row in zip(queries, rows, strict=True) if row < 0]
    found = _nearest_images(project, whole, rows[rows >= 0], limit)
    return Similar(queries, waiting, found)


def _nearest_images(
    project: Project, whole: collections.Collection, rows: np.ndarray, limit: int
) -> list[SimilarImage]:
    if not len(rows):
        return []
    query = whole.centered(rows).mean(axis=0, keepdims=True)
    length = float(np.linalg.norm(query))
    if not length:
        return []
    queries = set(whole.image_ids[rows].tolist())
    images = project.images.in_dataset()
    found = nearest_matching(whole, query / np.float32(length), images, limit=limit, but=queries)
    return [SimilarImage(image, round(similarity * 100)) for image, similarity in found]


def nearest_matching(
    whole: collections.Collection,
    query: NDArray[np.float32],
    images: ImageQuerySet,
    *,
    limit: int,
    but: Collection[int] = (),
) -> list[tuple[Image, float]]:
    """Return the first `limit` of some images by their similarity to a query, 0..1, and those.

    Exact: the nearest of all are walked through until enough of them are among `images`.

    Args:
        query: centered, float32 (1, dim), of unit length.
        but: ids of images that are left out.
    """
    # So many more may lie before them: staged, thrown away, or otherwise not asked for.
    others = max(0, len(whole) - images.embedded().count())
    if others <= MOST_OTHERS:
        index, k = everything(whole), limit + others + len(but)
    else:
        index, k = ExactIndex(part_of(whole, images).searched), limit + len(but)
    if not len(index):
        return []
    hits = index.search(query, k=min(k, len(index)))
    ids, similarities = hits.image_ids[0].tolist(), hits.similarities[0].tolist()
    near = [(i, s) for i, s in zip(ids, similarities, strict=True) if i not in but]
    found: list[tuple[Image, float]] = []
    for start in range(0, len(near), AT_ONCE):
        some = near[start : start + AT_ONCE]
        there = images.in_bulk([image_id for image_id, _ in some])
        found += [(there[i], similarity) for i, similarity in some if i in there]
        if len(found) >= limit:
            break
    return found[:limit]
