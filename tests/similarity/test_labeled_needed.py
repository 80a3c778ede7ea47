"""How many labeled images it takes, and which of them may speak for what is left."""

from __future__ import annotations

import math

import numpy as np

from similarity.acceptance import accept_within, comparable, labeled_needed


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
