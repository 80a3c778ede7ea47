"""What every index answers, and what it searches."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from similarity.centering import Centering


class Found(NamedTuple):
    """Neighbours of q queries, the most similar first.

    ``image_ids`` is int64 (q, k), -1 where there are fewer than k. ``similarities`` is float32
    (q, k) in 0..1, 0.0 where there are fewer than k.
    """

    image_ids: NDArray[np.int64]
    similarities: NDArray[np.float32]


@dataclass(frozen=True)
class Searched:
    """The images that are searched: rows of the whole collection, which is not copied.

    ``vectors`` is float32 (n, dim), the unit rows of the whole collection as the encoder made them;
    it may be mapped from a file that other processes map too. ``rows`` is int64 (m,), ascending:
    the rows of it that are searched. ``image_ids`` is int64 (m,), the image of each of those.
    """

    image_ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32] = field(repr=False)
    centering: Centering = field(repr=False)

    def __len__(self) -> int:
        return len(self.image_ids)


class Index(Protocol):
    """A snapshot of what is searched. Safe to search from several threads."""

    name: str
    """Of `LABELING_INDEX`: what it is called where it can be chosen."""

    def __len__(self) -> int:
        """How many images are searched."""
        ...

    def search(
        self,
        queries: NDArray[np.float32],
        *,
        k: int,
        itself: NDArray[np.int64] | None = None,
    ) -> Found:
        """Find the ``k`` most similar images of each query.

        Args:
            queries: float32 (q, dim), centered unit rows; q may be 0.
            k: at least 1; more than there are is no error.
            itself: int64 (q,), the id of the image that the query is, 0 where it is none: an image
                is never its own hit.

        Returns:
            Cosine after centering, clipped to 0..1. The similarities are exact in every index; an
            approximate one may miss a neighbour, but never says a wrong number.

        Raises:
            ValueError: ``k`` below 1, or another dimension than that of what is searched.
        """
        ...
