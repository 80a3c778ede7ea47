"""One vector a label: the mean of its images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from similarity.methods.base import FloatArray, Rows, Targets, shares

_LEAST_LENGTH = 1e-6  # of a sum of unit rows; what rounding leaves is no direction


@dataclass(frozen=True)
class ClassMeans:
    """Compare with the mean of each label's images: steady where a label has few of them.

    score(label) = (share of the label in a softmax over all means) x (similarity of its mean).

    Args:
        temperature: of the softmax.

    Source: nearest class mean, DESIGN.md, section 5; the same rule for the score as the vote's.
    """

    temperature: float = 0.1
    name = "class_means"

    def fit(
        self, vectors: FloatArray, targets: Targets, *, pool: FloatArray | None = None
    ) -> "FittedMeans":
        """Sum the images of each label."""
        sums = targets.T.astype(np.float64) @ vectors
        return FittedMeans(self, vectors, targets, sums)


@dataclass(frozen=True)
class FittedMeans:
    """See ``similarity.methods.base.Fitted``."""

    method: ClassMeans
    vectors: FloatArray
    targets: Targets
    sums: NDArray[np.float64]
    """(labels, dim), of the images that carry the label."""

    def scores(self, queries: FloatArray) -> FloatArray:
        lengths = np.linalg.norm(self.sums, axis=1)
        products = queries @ self.sums.T.astype(np.float32)
        return self._scored(products, np.broadcast_to(lengths, products.shape))

    def leave_one_out(self, rows: Rows | None = None) -> FloatArray:
        some = slice(None) if rows is None else rows
        # float64: what is left of a label without its own row is a small difference, and float32's
        # rounding of a label with one image would pass for a direction.
        vectors, targets = self.vectors[some].astype(np.float64), self.targets[some]
        products = vectors @ self.sums.T
        squares = (self.sums**2).sum(axis=1)
        own = (vectors**2).sum(axis=1, keepdims=True)
        # Without its own row x, the sum s of a label x carries is s - x: its product with x and its
        # squared length follow from s.x, s.s and x.x.
        without = products - targets * own
        lengths = np.sqrt(np.maximum(squares - targets * (2.0 * products - own), 0.0))
        return self._scored(without, lengths)

    def _scored(
        self, products: FloatArray | NDArray[np.float64], lengths: NDArray[np.float64]
    ) -> FloatArray:
        known = lengths > _LEAST_LENGTH
        cosines = np.where(known, products / np.where(known, lengths, 1.0), -np.inf)
        cosines = cosines.astype(np.float32)
        weights = shares(cosines, temperature=self.method.temperature)
        found: FloatArray = weights * np.clip(np.nan_to_num(cosines, neginf=0.0), 0.0, 1.0)
        return found
