"""How many suggestions may be accepted unseen, and what is known of a measured share."""

from __future__ import annotations

import math

import numpy as np
import pytest

from similarity.acceptance import RISK, Acceptance, accept_within, share_of

NONE = Acceptance(0, math.inf, 0.0)


def beta_binomial(misses: int, checked: int, accepted: int, most: int) -> float:
    """P(more than `most` wrong): the binomial tail averaged over what the share may be."""
    a, b = misses + 0.5, checked - misses + 0.5
    # p = sin^2 takes the poles out of the density at 0 and 1.
    angle = (np.arange(20_000) + 0.5) / 20_000 * np.pi / 2
    log_density = (2 * a - 1) * np.log(np.sin(angle)) + (2 * b - 1) * np.log(np.cos(angle))
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    p = np.sin(angle) ** 2
    within = sum(math.comb(accepted, w) * p**w * (1 - p) ** (accepted - w) for w in range(most + 1))
    return float(1 - (density * within).sum())


def plain_acceptance(
    sure: np.ndarray, promised: np.ndarray, checked: np.ndarray, right: np.ndarray, allowed: float
) -> Acceptance:
    """Every place to stop, tried one after another from the surest on."""
    best = NONE
    for least in sorted(set(sure.tolist()), reverse=True):
        taken = sure >= least
        wrong, number = float((1 - promised[taken]).sum()), int(taken.sum())
        seen = checked >= least
        misses = int((seen & ~right).sum())
        most = math.floor(allowed * number + 1e-9)
        borne_out = beta_binomial(misses, int(seen.sum()), number, most) <= RISK
        if wrong <= allowed * number and borne_out:
            best = Acceptance(number, least, wrong)
    return best


def project(
    seed: int, labeled: int, asked: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sure, checked = rng.random(asked), rng.random(labeled)
    return (
        sure,
        1 - 0.3 * (1 - sure) ** 2,
        checked,
        rng.random(labeled) < 1 - 0.3 * (1 - checked) ** 2,
    )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("allowed", [0.02, 0.05, 0.1, 0.3])
def test_it_is_the_longest_run_that_holds(seed: int, allowed: float) -> None:
    sure, promised, checked, right = project(seed, 40 * (seed + 1), 60)
    if seed % 2:
        sure, checked = np.round(sure, 1), np.round(checked, 1)  # ties
    found = accept_within(sure, promised, checked=checked, right=right, allowed=allowed)
    plain = plain_acceptance(sure, promised, checked, right, allowed)
    assert found[:2] == plain[:2]
    assert found.expected_wrong == pytest.approx(plain.expected_wrong)


def test_the_risk_is_that_of_a_simulation() -> None:
    # 3 wrong of 150 checked; how often are more than 5 % of the next 100 wrong?
    rng = np.random.default_rng(0)
    share = rng.beta(3.5, 147.5, 400_000)
    simulated = np.mean(rng.binomial(100, share) > 5)
    assert beta_binomial(3, 150, 100, 5) == pytest.approx(simulated, abs=0.002)


def test_suggestions_of_one_certainty_are_accepted_together_or_not_at_all() -> None:
    sure = np.repeat([0.9, 0.5], [10, 90])
    promised = np.repeat([1.0, 0.97], [10, 90])
    checked, right = np.repeat([0.9, 0.5], 500), np.ones(1_000, np.bool_)
    right[500:515] = False
    tight = accept_within(sure, promised, checked=checked, right=right, allowed=0.001)
    loose = accept_within(sure, promised, checked=checked, right=right, allowed=0.1)
    assert [tight.number, loose.number] == [10, 100]
    assert [tight.least, loose.least] == [0.9, 0.5]
    assert loose.expected_wrong == pytest.approx(2.7)


@pytest.mark.parametrize("asked", [50, 5_000])
@pytest.mark.parametrize("seed", range(5))
def test_a_greater_allowed_error_never_accepts_fewer(seed: int, asked: int) -> None:
    sure, promised, checked, right = project(seed, 300, asked)
    numbers = [
        accept_within(sure, promised, checked=checked, right=right, allowed=each).number
        for each in np.linspace(0, 1, 41)
    ]
    assert numbers == sorted(numbers)
    assert numbers[-1] == asked


def test_few_labeled_images_allow_few_suggestions_however_sure() -> None:
    promised = np.ones(1_000)
    sure = np.linspace(0.5, 1, 1_000)
    numbers = [
        accept_within(
            sure, promised, checked=np.ones(n), right=np.ones(n, np.bool_), allowed=0.05
        ).number
        for n in (0, 10, 40, 100)
    ]
    assert numbers[0] == 0
    assert numbers[1] < 30
    assert numbers[3] == 1_000


def test_a_curve_that_promises_too_little_accepts_nothing() -> None:
    found = accept_within(
        np.ones(50), np.full(50, 0.9), checked=np.ones(900), right=np.ones(900, bool), allowed=0.05
    )
    assert found == NONE


def test_nothing_to_accept_and_nothing_checked_are_no_error() -> None:
    nothing = np.zeros(0)
    one = np.ones(1)
    right = np.ones(500, np.bool_)
    assert accept_within(nothing, nothing, checked=np.ones(500), right=right, allowed=0.1) == NONE
    assert accept_within(one, one, checked=nothing, right=right[:0], allowed=0.1) == NONE
    assert accept_within(one, one, checked=nothing, right=right[:0], allowed=1.0).number == 1


def test_short_runs_are_not_overlooked_among_many_suggestions() -> None:
    n = 50_000
    sure = np.linspace(0, 1, n)
    promised = np.where(sure > 1 - 120 / n, 1.0, 0.5)
    found = accept_within(
        sure, promised, checked=np.ones(2_000), right=np.ones(2_000, bool), allowed=0.01
    )
    assert 105 <= found.number <= 123


@pytest.mark.parametrize("allowed", [0.05, 0.1])
def test_the_realised_error_stays_within_the_allowed_one_in_nearly_all_projects(
    allowed: float,
) -> None:
    exceeded = 0
    for seed in range(150):
        sure, promised, checked, right = project(seed, 300, 1_000)
        accepted = accept_within(sure, promised, checked=checked, right=right, allowed=allowed)
        wrong = np.random.default_rng(seed + 9_999).random(1_000) < 1 - promised
        exceeded += int(wrong[sure >= accepted.least].sum()) > allowed * accepted.number
    assert exceeded <= 0.05 * 150


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (7, 10), (1, 400), (381, 400)])
def test_the_interval_ends_where_the_share_would_be_1_96_deviations_off(hits: int, n: int) -> None:
    share, low, high = share_of(hits, n)
    assert share == hits / n
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 0 < end < 1:
            off = abs(share - end) / math.sqrt(end * (1 - end) / n)
            assert off == pytest.approx(1.96, abs=1e-6)
    assert high - low > 0.01


def test_of_nothing_any_share_is_possible() -> None:
    assert share_of(0, 0) == (0.0, 0.0, 1.0)
