"""What to label first, against the plain definition."""

from __future__ import annotations

import numpy as np
import pytest

from similarity import first
from similarity.centering import Centering
from similarity.first import first_to_label, sampled, spread_batch


def plain_choice(
    vectors: np.ndarray, n: int, candidates: list[int], labeled: list[int], weights: list[float]
) -> list[int]:
    """What the choice means: every gain of every row, computed anew for each image chosen."""

    def cover(a: int, b: int) -> float:
        return float(np.clip(vectors[a] @ vectors[b], 0, 1))

    by = {row: max((cover(row, other) for other in labeled), default=0.0) for row in candidates}
    chosen: list[int] = []
    while len(chosen) < min(n, len(candidates)):
        gains = {
            row: sum(
                weight * max(0.0, cover(row, other) - by[other])
                for other, weight in zip(candidates, weights, strict=True)
            )
            for row in candidates
            if row not in chosen
        }
        best = min(gains, key=lambda row: (-gains[row], row))
        chosen.append(best)
        by = {row: max(by[row], cover(best, row)) for row in candidates}
    return chosen


def whole_numbers(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Rows whose products and sums are exact in float32 and often tied."""
    return rng.integers(-2, 3, shape).astype(np.float32) / 4


def around(rng: np.random.Generator, counts: list[int], spread: float = 0.05) -> np.ndarray:
    """Unit rows in groups, `counts` of them, around axes of their own."""
    rows = np.repeat(np.eye(len(counts), 16), counts, axis=0)
    rows = rows + rng.normal(scale=spread, size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [1, 5, 12, 40])
def test_it_is_the_plain_definition_with_ties_by_row(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = whole_numbers(rng, (30, 5))
    labeled = rng.permutation(30)[: seed * 2]
    candidates = [row for row in range(30) if row not in labeled]
    plain = plain_choice(vectors, n, candidates, labeled.tolist(), [1.0] * len(candidates))
    chosen = first_to_label(vectors, n, labeled_rows=labeled)
    assert chosen.tolist() == plain
    assert chosen.dtype == np.int64


@pytest.mark.parametrize("seed", range(8))
def test_a_spread_batch_is_the_plain_definition_with_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = whole_numbers(rng, (30, 5))
    candidates = np.sort(rng.permutation(30)[:20])
    labeled = np.setdiff1d(np.arange(30), candidates)[:6]
    doubt = (rng.integers(0, 5, 20) / 4).astype(np.float32)
    chosen = spread_batch(vectors, doubt, 9, candidates=candidates, labeled_rows=labeled)
    weights = [1 / 8 + 7 / 8 * each for each in doubt.tolist()]
    plain = plain_choice(vectors, 9, candidates.tolist(), labeled.tolist(), weights)
    assert chosen.tolist() == plain


def test_a_shorter_choice_is_the_beginning_of_a_longer_one() -> None:
    vectors = around(np.random.default_rng(0), [20, 20, 20])
    longer = first_to_label(vectors, 30)
    for n in (1, 7, 29):
        np.testing.assert_array_equal(first_to_label(vectors, n), longer[:n])


def test_every_group_comes_before_any_comes_twice_the_largest_first() -> None:
    counts = [3, 40, 12, 25]
    vectors = around(np.random.default_rng(1), counts)
    group = np.repeat(np.arange(4), counts)
    assert group[first_to_label(vectors, 4)].tolist() == [1, 3, 2, 0]


def test_a_typical_image_of_a_group_comes_and_not_one_at_its_edge() -> None:
    rng = np.random.default_rng(2)
    vectors = around(rng, [60], spread=0.2)
    chosen = first_to_label(vectors, 1)[0]
    similarity = (vectors @ vectors.T).mean(axis=1)
    assert similarity[chosen] > np.quantile(similarity, 0.95)


def test_a_labeled_group_waits_for_the_others() -> None:
    counts = [30, 10, 10]
    vectors = around(np.random.default_rng(3), counts)
    group = np.repeat(np.arange(3), counts)
    chosen = first_to_label(vectors, 2, labeled_rows=np.array([0]))
    assert set(group[chosen].tolist()) == {1, 2}


def test_duplicates_come_last_and_each_row_once() -> None:
    vectors = np.repeat(np.eye(5, 8, dtype=np.float32), 3, axis=0)
    chosen = first_to_label(vectors, 15)
    assert chosen[:5].tolist() == [0, 3, 6, 9, 12]
    assert sorted(chosen.tolist()) == list(range(15))


def test_doubt_is_asked_about_once_and_not_with_all_its_photos() -> None:
    counts = [10, 10, 10]
    vectors = around(np.random.default_rng(4), counts)
    group = np.repeat(np.arange(3), counts)
    doubt = np.array([0.1, 1.0, 0.5], np.float32)[group]
    assert group[spread_batch(vectors, doubt, 3)].tolist() == [1, 2, 0]


def test_without_any_doubt_the_typical_come_first() -> None:
    vectors = around(np.random.default_rng(8), [5, 30, 10])
    chosen = spread_batch(vectors, np.zeros(45, np.float32), 9)
    np.testing.assert_array_equal(chosen, first_to_label(vectors, 9))


def test_vectors_are_centered_when_asked() -> None:
    rng = np.random.default_rng(5)
    vectors = around(rng, [10, 20, 5]) + np.float32(1.0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    centering = Centering.fit(vectors)
    np.testing.assert_array_equal(
        first_to_label(vectors, 9, centering=centering, labeled_rows=np.array([3])),
        first_to_label(centering.apply(vectors), 9, labeled_rows=np.array([3])),
    )


def test_more_than_the_most_are_represented_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first, "MOST_CANDIDATES", 40)
    vectors = around(np.random.default_rng(6), [100, 100, 100])
    group = np.repeat(np.arange(3), 100)
    chosen = first_to_label(vectors, 60)
    assert len(set(chosen.tolist())) == 40
    assert set(group[chosen[:3]].tolist()) == {0, 1, 2}
    np.testing.assert_array_equal(chosen, first_to_label(vectors, 60))
    doubt = (group == 1).astype(np.float32)
    assert group[spread_batch(vectors, doubt, 10)[0]] == 1


def test_many_labeled_rows_are_compared_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = around(np.random.default_rng(7), [40, 40, 40], spread=0.2)
    labeled = np.arange(0, 120, 2)
    whole = first_to_label(vectors, 20, labeled_rows=labeled)
    monkeypatch.setattr(first, "BLOCK_ROWS", 7)
    np.testing.assert_array_equal(first_to_label(vectors, 20, labeled_rows=labeled), whole)


def test_a_sample_has_each_row_once_and_is_the_same_each_time() -> None:
    rows = np.array([9, 4, 4, 7, 1])
    assert sampled(rows, 10).tolist() == [1, 4, 7, 9]
    some = sampled(np.arange(1_000), 100)
    assert len(np.unique(some)) == 100
    np.testing.assert_array_equal(some, sampled(np.arange(1_000)[::-1], 100))
    assert 400 < some.mean() < 600


def test_an_image_without_a_direction_comes_last_and_nothing_breaks() -> None:
    vectors = np.vstack((np.zeros((1, 8)), np.eye(3, 8))).astype(np.float32)
    assert first_to_label(vectors, 9).tolist() == [1, 2, 3, 0]
    assert first_to_label(np.empty((0, 8), np.float32), 5).tolist() == []


def test_wrong_arguments_are_refused() -> None:
    vectors = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="at least 1"):
        first_to_label(vectors, 0)
    with pytest.raises(ValueError, match="uncertainties"):
        spread_batch(vectors, np.ones(2, np.float32), 1)


def share_right(vectors: np.ndarray, group: np.ndarray, labeled: np.ndarray) -> float:
    """How many of the others have the label of the labeled image nearest to them."""
    others = np.setdiff1d(np.arange(len(group)), labeled)
    nearest = labeled[(vectors[others] @ vectors[labeled].T).argmax(axis=1)]
    return float(np.mean(group[nearest] == group[others]))


@pytest.mark.parametrize("n", [3, 6, 12, 25, 60])
def test_it_is_better_than_random_on_uneven_groups(n: int) -> None:
    counts = [90, 60, 40, 25, 15, 10, 6, 4]
    group = np.repeat(np.arange(8), counts)
    rng = np.random.default_rng(9)
    vectors = around(rng, counts, spread=0.2)
    by_chance = [share_right(vectors, group, rng.permutation(250)[:n]) for _ in range(30)]
    assert share_right(vectors, group, first_to_label(vectors, n)) > np.mean(by_chance)
