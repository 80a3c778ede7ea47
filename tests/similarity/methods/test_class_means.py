"""Class means against their plain definition, and against fitting anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from similarity.methods import ClassMeans

from ..made import groups, one_hot, unit


def plain_scores(
    query: np.ndarray, vectors: np.ndarray, targets: np.ndarray, temperature: float
) -> list[float]:
    """What class means are: one label after another, in float64."""
    cosines = {}
    for label in range(targets.shape[1]):
        own = vectors[targets[:, label] > 0].astype(float)
        length = np.linalg.norm(own.sum(axis=0)) if len(own) else 0.0
        if length > 1e-6:
            cosines[label] = float(query @ own.sum(axis=0)) / length
    total = sum(math.exp(cosine / temperature) for cosine in cosines.values())
    return [
        math.exp(cosines[label] / temperature) / total * max(0.0, cosines[label])
        if label in cosines
        else 0.0
        for label in range(targets.shape[1])
    ]


def project(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of one, two and many images, several on some, none on some; a zero row, a twin."""
    rng = np.random.default_rng(seed)
    vectors, group = groups(rng, [12, 6, 2, 1], noise=0.4)
    targets = one_hot(group, 5)
    targets[rng.integers(0, 21, 3), 0] = 1.0
    targets[4] = 0.0
    vectors[5] = 0.0
    vectors[7] = vectors[6]
    return vectors, targets


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("temperature", [0.05, 0.1])
def test_scores_are_the_plain_definition(seed: int, temperature: float) -> None:
    vectors, targets = project(seed)
    fitted = ClassMeans(temperature).fit(vectors, targets)
    for query, found in zip(vectors, fitted.scores(vectors), strict=True):
        plain = plain_scores(query, vectors, targets, temperature)
        np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_leaving_one_out_is_fitting_without_it(seed: int) -> None:
    vectors, targets = project(seed)
    left_out = ClassMeans().fit(vectors, targets).leave_one_out()
    for row in range(len(vectors)):
        without = np.delete(np.arange(len(vectors)), row)
        anew = ClassMeans().fit(vectors[without], targets[without]).scores(vectors[[row]])
        np.testing.assert_allclose(left_out[row], anew[0], rtol=1e-4, atol=1e-6)


def test_rounding_leaves_no_direction_of_a_label_with_one_image() -> None:
    # In float32 what is left of such a label is noise that took a share of the softmax.
    vectors = unit(np.random.default_rng(0).normal(size=(200, 1_280)))
    targets = one_hot(np.arange(200))
    assert not ClassMeans().fit(vectors, targets).leave_one_out()[np.eye(200) > 0].any()


def test_opposite_images_have_no_mean() -> None:
    vectors = np.vstack((np.eye(1, 4), -np.eye(1, 4), np.eye(1, 4, 1))).astype(np.float32)
    found = ClassMeans().fit(vectors, one_hot(np.array([0, 0, 1]))).scores(vectors)
    assert not found[:, 0].any()
    assert found[2, 1] == 1.0
