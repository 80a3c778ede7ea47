"""Centering, above all in small projects, where a full mean would be nonsense."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.centering import Centering

DIM = 64


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def project(rng: np.random.Generator, *, classes: int, each: int) -> np.ndarray:
    """Embeddings as encoders make them: much in common, classes around it, noise; shuffled in."""
    common = rng.normal(size=DIM) * 1.0
    centers = rng.normal(size=(classes, DIM)) * 0.8
    rows = [common + center + rng.normal(size=(each, DIM)) * 0.5 for center in centers]
    return unit(np.stack(rows, axis=1).reshape(-1, DIM))


def test_a_project_without_images_is_left_as_it_is() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(3, DIM)))
    centering = Centering.fit(np.empty((0, DIM), np.float32))
    assert centering.weight == 0.0
    np.testing.assert_allclose(centering.apply(rows), rows, atol=1e-6)
    assert centering.apply(np.empty((0, DIM), np.float32)).shape == (0, DIM)


def test_it_is_the_plain_definition() -> None:
    rows = unit(np.random.default_rng(1).normal(size=(21, DIM)))
    expected = rows - 21 / (21 + 10) * rows.mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    centered = Centering.fit(rows).apply(rows)
    assert centered.dtype == np.float32
    np.testing.assert_allclose(centered, expected, atol=1e-6)


def test_the_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    rows = unit(rng.normal(size=(40, DIM)))
    one, other = Centering.fit(rows), Centering.fit(rng.permutation(rows))
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-7)


def test_a_running_sum_gives_the_same_as_all_rows_at_once() -> None:
    rows = unit(np.random.default_rng(4).normal(size=(40, DIM)))
    total = rows[:17].sum(axis=0, dtype=np.float64) + rows[17:].sum(axis=0, dtype=np.float64)
    running, whole = Centering.of_sum(total, 40), Centering.fit(rows)
    assert running.weight == whole.weight
    np.testing.assert_allclose(running.mean, whole.mean, atol=1e-7)


@pytest.mark.parametrize("n", [1, 2, 4, 64, 1024])
def test_rows_equal_to_the_mean_stay_finite(n: int) -> None:
    rows = np.repeat(unit(np.random.default_rng(3).normal(size=(1, DIM))), n, axis=0)
    centered = Centering.fit(rows).apply(rows)
    assert np.isfinite(centered).all()
    assert (centered @ centered.T).min() > 0.999


def test_a_row_that_centering_makes_zero_is_similar_to_nothing() -> None:
    rows = unit(np.random.default_rng(4).normal(size=(2, DIM)))
    centered = Centering(rows[0], 1.0).apply(rows)
    assert not centered[0].any()
    assert np.linalg.norm(centered[1]) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("each", [1, 2, 5])
def test_two_images_of_one_class_are_not_opposites_however_small_the_project(each: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        rows = project(rng, classes=1, each=max(2, each))
        centered = Centering.fit(rows).apply(rows)
        assert (centered @ centered.T).min() > 0.2


@pytest.mark.parametrize(("classes", "each"), [(2, 1), (2, 2), (2, 5), (5, 2), (3, 3)])
def test_in_tiny_projects_same_class_stays_nearer_than_other_class(classes: int, each: int) -> None:
    rng = np.random.default_rng(6)
    same, other = [], []
    for _ in range(50):
        rows = project(rng, classes=classes, each=each + 1)
        known, unknown = rows[: classes * each], rows[classes * each :]
        centering = Centering.fit(known)
        cosines = centering.apply(unknown) @ centering.apply(known).T
        alike = np.arange(classes)[:, None] == np.arange(len(known))[None, :] % classes
        same.append(cosines[alike].mean())
        other.append(cosines[~alike].mean())
    assert np.mean(same) > 0.4
    assert np.mean(same) - np.mean(other) > 0.3


def test_a_query_unlike_all_is_less_similar_after_centering_than_before() -> None:
    rng = np.random.default_rng(7)
    rows = project(rng, classes=8, each=16)
    plain = rows[1:] @ rows[0]
    centered = Centering.fit(rows).apply(rows)
    assert np.median(centered[1:] @ centered[0]) < 0.15 < 0.4 < np.median(plain)


def test_the_input_is_not_changed() -> None:
    rows = unit(np.random.default_rng(8).normal(size=(5, DIM)))
    before = rows.copy()
    Centering.fit(rows).apply(rows)
    np.testing.assert_array_equal(rows, before)


def test_lengths_are_those_of_the_rows_without_the_mean() -> None:
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(700, 12)) + 1
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    centering = Centering.fit(vectors)
    vectors[3] = np.float32(centering.weight) * centering.mean
    plain = np.linalg.norm(vectors - np.float32(centering.weight) * centering.mean, axis=1)
    lengths = centering.lengths(vectors)
    np.testing.assert_allclose(lengths, plain, atol=1e-6)
    assert lengths[3] == 0 == centering.apply(vectors)[3].any()
