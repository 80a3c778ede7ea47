"""What the benchmark of indexes asks about, and from which size on it says that one is faster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.index import Compared, compare, faster_from
from benchmarks.search_vectors import mixed, photos
from similarity.centering import Centering
from tests.similarity.made import groups


def nearest_cosines(vectors: np.ndarray) -> np.ndarray:
    centered = Centering.fit(vectors).apply(vectors)
    products = centered @ centered.T
    np.fill_diagonal(products, -1)
    return products.max(axis=1)


def test_made_vectors_are_unit_rows_and_none_is_a_real_one() -> None:
    real, _ = groups(np.random.default_rng(0), [60, 60], dim=32)
    made = mixed(real, 500, np.random.default_rng(1))
    assert made.shape == (500, 32)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert (made @ real.T).max() < 0.9999
    near = np.median(nearest_cosines(made))
    assert np.median(nearest_cosines(real)) - 0.1 < near < 0.99


def test_photos_are_those_of_the_folders_given(drawn_pictures: Path, tmp_path: Path) -> None:
    assert len(photos([drawn_pictures], drawn=tmp_path)) == 24


def test_faster_means_faster_at_every_larger_size_and_right() -> None:
    def at(times: float, recall: float = 0.99) -> Compared:
        return Compared(recall, 1.0, {"1_query": times}, {})

    assert faster_from({10: at(0.5), 20: at(1.5), 40: at(3.0)}, "1_query") == 20
    assert faster_from({10: at(1.1), 20: at(0.9), 40: at(3.0)}, "1_query") == 40
    assert faster_from({10: at(1.1), 20: at(2.0), 40: at(3.0, 0.97)}, "1_query") == 0


@pytest.mark.parametrize("threads", [1, 2])
def test_an_index_is_built_saved_loaded_and_compared(tmp_path: Path, threads: int) -> None:
    real, _ = groups(np.random.default_rng(0), [700, 700], dim=32)
    compared = compare(real, tmp_path, threads)
    assert compared.recall > 0.95
    assert set(compared.times) == {"1_query", "100_queries", "100_queries_k_100"}
    assert all(value > 0 for value in compared.times.values())
