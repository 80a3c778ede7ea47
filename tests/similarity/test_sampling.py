"""Some rows of many."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.sampling import evenly


@pytest.mark.parametrize(("n", "most"), [(0, 3), (1, 1), (3, 3), (2, 10)])
def test_of_few_all_are_taken(n: int, most: int) -> None:
    assert evenly(n, most).tolist() == list(range(n))


@pytest.mark.parametrize(("n", "most"), [(4, 3), (100, 7), (1_001, 1_000), (10_000, 2)])
def test_of_many_so_many_are_taken_once_each_with_both_ends(n: int, most: int) -> None:
    rows = evenly(n, most)
    assert len(set(rows.tolist())) == most
    assert (rows[0], rows[-1]) == (0, n - 1)
    assert np.ptp(np.diff(rows)) <= 1
