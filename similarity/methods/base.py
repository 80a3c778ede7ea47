"""What a method promises, and the labels of images as one array."""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Targets: TypeAlias = NDArray[np.float32]
"""float32 (n, labels): 1 where the image of that row carries the label, else 0."""

FloatArray: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = NDArray[np.int64]


class Fitted(Protocol):
    """A method that has seen the labeled images of a project."""

    def scores(self, queries: FloatArray) -> FloatArray:
        """Return float32 (q, labels) in 0..1 for queries (q, dim), centered unit rows.

        A query that is one of the labeled images is compared with itself too; for those,
        ``leave_one_out`` has the honest answer.
        """

    def leave_one_out(self, rows: Rows | None = None) -> FloatArray:
        """Return what the other labeled images say of each one, float32 (n, labels) in 0..1.

        Args:
            rows: int64, only these labeled images, in this order; all by default.
        """


class Method(Protocol):
    """A way to turn labeled embeddings into scores."""

    name: str

    def fit(
        self, vectors: FloatArray, targets: Targets, *, pool: FloatArray | None = None
    ) -> Fitted:
        """Look at the labeled images.

        Args:
            vectors: float32 (n, dim), n at least 1, centered unit rows.
            targets: float32 (n, labels), see ``targets_of``.
            pool: float32 (m, dim), centered unit rows of images without a label; methods that learn
                nothing from them leave them unread.
        """


def targets_of(carried: Sequence[Collection[int]], labels: Sequence[int]) -> Targets:
    """Write the labels of images as an array.

    Args:
        carried: for each image the ids of its labels; ids that are not among ``labels`` are left
            out.
        labels: the id of each column.

    Returns:
        float32 (len(carried), len(labels)) of 0 and 1.
    """
    column = {label: at for at, label in enumerate(labels)}
    targets = np.zeros((len(carried), len(labels)), np.float32)
    for row, ids in enumerate(carried):
        for label in ids:
            if label in column:
                targets[row, column[label]] = 1.0
    return targets


def shares(similarities: FloatArray, *, temperature: float) -> FloatArray:
    """Softmax along the last axis; -inf gets no share, a row of nothing but -inf all zeros."""
    top = similarities.max(axis=-1, keepdims=True, initial=-np.inf)
    with np.errstate(invalid="ignore"):
        weights = np.exp((similarities - top) / np.float32(temperature))
    weights = np.nan_to_num(weights, nan=0.0)
    total = weights.sum(axis=-1, keepdims=True)
    found: FloatArray = (weights / np.where(total > 0, total, 1.0)).astype(np.float32)
    return found
