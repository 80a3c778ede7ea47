"""Wrong labels: found where the neighbours say otherwise, the surest first, with honest odds."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.calibration import calibration_error
from similarity.disagreement import (
    JUDGE,
    LEAST_LABELED,
    LEAST_PROBABILITY,
    MOST_PROBABILITY,
    Suspects,
    find_suspects,
    judged_labels,
    wrong_probabilities,
    wrong_rate,
)

DIM = 24


def clusters(
    *, number: int, labels: int = 4, spread: float = 0.12, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around as many middles as there are labels, and the number of each one's."""
    rng = np.random.default_rng(seed)
    middles = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0][:labels]
    true = np.arange(number) % labels
    vectors = middles[true] + rng.normal(scale=spread, size=(number, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), true


def flipped(true: np.ndarray, rows: list[int], labels: int = 4) -> np.ndarray:
    """Targets in which these rows carry the next label instead of their own."""
    given = true.copy()
    given[rows] = (given[rows] + 1) % labels
    return np.eye(labels, dtype=np.float32)[given]


def suspects(vectors: np.ndarray, targets: np.ndarray) -> Suspects:
    return find_suspects(JUDGE.fit(vectors, targets).leave_one_out(), targets)


def test_flipped_labels_come_first_with_their_own_label_suggested() -> None:
    vectors, true = clusters(number=200)
    wrong = [3, 50, 101, 148, 199]
    targets = flipped(true, wrong)
    found = suspects(vectors, targets)
    assert sorted(found.rows[:5].tolist()) == wrong
    assert (found.suggested[:5] == true[found.rows[:5]]).all()
    assert (found.given[:5] == (true[found.rows[:5]] + 1) % 4).all()
    assert (found.probabilities[:5] > 0.5).all()
    assert (np.diff(found.probabilities) <= 1e-12).all(), "the surest first"


def test_where_every_label_fits_none_looks_wrong() -> None:
    vectors, true = clusters(number=200)
    assert len(suspects(vectors, flipped(true, [])).rows) == 0


def test_wrong_labels_all_of_one_kind_are_found_too() -> None:
    """None of them stands as high as the highest planted ones: the rate would be read as 0."""
    vectors, true = clusters(number=100, labels=3)
    wrong = [0, 3, 6, 9, 12]
    found = suspects(vectors, flipped(true, wrong, 3))
    assert sorted(found.rows[:5].tolist()) == wrong


def test_the_list_is_the_same_each_time_and_ties_stand_by_row() -> None:
    vectors, true = clusters(number=60)
    vectors[8] = vectors[4]  # the same picture twice, both wrong
    targets = flipped(true, [4, 8])
    one, other = suspects(vectors, targets), suspects(vectors, targets)
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    scores = np.tile(np.float32([0.9, 0.1]), (40, 1))
    tied = np.tile(np.float32([1, 0]), (40, 1))
    tied[[30, 7, 21]] = [0, 1]
    assert find_suspects(scores, tied).rows.tolist() == [7, 21, 30]


def test_below_20_images_nothing_is_said() -> None:
    vectors, true = clusters(number=LEAST_LABELED)
    targets = flipped(true, [3])
    assert suspects(vectors, targets).rows[0] == 3
    assert len(suspects(vectors[:-1], targets[:-1]).rows) == 0


def test_with_one_label_there_is_no_other_to_suggest() -> None:
    vectors, _ = clusters(number=60)
    assert len(suspects(vectors, np.ones((60, 1), np.float32)).rows) == 0


def test_a_label_that_one_image_carries_is_not_judged() -> None:
    vectors, true = clusters(number=80)
    targets = np.pad(flipped(true, []), ((0, 0), (0, 1)))
    targets[5] = [0, 0, 0, 0, 1]
    assert not judged_labels(targets)[5].any()
    assert judged_labels(targets)[6].tolist() == [False, False, True, False, False]
    assert 5 not in suspects(vectors, targets).rows


def test_of_several_labels_the_one_that_does_not_fit_is_named() -> None:
    rng = np.random.default_rng(3)
    middles = np.linalg.qr(rng.normal(size=(DIM, DIM)))[0][:4]
    carried = np.array([[a, b] for a in range(4) for b in range(a)] * 25)
    vectors = middles[carried].sum(axis=1) + rng.normal(scale=0.1, size=(len(carried), DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    targets = np.zeros((len(carried), 4), np.float32)
    np.put_along_axis(targets, carried, 1.0, axis=1)
    targets[0] = [1, 0, 1, 0]  # was 0 and 1
    found = suspects(vectors, targets)
    assert (found.rows[0], found.given[0], found.suggested[0]) == (0, 2, 1)


def test_an_image_that_carries_every_label_is_never_listed() -> None:
    vectors, true = clusters(number=80)
    targets = flipped(true, [])
    targets[11] = 1
    found = suspects(vectors, targets)
    assert 11 not in found.rows


def test_the_rate_is_the_least_that_any_place_allows() -> None:
    rng = np.random.default_rng(5)
    doubt, planted = rng.normal(-1, 1, 150), rng.normal(1, 1, 90)
    ratios = []
    for place in planted:
        above = sum(each >= place for each in planted)
        if above >= 10:
            here = sum(each >= place for each in doubt)
            ratios.append((here + 0.5) / len(doubt) / ((above + 0.5) / len(planted)))
    assert wrong_rate(doubt, planted) == pytest.approx(min(ratios))


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.2])
def test_the_rate_of_wrong_labels_is_found(rate: float) -> None:
    """The least of many ratios comes out somewhat low: better than a promise not kept."""
    rng = np.random.default_rng(6)
    wrong = rng.random(4_000) < rate
    doubt = np.where(wrong, rng.normal(1.5, 0.7, 4_000), rng.normal(-1.5, 0.7, 4_000))
    assert wrong_rate(doubt, rng.normal(1.5, 0.7, 4_000)) == pytest.approx(wrong.mean(), rel=0.25)


def test_promised_probabilities_come_true() -> None:
    """Two overlapping heaps whose truth is known: the promise is compared with it."""
    rng = np.random.default_rng(7)
    wrong = rng.random(6_000) < 0.1
    doubt = np.where(wrong, rng.normal(1, 1, 6_000), rng.normal(-2, 1, 6_000))
    found = wrong_probabilities(doubt, rng.normal(1, 1, 6_000))
    assert calibration_error(found, wrong) < 0.03
    assert found.max() == MOST_PROBABILITY
    assert found.min() < LEAST_PROBABILITY
    order = np.argsort(doubt, kind="stable")
    assert (np.diff(found[order]) >= -1e-12).all(), "more doubt is never less likely wrong"
