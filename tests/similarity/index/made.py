"""What the tests of indexes search: a made collection, and the plain definition of searching it."""

from __future__ import annotations

import numpy as np

from similarity.centering import Centering
from similarity.index import Found, Searched
from similarity.neighbours import nearest
from tests.similarity.made import groups

DIM = 32


def made(n: int, *, seed: int = 0, dim: int = DIM, shared: float = 0.5) -> Searched:
    """All of a collection of `n` images in five groups that share a part, as photos do."""
    rng = np.random.default_rng(seed)
    rows, _ = groups(rng, [n // 5 + (at < n % 5) for at in range(5)], dim=dim)
    rows[:, -1] += shared
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return everything(vectors, rng.permutation(n) + 1_000)


def everything(vectors: np.ndarray, image_ids: np.ndarray) -> Searched:
    return Searched(image_ids, np.arange(len(vectors)), vectors, Centering.fit(vectors))


def some(whole: Searched, rows: np.ndarray) -> Searched:
    """These rows of a collection that is searched, centered as the whole is."""
    return Searched(whole.image_ids[rows], rows, whole.vectors, whole.centering)


def queries_of(searched: Searched, n: int, *, seed: int = 1) -> np.ndarray:
    """Centered queries that look like what is searched, and are none of it."""
    whole = made(n, seed=seed, dim=searched.vectors.shape[1])
    return searched.centering.apply(whole.vectors)


def plain_search(
    searched: Searched, queries: np.ndarray, *, k: int, itself: np.ndarray | None = None
) -> Found:
    """The definition: `nearest` among centered copies of the rows that are searched."""
    centered = searched.centering.apply(searched.vectors[searched.rows])
    place = {image_id: at for at, image_id in enumerate(searched.image_ids.tolist())}
    own = [place.get(i, -1) for i in (itself.tolist() if itself is not None else [])]
    exclude = np.array(own, np.int64) if itself is not None else None
    hits = nearest(queries, centered, k=k, exclude=exclude)
    found = hits.rows >= 0
    ids = np.where(found, searched.image_ids[hits.rows], -1) if len(searched) else hits.rows
    return Found(ids, hits.similarities)


def similarity_of(searched: Searched, query: np.ndarray, image_id: int) -> float:
    """What the similarity of one image to a query is, in float64."""
    row = searched.rows[np.flatnonzero(searched.image_ids == image_id)[0]]
    vector = searched.vectors[row].astype(np.float64)
    vector -= searched.centering.weight * searched.centering.mean.astype(np.float64)
    length = np.linalg.norm(vector)
    if length < 1e-5:
        return 0.0
    return float(np.clip(query.astype(np.float64) @ vector / length, 0.0, 1.0))
