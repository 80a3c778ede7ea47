"""The vote over many queries at once, against the vote of one, and against fitting anew."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.methods import NeighbourVote
from similarity.methods.neighbour_vote import count_votes
from similarity.neighbours import Hits, nearest
from similarity.suggest import vote

from ..made import one_hot, unit


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("labels", [1, 3, 7])
def test_votes_are_those_of_one_query_at_a_time(seed: int, labels: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.normal(size=(25, 6)))
    targets = (rng.random((25, labels)) < 0.4).astype(np.float32)
    targets[np.arange(25), rng.integers(0, labels, 25)] = 1.0
    hits = nearest(unit(rng.normal(size=(9, 6))), vectors, k=40 if seed == 0 else 10)
    found = count_votes(hits, targets, temperature=0.1)
    for rows, similarities, scores in zip(*hits, found, strict=True):
        carried = [np.flatnonzero(targets[row]).tolist() if row >= 0 else () for row in rows]
        plain = dict(vote(similarities, carried))
        for label, score in enumerate(scores):
            assert 100 * score == pytest.approx(plain.get(label, 0.0), abs=0.051)


def test_no_hit_gives_no_score() -> None:
    none = Hits(np.full((2, 3), -1), np.zeros((2, 3), np.float32))
    assert not count_votes(none, np.ones((4, 2), np.float32), temperature=0.1).any()
    assert not count_votes(none, np.ones((0, 2), np.float32), temperature=0.1).any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("method", [NeighbourVote(1), NeighbourVote(4, 0.05), NeighbourVote(99)])
def test_leaving_one_out_is_fitting_without_it(seed: int, method: NeighbourVote) -> None:
    rng = np.random.default_rng(seed)
    # Products exact in float32 and often tied; some rows zero, some twice, some unlabeled.
    vectors = rng.integers(-1, 2, (20, 4)).astype(np.float32) / 2
    targets = (rng.random((20, 3)) < 0.4).astype(np.float32)
    left_out = method.fit(vectors, targets).leave_one_out()
    for row in range(20):
        without = np.delete(np.arange(20), row)
        anew = method.fit(vectors[without], targets[without]).scores(vectors[[row]])
        np.testing.assert_allclose(left_out[row], anew[0], rtol=1e-5, atol=1e-7)


def test_images_without_a_label_do_not_crowd_out_those_with_one() -> None:
    vectors = np.eye(1, 4, dtype=np.float32).repeat(6, axis=0)
    targets = one_hot(np.array([2, 2, 2, 2, 2, 0]), 3)[:, :2]
    assert NeighbourVote(3).fit(vectors, targets).scores(vectors[:1]).tolist() == [[1.0, 0.0]]


def test_fewer_hits_can_be_counted_out_of_one_search() -> None:
    rng = np.random.default_rng(0)
    vectors, targets = unit(rng.normal(size=(30, 5))), one_hot(rng.integers(0, 3, 30))
    wide = NeighbourVote(20).fit(vectors, targets)
    narrow = NeighbourVote(5, 0.2)
    rows = np.array([4, 2, 29])
    np.testing.assert_allclose(
        wide.counted(wide.hits_of_others(rows), narrow),
        narrow.fit(vectors, targets).leave_one_out(rows),
        rtol=1e-5,
    )
