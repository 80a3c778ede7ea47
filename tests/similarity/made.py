"""Made embeddings: groups of unit rows that a method can tell apart, or nearly."""

from __future__ import annotations

import numpy as np


def unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


def groups(
    rng: np.random.Generator, counts: list[int], *, noise: float = 0.25, dim: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows around an axis for each group, mixed, and the group of each."""
    group = np.repeat(np.arange(len(counts)), counts)
    rows = np.eye(len(counts), dim)[group] + rng.normal(scale=noise, size=(len(group), dim))
    order = rng.permutation(len(group))
    return unit(rows)[order], group[order]


def one_hot(group: np.ndarray, labels: int | None = None) -> np.ndarray:
    labels = int(group.max()) + 1 if labels is None else labels
    return (group[:, np.newaxis] == np.arange(labels)).astype(np.float32)
