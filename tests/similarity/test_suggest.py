"""The vote, against its plain definition, and the ticks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from similarity.suggest import Suggestion, doubt, ticked, vote


def plain_scores(similarities: list[float], carried: list[set[int]]) -> dict[int, float]:
    """The definition as it stands in the design, label by label."""
    hits = [(s, c) for s, c in zip(similarities, carried, strict=True) if c]
    exps = [math.exp(s / 0.1) for s, _ in hits]
    scores = {}
    for label in {label for _, c in hits for label in c}:
        share = sum(e for e, (_, c) in zip(exps, hits, strict=True) if label in c) / sum(exps)
        best = max(s for s, c in hits if label in c)
        scores[label] = 100 * share * best
    return scores


@pytest.mark.parametrize("seed", range(40))
def test_the_vote_is_the_plain_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 30))
    similarities = np.sort(rng.random(k).astype(np.float32))[::-1]
    carried = [set(rng.integers(0, 6, rng.integers(0, 4)).tolist()) for _ in range(k)]
    suggestions = vote(similarities, carried)
    plain = plain_scores(similarities.tolist(), carried)
    assert {each.label for each in suggestions} == set(plain)
    for each in suggestions:
        assert each.score == pytest.approx(plain[each.label], abs=0.0501)
    scores = [each.score for each in suggestions]
    assert scores == sorted(scores, reverse=True)


def test_one_hit_gives_its_similarity() -> None:
    assert vote([0.734], [{3}]) == [Suggestion(3, 73.4)]


def test_hits_of_one_label_give_the_similarity_of_the_best() -> None:
    assert vote([0.8, 0.3, 0.1], [{3}, {3}, {3}]) == [Suggestion(3, 80.0)]


def test_nothing_similar_scores_zero_and_not_nan() -> None:
    assert vote([0.0, 0.0], [{1}, {2}]) == [Suggestion(1, 0.0), Suggestion(2, 0.0)]


def test_a_hit_with_several_labels_gives_its_whole_share_to_each() -> None:
    assert vote([0.5], [{1, 2}]) == [Suggestion(1, 50.0), Suggestion(2, 50.0)]


def test_a_hit_without_labels_takes_no_share() -> None:
    assert vote([0.9, 0.5, 0.0], [(), {1}, ()]) == [Suggestion(1, 50.0)]


def test_no_hits_and_no_labels_give_no_suggestion() -> None:
    assert vote([], []) == []
    assert vote(np.zeros(3, np.float32), [(), (), ()]) == []


def test_two_identical_images_of_two_labels_share_the_vote() -> None:
    assert vote([1.0, 1.0], [{7}, {5}]) == [Suggestion(5, 50.0), Suggestion(7, 50.0)]


def test_ties_go_to_the_nearer_hit_and_then_to_the_lower_id() -> None:
    # 0.001 apart: both round to the same score, and the label of the nearer hit comes first.
    assert [each.label for each in vote([0.0002, 0.0001], [{9}, {1}])] == [9, 1]
    assert [each.label for each in vote([0.4, 0.4], [{9}, {1}])] == [1, 9]


def test_the_order_of_the_hits_does_not_matter() -> None:
    forth = vote([0.9, 0.6, 0.5], [{1}, {2}, {1, 2}])
    assert forth == vote([0.5, 0.9, 0.6], [{1, 2}, {1}, {2}])


def test_hits_and_labels_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        vote([0.9], [])


SUGGESTIONS = [Suggestion(4, 30.0), Suggestion(2, 30.0), Suggestion(1, 29.9)]


@pytest.mark.parametrize(
    ("threshold", "top_only", "expected"),
    [
        (30, False, (4, 2)),
        (30, True, (4,)),
        (30.1, False, ()),
        (30.1, True, ()),
        (0, False, (4, 2, 1)),
    ],
)
def test_a_score_equal_to_the_threshold_is_ticked(
    threshold: float, top_only: bool, expected: tuple[int, ...]
) -> None:
    assert ticked(SUGGESTIONS, threshold=threshold, top_only=top_only) == expected


def test_what_is_shown_as_thirty_is_ticked_at_thirty() -> None:
    assert ticked(vote([0.29996], [{1}]), threshold=30, top_only=True) == (1,)


def test_nothing_suggested_is_nothing_ticked() -> None:
    assert ticked([], threshold=0, top_only=True) == ()


def plain_doubt(similarities: list[float], carried: list[set[int]], *, single: bool) -> float:
    """The definition, label by label."""
    hits = [(s, c) for s, c in zip(similarities, carried, strict=True) if c]
    exps = [math.exp(s / 0.1) for s, _ in hits]
    shares = [
        sum(e for e, (_, c) in zip(exps, hits, strict=True) if label in c) / sum(exps)
        for label in {label for _, c in hits for label in c}
    ]
    if not shares:
        return 1.0
    if not single:
        return max(2 * min(p, 1 - p) for p in shares)
    best = max(shares)
    shares.remove(best)
    return 1 - (best - max(shares, default=0))


@pytest.mark.parametrize("single", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_doubt_is_its_plain_definition(seed: int, single: bool) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(0, 15))
    similarities = rng.random(k).astype(np.float32)
    most = 2 if single else 4
    carried = [set(rng.integers(0, 4, rng.integers(0, most)).tolist()) for _ in range(k)]
    found = doubt(similarities, carried, single=single)
    plain = plain_doubt(similarities.tolist(), carried, single=single)
    assert found == pytest.approx(plain, abs=1e-9)
    assert 0.0 <= found <= 1.0


@pytest.mark.parametrize("single", [True, False])
def test_there_is_no_doubt_where_all_agree_and_all_doubt_where_nobody_votes(single: bool) -> None:
    assert doubt([0.1] * 7, [{1}] * 7, single=single) == 0.0
    assert doubt([0.5, 0.5], [{1}, {2}], single=single) == 1.0
    assert doubt([], [], single=single) == doubt([0.4], [()], single=single) == 1.0
    near, far = (doubt([0.9, s], [{1}, {2}], single=single) for s in (0.8, 0.5))
    assert near > far > 0.0


def test_several_labels_that_all_carry_are_no_doubt() -> None:
    assert doubt([0.9, 0.3, 0.2], [{1, 2}, {1, 2}, ()], single=False) == 0.0


def test_doubt_with_too_few_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        doubt([0.1, 0.2], [{1}], single=True)
