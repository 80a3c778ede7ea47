"""Labels spread over a graph: against the spreading itself, step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from similarity.methods import Graph, NeighbourVote

from ..made import groups, one_hot, unit


def spread_until_still(nodes: np.ndarray, known: np.ndarray, method: Graph) -> np.ndarray:
    """F <- flow S F + (1 - flow) Y again and again; S from the k nearest of each, both ways."""
    n = len(nodes)
    cosines = nodes.astype(float) @ nodes.T.astype(float)
    weights = np.zeros((n, n))
    for one in range(n):
        others = sorted((o for o in range(n) if o != one), key=lambda o: (-cosines[one, o], o))
        for other in others[: method.k]:
            edge = math.exp((max(0.0, cosines[one, other]) - 1) / method.temperature)
            weights[one, other] = weights[other, one] = max(weights[one, other], edge)
    degree = weights.sum(axis=1)
    normal = weights / np.sqrt(np.outer(degree, degree))
    held = known.astype(float)
    for _ in range(600):
        held = method.flow * normal @ held + (1 - method.flow) * known
    return held


def as_shares(rows: np.ndarray) -> np.ndarray:
    total = rows.sum(axis=1, keepdims=True)
    return rows / np.where(total > 0, total, 1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", [Graph(), Graph(k=3, flow=0.5, temperature=0.3)], ids=repr)
def test_leaving_one_out_is_spreading_without_its_label(seed: int, method: Graph) -> None:
    vectors, group = groups(np.random.default_rng(seed), [9, 6, 3], noise=0.4)
    targets, pool = one_hot(group[:12], 3), vectors[12:]
    left_out = method.fit(vectors[:12], targets, pool=pool).leave_one_out()
    for row in range(12):
        known = np.vstack((targets, np.zeros((6, 3))))
        known[row] = 0
        plain = as_shares(spread_until_still(vectors, known, method))
        np.testing.assert_allclose(left_out[row], plain[row], atol=2e-4)


def test_a_query_gets_what_its_nearest_nodes_hold() -> None:
    method = Graph(k=4)
    vectors, group = groups(np.random.default_rng(5), [9, 6, 3], noise=0.4)
    targets = one_hot(group[:14], 3)
    found = method.fit(vectors[:14], targets).scores(vectors[14:])
    held = spread_until_still(vectors[:14], targets, method)
    for query, scores in zip(vectors[14:], found, strict=True):
        similar = np.clip(vectors[:14] @ query, 0, 1)
        near = np.argsort(-similar)[:4]
        weights = np.exp(similar[near] / method.temperature)
        plain = as_shares((weights / weights.sum() @ held[near])[np.newaxis])
        np.testing.assert_allclose(scores, plain[0], atol=2e-4)


def test_chains_of_images_without_a_label_lead_on_where_the_vote_is_lost() -> None:
    # Two half circles side by side, one image labeled at one end of each.
    angle = np.linspace(0, np.pi, 60)
    one = np.stack((np.cos(angle), np.sin(angle), np.full(60, 0.3)), axis=1)
    other = np.stack((np.cos(angle), np.sin(angle), np.full(60, -0.3)), axis=1)
    vectors = unit(np.vstack((one, other)))
    truth = np.repeat([0, 1], 60)
    labeled = np.array([0, 119])
    rest = np.setdiff1d(np.arange(120), labeled)
    method = Graph(k=4, flow=0.99, temperature=0.01)
    right = {
        each.name: np.mean(
            each.fit(vectors[labeled], one_hot(truth[labeled]), pool=vectors[rest])
            .scores(vectors[rest])
            .argmax(axis=1)
            == truth[rest]
        )
        for each in (method, NeighbourVote())
    }
    assert right["graph"] > 0.95
    assert right["neighbours"] < 0.7


def test_only_as_many_nodes_as_allowed_labeled_ones_first() -> None:
    vectors, group = groups(np.random.default_rng(6), [30, 30], noise=0.2)
    targets = one_hot(group)
    few = Graph(most_nodes=20).fit(vectors[:50], targets[:50], pool=vectors[50:])
    assert few.nodes.shape[0] == 20
    assert few.known.any(axis=1).all()
    room = Graph(most_nodes=55).fit(vectors[:50], targets[:50], pool=vectors[50:])
    assert [room.nodes.shape[0], int(room.known.any(axis=1).sum())] == [55, 50]


def test_images_beside_the_graph_are_compared_with_those_in_it() -> None:
    vectors, group = groups(np.random.default_rng(7), [20, 20], noise=0.2)
    fitted = Graph(most_nodes=10).fit(vectors, one_hot(group))
    beside = np.setdiff1d(np.arange(40), fitted.labeled)
    np.testing.assert_allclose(
        fitted.leave_one_out(beside), fitted.scores(vectors[beside]), rtol=1e-5
    )
    np.testing.assert_array_equal(fitted.leave_one_out().argmax(axis=1), group)


def test_a_group_of_its_own_is_not_told_its_label_by_rounding() -> None:
    # Eleven twins fill each other's ten edges; one is labeled, the others hold nothing of it.
    far = unit(np.random.default_rng(8).normal(size=(30, 8)) * [0, 1, 1, 1, 1, 1, 1, 1])
    vectors = np.vstack((np.eye(1, 8).repeat(11, axis=0), far)).astype(np.float32)
    labeled = np.array([0, *range(11, 41)])
    targets = one_hot(np.array([0] + [1] * 30))
    fitted = Graph().fit(vectors[labeled], targets, pool=vectors[1:11])
    assert fitted.leave_one_out()[0, 0] == 0.0
