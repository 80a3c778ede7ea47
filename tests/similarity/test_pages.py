"""Letting go of mapped rows changes what a process holds, and never what it reads."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import pytest

from similarity import pages
from similarity.centering import Centering
from similarity.index import ExactIndex, Searched
from similarity.index import exact as exact_module
from similarity.pages import let_go

N, DIM = 40_000, 128


@pytest.fixture
def stored() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((N, DIM), np.float32)


@pytest.fixture
def mapped(tmp_path: Path, stored: np.ndarray) -> np.ndarray:
    path = tmp_path / "rows"
    path.write_bytes(stored.tobytes())
    with path.open("rb") as file:
        rows = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    return np.frombuffer(rows, "<f4").reshape(N, DIM)


def mapped_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssFile"))


def test_pages_that_were_looked_at_are_held_until_they_are_let_go(mapped: np.ndarray) -> None:
    before = mapped_mb()
    mapped.sum()
    assert mapped_mb() > before + 15
    let_go(mapped)
    assert mapped_mb() < before + 5


def test_what_is_let_go_reads_as_it_did(mapped: np.ndarray, stored: np.ndarray) -> None:
    mapped.sum()
    for part in (slice(0, 1), slice(7, 5_000), slice(N - 3, N), slice(3, 3)):
        let_go(mapped[part])
        np.testing.assert_array_equal(mapped, stored)


def test_rows_that_are_not_mapped_are_left_as_they_are(stored: np.ndarray) -> None:
    kept = stored.copy()
    let_go(stored)
    let_go(stored[::2])
    np.testing.assert_array_equal(stored, kept)


@pytest.mark.parametrize("largest", [0, 10**9])
def test_gathered_rows_are_those_that_were_asked_for(
    mapped: np.ndarray, stored: np.ndarray, monkeypatch: pytest.MonkeyPatch, largest: int
) -> None:
    monkeypatch.setattr(pages, "LARGE", largest)
    for n in (0, 1, 31, 32, 33, 500):
        which = np.random.default_rng(n).integers(0, N, n)
        np.testing.assert_array_equal(pages.gathered(mapped, which), stored[which])
        np.testing.assert_array_equal(pages.gathered(stored, which), stored[which])


def test_gathering_here_and_there_lets_go_of_what_it_passed(
    mapped: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LARGE", 0)
    let_go(mapped)
    before = mapped_mb()
    pages.gathered(mapped, np.arange(0, N, 40))
    assert mapped_mb() < before + 5


def test_a_search_that_lets_go_finds_what_one_that_does_not_finds(
    mapped: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.flatnonzero(np.random.default_rng(2).random(N) < 0.8)
    centering = Centering.fit(mapped)
    searched = Searched(rows + 1, rows, mapped, centering)
    queries = centering.apply(np.random.default_rng(3).standard_normal((5, DIM), np.float32))
    plain = ExactIndex(searched).search(queries, k=7)
    monkeypatch.setattr(exact_module, "LARGE", 0)
    index = ExactIndex(searched)
    index.search(queries, k=7)
    let_go(mapped)
    before = mapped_mb()
    found = index.search(queries, k=7)
    assert mapped_mb() < before + 5
    np.testing.assert_array_equal(found.image_ids, plain.image_ids)
    np.testing.assert_array_equal(found.similarities, plain.similarities)
