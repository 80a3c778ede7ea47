"""Images unlike everything labeled."""

from __future__ import annotations

import numpy as np
import pytest

from similarity.neighbours import nearest
from similarity.novelty import LEAST_LABELED, MOST_SIMILAR, unlike_below

from .made import groups


def test_few_labeled_images_call_nothing_unlike_them() -> None:
    assert unlike_below(np.full(LEAST_LABELED - 1, 0.9, np.float32)) == -1.0
    assert unlike_below(np.zeros(0, np.float32)) == -1.0


def test_it_is_what_one_in_twenty_of_the_labeled_lies_below() -> None:
    lying = np.linspace(0, 0.8, 101).astype(np.float32)
    below = unlike_below(lying)
    assert below == pytest.approx(0.04)
    assert np.mean(lying < below) == pytest.approx(0.05, abs=0.01)


def test_an_image_near_enough_is_never_called_unlike() -> None:
    assert unlike_below(np.full(100, 0.95, np.float32)) == MOST_SIMILAR


def test_a_group_that_nobody_labeled_is_told_from_those_labeled() -> None:
    vectors, group = groups(np.random.default_rng(0), [60, 60, 60], noise=0.05, dim=64)
    labeled = vectors[(group < 2)][:60]
    others = nearest(labeled, labeled, k=1, exclude=np.arange(60)).similarities[:, 0]
    asked = nearest(vectors, labeled, k=1).similarities[:, 0] < unlike_below(others)
    assert asked[group == 2].mean() > 0.9
    assert asked[group < 2].mean() < 0.1
