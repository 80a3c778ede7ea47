"""The head against weighted kernel ridge regression written out, and against solving anew."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.methods import Head, NeighbourVote

from ..made import groups, one_hot, unit


def project(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Uneven labels, several on some images, none on one; a zero row, a twin."""
    rng = np.random.default_rng(seed)
    vectors, group = groups(rng, [14, 6, 3, 2], noise=0.4)
    targets = one_hot(group, 5)
    targets[rng.integers(0, 25, 4), 0] = 1.0
    targets[4] = 0.0
    vectors[5] = 0.0
    vectors[7] = vectors[6]
    return vectors, targets


def plain_weights(targets: np.ndarray) -> np.ndarray:
    """1 over the images of an image's rarest label; no label: as the least of the others."""
    counts = targets.sum(axis=0)
    own = [
        max((1 / counts[label] for label in np.flatnonzero(row)), default=0.0) for row in targets
    ]
    least = min(weight for weight in own if weight)
    weights = np.array([weight or least for weight in own])
    return weights / weights.mean()


def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.exp(one.astype(float) @ other.astype(float).T - 1)


def plain_head(
    queries: np.ndarray,
    vectors: np.ndarray,
    goals: np.ndarray,
    *,
    anchors: np.ndarray,
    weights: np.ndarray,
    jitter: float = 0.0,
) -> np.ndarray:
    """The f = sum of c over anchors that makes sum of w (f - goal)^2 + 0.1 |f|^2 least."""
    across, within = kernel(vectors, anchors), kernel(anchors, anchors)
    system = across.T @ np.diag(weights) @ across + 0.1 * within + jitter * np.eye(len(anchors))
    coefficients = np.linalg.lstsq(system, across.T @ np.diag(weights) @ goals, rcond=None)[0]
    return kernel(queries, anchors) @ coefficients


def clipped(values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 1) * targets.any(axis=0)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_weighted_ridge_regression(seed: int) -> None:
    vectors, targets = project(seed)
    weights = plain_weights(targets)
    mean = np.average(targets, axis=0, weights=weights)
    plain = plain_head(vectors, vectors, targets - mean, anchors=vectors, weights=weights) + mean
    found = Head().fit(vectors, targets).scores(vectors)
    np.testing.assert_allclose(found, clipped(plain, targets), atol=2e-4)


@pytest.mark.parametrize("seed", range(5))
def test_leaving_one_out_is_solving_without_it_with_the_weights_and_mean_of_all(seed: int) -> None:
    vectors, targets = project(seed)
    weights = plain_weights(targets)
    mean = np.average(targets, axis=0, weights=weights)
    left_out = Head().fit(vectors, targets).leave_one_out()
    for row in range(len(vectors)):
        rest = np.delete(np.arange(len(vectors)), row)
        anew = plain_head(
            vectors[[row]],
            vectors[rest],
            (targets - mean)[rest],
            anchors=vectors[rest],
            weights=weights[rest],
        )
        np.testing.assert_allclose(left_out[row], clipped(anew + mean, targets)[0], atol=2e-4)


@pytest.mark.parametrize("seed", range(5))
def test_with_landmarks_it_is_the_same_over_their_span_left_out_too(seed: int) -> None:
    vectors, targets = project(seed)
    method = Head(most_exact=10, landmarks=8)
    fitted = method.fit(vectors, targets)
    assert fitted.anchors.shape == (8, 16)
    weights = plain_weights(targets)
    mean = np.average(targets, axis=0, weights=weights)
    knobs = {"anchors": fitted.anchors, "jitter": 1e-3}
    plain = plain_head(vectors, vectors, targets - mean, weights=weights, **knobs)
    np.testing.assert_allclose(fitted.scores(vectors), clipped(plain + mean, targets), atol=2e-3)
    left_out = fitted.leave_one_out()
    for row in range(len(vectors)):
        rest = np.delete(np.arange(len(vectors)), row)
        anew = plain_head(
            vectors[[row]], vectors[rest], (targets - mean)[rest], weights=weights[rest], **knobs
        )
        np.testing.assert_allclose(left_out[row], clipped(anew + mean, targets)[0], atol=2e-3)


def test_landmarks_keep_every_label_and_take_the_rare_ones_whole() -> None:
    vectors, group = groups(np.random.default_rng(0), [60, 30, 4, 1])
    fitted = Head(most_exact=10, landmarks=20).fit(vectors, one_hot(group))
    rows = [int(np.flatnonzero((vectors == anchor).all(axis=1))[0]) for anchor in fitted.anchors]
    assert len(set(rows)) == 20
    assert np.bincount(group[rows]).tolist()[2:] == [4, 1]
    assert rows == sorted(rows)


def test_as_many_landmarks_as_images_is_nearly_the_exact_solution() -> None:
    vectors, group = groups(np.random.default_rng(0), [40, 40, 40], noise=0.5)
    targets = one_hot(group)
    exact = Head().fit(vectors, targets)
    spanned = Head(most_exact=119, landmarks=120).fit(vectors, targets)
    np.testing.assert_allclose(spanned.scores(vectors), exact.scores(vectors), atol=0.02)
    np.testing.assert_allclose(spanned.leave_one_out(), exact.leave_one_out(), atol=0.05)


def test_a_rare_label_is_not_drowned_by_a_frequent_one() -> None:
    rng = np.random.default_rng(0)
    vectors, group = groups(rng, [300, 6], noise=0.3)
    asked, truth = groups(rng, [200, 200], noise=0.3)
    targets = one_hot(group)
    found = Head().fit(vectors, targets).scores(asked)
    alike = plain_head(
        asked, vectors, targets - targets.mean(axis=0), anchors=vectors, weights=np.ones(306)
    )
    right, drowned = (
        np.mean(each.argmax(axis=1) == truth) for each in (found, alike + targets.mean(axis=0))
    )
    assert right > drowned + 0.05


def test_it_tells_more_than_the_vote_where_labels_overlap() -> None:
    rng = np.random.default_rng(1)
    vectors, group = groups(rng, [100] * 6, noise=0.3, dim=64)
    targets = one_hot(group[:150], 6)
    right = {
        method.name: np.mean(
            method.fit(vectors[:150], targets).scores(vectors[150:]).argmax(axis=1) == group[150:]
        )
        for method in (Head(), NeighbourVote())
    }
    assert right["head"] > right["neighbours"] + 0.03


def test_identical_images_of_different_labels_are_a_draw() -> None:
    vectors = unit(np.ones((4, 3)))
    found = Head().fit(vectors, one_hot(np.array([0, 1, 0, 1]))).scores(vectors)
    np.testing.assert_allclose(found, 0.5, atol=1e-4)
