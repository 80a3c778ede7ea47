"""Thresholds per label: beside a slow plain definition, and on photos of playing cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import thresholds
from similarity.thresholds import PRIOR_EXAMPLES, choose_thresholds, micro_f1

Cards = tuple[np.ndarray, np.ndarray]


def slow_best(scores: list[float], truth: list[int], otherwise: float) -> float:
    """The best of 1 %, 2 % ... 100 %, tried one after the other."""
    f1 = []
    for percent in range(1, 101):
        ticked = [round(score * 1000) >= percent * 10 for score in scores]
        right = sum(t and u == 1 for t, u in zip(ticked, truth, strict=True))
        wrong = sum(t and u == 0 for t, u in zip(ticked, truth, strict=True))
        missed = sum(not t and u == 1 for t, u in zip(ticked, truth, strict=True))
        f1.append(2 * right / max(1, 2 * right + wrong + missed))
    if max(f1) == 0:
        return otherwise
    runs: list[list[int]] = []
    for at, value in enumerate(f1):
        if value == max(f1):
            if runs and runs[-1][-1] == at - 1:
                runs[-1].append(at)
            else:
                runs.append([at])
    longest = max(runs, key=len)
    return (sum(longest) / len(longest) + 1) / 100


def slow_thresholds(scores: np.ndarray, truth: np.ndarray) -> tuple[float, list[float]]:
    common = slow_best(scores.ravel().tolist(), truth.ravel().tolist(), 0.3)
    chosen = []
    for label in range(scores.shape[1]):
        own = slow_best(scores[:, label].tolist(), truth[:, label].tolist(), common)
        examples = int((truth[:, label] == 1).sum())
        mixed = (examples * own + PRIOR_EXAMPLES * common) / (examples + PRIOR_EXAMPLES)
        chosen.append(round(mixed, 3))
    return common, chosen


@pytest.mark.parametrize("seed", range(30))
def test_thresholds_are_those_of_the_slow_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, labels = int(rng.integers(1, 40)), int(rng.integers(1, 6))
    truth = rng.choice(np.array([-1, 0, 1], np.int8), size=(n, labels), p=[0.2, 0.5, 0.3])
    scores = np.clip(rng.normal(0.2 + 0.2 * (truth == 1), 0.2), 0, 1).astype(np.float32)
    scores = (scores * 1000).round().astype(np.float32) / np.float32(1000)
    chosen = choose_thresholds(scores, truth)
    common, per_label = slow_thresholds(scores, truth)
    assert chosen.common == pytest.approx(common, abs=1e-9)
    assert chosen.per_label.tolist() == pytest.approx(per_label, abs=1.1e-3)
    assert chosen.examples.tolist() == (truth == 1).sum(axis=0).tolist()


def test_a_label_with_few_examples_stays_near_the_common_threshold() -> None:
    """One image that scored 90 % must not make 90 % its label's threshold."""
    truth = np.zeros((60, 2), np.int8)
    truth[:30, 0] = 1
    truth[59, 1] = 1
    scores = np.full((60, 2), 0.05, np.float32)
    scores[:30, 0] = 0.25
    scores[59, 1] = 0.9
    common, (often, once), _ = choose_thresholds(scores, truth)
    assert 0.05 < common <= 0.25
    assert abs(often - common) < 0.01
    assert abs(once - common) < 0.02


def test_labels_with_many_examples_get_thresholds_of_their_own() -> None:
    """Where one label scores 10 % and another 60 %, no common threshold serves both."""
    rng = np.random.default_rng(0)
    truth = (rng.random((2000, 2)) < 0.4).astype(np.int8)
    low = np.where(truth[:, 0] == 1, rng.uniform(0.10, 0.2, 2000), rng.uniform(0, 0.09, 2000))
    high = np.where(truth[:, 1] == 1, rng.uniform(0.6, 0.9, 2000), rng.uniform(0, 0.5, 2000))
    scores = np.stack([low, high], axis=1).astype(np.float32)
    chosen = choose_thresholds(scores, truth)
    alone = micro_f1(scores >= chosen.common, truth)
    assert micro_f1(scores >= chosen.per_label, truth) > max(0.95, alone + 0.05)


def test_unknown_labels_count_nowhere() -> None:
    scores = np.array([[0.5], [0.4], [0.9]], np.float32)
    known = choose_thresholds(scores[:2], np.array([[1], [0]], np.int8))
    assert choose_thresholds(scores, np.array([[1], [0], [-1]], np.int8)) == known
    assert micro_f1(scores >= 0.45, np.array([[1], [0], [-1]], np.int8)) == 1.0


def test_a_score_reaches_the_threshold_it_is_equal_to() -> None:
    """0.29 in float32 times 100 is less than 29."""
    scores = np.array([[0.29], [0.28]], np.float32)
    chosen = choose_thresholds(scores, np.array([[1], [0]], np.int8))
    assert chosen.common == pytest.approx(0.29)


def test_without_any_hit_the_given_threshold_stays() -> None:
    nothing = np.zeros((5, 2), np.float32)
    chosen = choose_thresholds(nothing, np.ones((5, 2), np.int8), otherwise=0.4)
    assert chosen.common == 0.4
    assert chosen.per_label.tolist() == pytest.approx([0.4, 0.4])
    empty = choose_thresholds(np.empty((0, 3), np.float32), np.empty((0, 3), np.int8))
    assert empty.per_label.tolist() == pytest.approx([0.3] * 3)


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="same shape"):
        choose_thresholds(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.int8))


def test_micro_f1_counts_all_labels_together() -> None:
    ticked = np.array([[True, False], [True, True]])
    truth = np.array([[1, 1], [0, 1]], np.int8)
    assert micro_f1(ticked, truth) == pytest.approx(2 * 2 / (3 + 3))
    assert micro_f1(ticked, np.zeros_like(truth)) == 0.0
    assert micro_f1(np.zeros((0, 2), bool), np.zeros((0, 2), np.int8)) == 0.0


@pytest.fixture(scope="module")
def cards(shared_data: Path, encoder_folder: Path) -> Cards:
    folder = shared_data / "cards_multilabel"
    return thresholds.read(folder / "images", folder / "labels.csv", encoder_folder)


@pytest.mark.parametrize("labeled", [20, 70, 100])
def test_playing_cards_get_better_labels_than_with_thirty_percent(
    cards: Cards, labeled: int
) -> None:
    """On the photos that the thresholds were not chosen from, at each of ten draws."""
    f1 = np.array([thresholds.measure(*cards, labeled, seed) for seed in range(10)])
    plain, single, per_label = f1.T
    assert len(cards[1]) == 140
    assert (per_label > plain).all()
    assert per_label.mean() > plain.mean() + 0.15
    assert per_label.mean() > single.mean() - 0.01
