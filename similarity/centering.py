"""Centering: take what all images of a project share out of their embeddings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR_IMAGES = 10
"""The mean's weight is n / (n + PRIOR_IMAGES). In a project of two images the full mean makes them
opposites; at 10 to 30 images it is already as good as that of thousands. Source: DESIGN.md,
section 5."""


@dataclass(frozen=True)
class Centering:
    """A project's mean embedding and how much of it is subtracted.

    ``mean`` is float32 of shape (dim,), ``weight`` lies in 0..1. A weight of 0 changes nothing.
    """

    mean: NDArray[np.float32]
    weight: float

    @classmethod
    def fit(cls, embeddings: NDArray[np.float32]) -> "Centering":
        """Measure the mean of a project's embeddings; their order does not matter.

        Args:
            embeddings: float32 (n, dim), unit rows; n may be 0.

        Returns:
            The centering, weighted by n; with no rows it changes nothing.

        Cost: one pass over the rows. Source: DESIGN.md, section 5.
        """
        # float64: a sum of a million float32 rows loses its last digits.
        return cls.of_sum(embeddings.sum(axis=0, dtype=np.float64), len(embeddings))

    @classmethod
    def of_sum(cls, total: NDArray[np.float64], n: int) -> "Centering":
        """Make the centering of n embeddings from their sum, for who keeps a running one.

        Args:
            total: float64 (dim,), sum of n unit rows.
        """
        if n == 0:
            return cls(np.zeros(total.shape, np.float32), 0.0)
        return cls((total / n).astype(np.float32), n / (n + PRIOR_IMAGES))

    def apply(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows centered and of unit length again.

        Args:
            embeddings: float32 (n, dim), unit rows.

        Returns:
            float32 (n, dim). A row that centering leaves without length stays zero: it is similar
            to nothing, and never NaN. The input is not changed.

        Cost: one copy, about 1 ms for 1,000 rows of 1,280.
        """
        centered = embeddings - np.float32(self.weight) * self.mean
        lengths = np.sqrt(np.einsum("ij,ij->i", centered, centered))[:, np.newaxis]
        # What rounding leaves of a row equal to the mean is noise; it must not become a direction.
        meaningless = lengths < _LEAST_LENGTH
        centered /= np.where(meaningless, np.float32(1.0), lengths)
        centered[meaningless[:, 0]] = 0.0
        return centered

    def lengths(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how long each row is after the mean is taken out, before it is made a unit again.

        With them, the cosine of a centered query q and a row v needs no centered copy of the row:
        it is (q.v - weight q.mean) / length.

        Args:
            embeddings: float32 (n, dim), unit rows; they may be mapped from a file.

        Returns:
            float32 (n,), 0 where `apply` leaves a zero row.

        Cost: one pass over the rows, 80 ms for 100,000 of 1,280; memory 5 MB.
        """
        lengths = np.empty(len(embeddings), np.float32)
        for start in range(0, len(embeddings), _BLOCK_ROWS):
            part = embeddings[start : start + _BLOCK_ROWS] - np.float32(self.weight) * self.mean
            lengths[start : start + _BLOCK_ROWS] = np.sqrt(np.einsum("ij,ij->i", part, part))
        lengths[lengths < _LEAST_LENGTH] = 0.0
        return lengths


_BLOCK_ROWS = 256  # 1.3 MB of 1,280 numbers: stays in a processor's cache
_LEAST_LENGTH = 1e-5  # of unit rows; float32 rounding alone leaves about 1e-7
