"""Places of ids, against looking through them."""

from __future__ import annotations

import numpy as np

from similarity.index.places import Places


def test_the_place_of_an_id_is_where_it_stands() -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(1_000)[:200]
    plain = {number: at for at, number in enumerate(ids.tolist())}
    wanted = rng.integers(-5, 1_005, 500)
    found = Places(ids).of(wanted)
    assert found.tolist() == [plain.get(number, -1) for number in wanted.tolist()]
    assert Places(ids).of(iter(wanted.tolist())).tolist() == found.tolist()


def test_nothing_stands_among_none() -> None:
    assert Places(np.empty(0, np.int64)).of([3, 4]).tolist() == [-1, -1]
    assert Places(np.arange(3)).of([]).tolist() == []
