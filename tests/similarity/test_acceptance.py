"""How many suggestions may be accepted, against plain definitions written out beside."""

from __future__ import annotations

import math

import numpy as np
import pytest

from similarity.acceptance import RISK, accept_within, comparable, labeled_needed, share_of


def risk(misses: int, checked: int, accepted: int, allowed: float) -> float:
    """More than `allowed` of `accepted` wrong, term by term: beta-binomial, Jeffreys' prior."""

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)

    a, b = misses + 0.5, checked - misses + 0.5
    within = sum(
        math.comb(accepted, wrong)
        * math.exp(log_beta(a + wrong, b + accepted - wrong) - log_beta(a, b))
        for wrong in range(math.floor(allowed * accepted + 1e-9) + 1)
    )
    return 1 - within


def plainly_accepted(certainties, probabilities, checked, right, allowed: float) -> int:
    """The longest run that keeps both promises, tried one by one."""
    order = np.argsort(-certainties, kind="stable")
    best = 0
    for end in range(1, len(order) + 1):
        last = certainties[order[end - 1]]
        if end < len(order) and certainties[order[end]] == last:
            continue
        seen = checked >= last
        promised = (1 - probabilities[order[:end]]).sum() <= allowed * end
        if promised and risk((seen & ~right).sum(), seen.sum(), end, allowed) <= RISK:
            best = end
    return best


@pytest.mark.parametrize("allowed", [0.01, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_as_many_are_accepted_as_by_the_plain_definition(allowed: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    checked = rng.random(500)
    right = rng.random(500) < np.minimum(1, 0.6 + checked)
    certainties = rng.random(150).round(2)
    probabilities = np.minimum(0.999, 0.6 + certainties)
    found = accept_within(certainties, probabilities, checked=checked, right=right, allowed=allowed)
    assert found.number == plainly_accepted(certainties, probabilities, checked, right, allowed)
    if found.number:
        surest = np.sort(certainties)[::-1][: found.number]
        assert found.least == surest[-1]
        assert found.expected_wrong <= allowed * found.number


def test_few_checked_images_allow_nothing_however_sure() -> None:
    ones = np.ones(1000)
    for n in (0, 10, 60):
        seen = np.ones(n)
        found = accept_within(ones, ones, checked=seen, right=seen > 0, allowed=0.01)
        assert found == (0, math.inf, 0.0)


def test_the_labeled_images_needed_are_those_that_let_it_through() -> None:
    rng = np.random.default_rng(1)
    certainties = rng.random(400)
    checked = rng.random(60)
    right = np.ones(60, np.bool_)
    needed = labeled_needed(certainties, checked=checked, right=right, allowed=0.02, least=40)
    assert needed is not None
    assert 60 < needed < 3_000

    def accepted(n: int) -> int:
        like = np.repeat(checked, math.ceil(n / 60))
        sure = np.ones(400)
        right = np.ones(len(like), np.bool_)
        return accept_within(certainties, sure, checked=like, right=right, allowed=0.02).number

    assert accepted(needed) >= 40
    assert accepted(needed // 2) < 40


def test_where_the_surest_are_wrong_no_number_of_labeled_images_helps() -> None:
    certainties = np.linspace(0, 1, 100)
    right = np.arange(200) % 4 != 0
    needed = labeled_needed(certainties, checked=np.ones(200), right=right, allowed=0.01, least=10)
    assert needed is None


def test_sure_labeled_images_do_not_speak_for_the_doubtful_ones_that_are_left() -> None:
    # 600 sure ones, all right, and 60 doubtful ones of which 10 were wrong; only such are left.
    checked = np.concatenate([np.linspace(0.8, 1, 600), np.linspace(0.2, 0.4, 60)])
    right = np.arange(660) < 650
    left = np.linspace(0.2, 0.4, 200)
    hopeful = np.full(200, 0.99)
    whole = accept_within(left, hopeful, checked=checked, right=right, allowed=0.05)
    assert whole.number == 200, "drowned"
    like, was_right = comparable(left, checked, right)
    assert (len(like), int((~was_right).sum())) == (60, 10)
    found = accept_within(left, hopeful, checked=like, right=was_right, allowed=0.05)
    assert found.number < 200
    assert [len(each) for each in comparable(left[:0], checked, right)] == [0, 0]


def test_a_share_has_an_interval_that_stays_within_what_is_possible() -> None:
    assert share_of(0, 0) == (0.0, 0.0, 1.0)
    none = share_of(0, 30)
    assert none.low == 0.0
    assert none.high == pytest.approx(0.1135, abs=5e-4)
    two = share_of(2, 30)
    assert (two.low, two.high) == pytest.approx((0.0185, 0.2132), abs=5e-4)
    assert share_of(30, 30).high == 1.0
