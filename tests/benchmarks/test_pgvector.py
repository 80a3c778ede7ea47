"""The benchmark of pgvector says what it measured, on a real PostgreSQL."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.index import ASKED, all_but_asked
from benchmarks.pgvector import DRIFT, compare, drifted
from tests.postgresql import CannotRun, postgresql
from tests.similarity.made import groups


@pytest.fixture
def url() -> str:
    try:
        return postgresql().new_database("benchmark")
    except CannotRun as problem:
        pytest.skip(f"PostgreSQL cannot be started here: {problem}")


def vectors() -> np.ndarray:
    return groups(np.random.default_rng(0), [700, 700], dim=32)[0]


def test_a_set_is_written_asked_and_compared_with_what_searches_in_process(url: str) -> None:
    compared = compare(vectors(), url)
    assert compared.recalls["10"] > 0.95
    assert set(compared.recalls) == {"10", "100", "10_drifted"}
    assert {name for name in compared.times if name.startswith("exact")} == {
        "exact_1_query",
        "exact_100_queries",
    }
    assert all(value > 0 for value in (compared.times | compared.seconds).values())


def test_the_mean_is_moved_as_far_as_is_said() -> None:
    searched = all_but_asked(vectors())
    assert len(searched) == 1_400 - ASKED
    before, after = searched.centering, drifted(searched, searched.vectors[0]).centering
    moved = after.weight * after.mean - before.weight * before.mean
    assert np.linalg.norm(moved) == pytest.approx(DRIFT, abs=1e-5)
