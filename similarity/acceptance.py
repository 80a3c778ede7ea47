"""How many suggestions may be accepted unseen under an allowed error, and what came of it."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RISK = 0.01
"""How likely, at most, the realised error may be to exceed the allowed one. Not 0.05: the longest
run is chosen among many, so chance gets many tries. Over 60 draws of 100 to 400 labeled images of
three photo sets, 0.05 was exceeded in up to 13 % of the draws, 0.02 in up to 7 %, 0.01 in up to
3 %."""


class Acceptance(NamedTuple):
    """The surest suggestions that may be accepted.

    ``number`` is how many, the surest first; ``least`` the certainty of the last of them (infinity
    where there is none); ``expected_wrong`` how many of them will be wrong by the calibrated
    probabilities.
    """

    number: int
    least: float
    expected_wrong: float


def accept_within(
    certainties: NDArray[np.float64],
    probabilities: NDArray[np.float64],
    *,
    checked: NDArray[np.float64],
    right: NDArray[np.bool_],
    allowed: float,
) -> Acceptance:
    """Return the longest run of the surest suggestions whose error stays within ``allowed``.

    Two things must hold: the mean of the calibrated probabilities promises it, and the labeled
    images of at least that certainty bear it out. The second is a prediction: having seen w wrong
    among m, more than ``allowed`` of the next N turn out wrong with at most 1 % probability
    (beta-binomial with Jeffreys' prior). So few labeled images allow few suggestions, however sure
    a curve drawn through them may look.

    Args:
        certainties: float64 (q,), of the suggestions, any order.
        probabilities: float64 (q,), calibrated, of the same.
        checked: float64 (n,), certainties of labeled images that were left out in turn.
        right: bool (n,), whether those were right.
        allowed: share that may be wrong, 0..1.

    Ties: suggestions of one certainty are accepted together or not at all. A greater ``allowed``
    never accepts fewer. Cost: q log q and some hundred sums of at most ``allowed`` x q terms; 0.1 s
    at 100,000 suggestions.
    """
    order = np.argsort(-certainties, kind="stable")
    sure = certainties[order]
    wrong = np.cumsum(1.0 - probabilities[order])
    last = np.append(np.diff(sure) != 0, True) if len(sure) else np.zeros(0, np.bool_)
    ends = _thinned(np.flatnonzero(last) + 1)
    promised = ends[wrong[ends - 1] <= allowed * ends]
    for end in promised[::-1].tolist():
        seen = checked >= sure[end - 1]
        misses = int((seen & ~right).sum())
        if _risk(misses, int(seen.sum()), end, allowed) <= RISK:
            return Acceptance(end, float(sure[end - 1]), float(wrong[end - 1]))
    return Acceptance(0, math.inf, 0.0)


def checks_needed(number: int, allowed: float, *, missed: float = 0.0) -> int | None:
    """Return how many labeled images must be borne out, left out in turn, to accept ``number``.

    Args:
        number: suggestions to accept, at least 1.
        allowed: share of them that may be wrong, 0..1.
        missed: share of those labeled images that is wrong, 0..1.

    Returns:
        The least such number, None where more than 50,000 would not do.

    Cost: some sixteen of the sums of ``accept_within``.
    """
    low, high = 0, MOST_NEEDED
    if _risk(missed * high, high, number, allowed) > RISK:
        return None
    while low < high:
        middle = (low + high) // 2
        if _risk(missed * middle, middle, number, allowed) <= RISK:
            high = middle
        else:
            low = middle + 1
    return low


def _thinned(ends: NDArray[np.int64], most: int = 200) -> NDArray[np.int64]:
    """Some hundred of the places to stop: the risk between two neighbours hardly differs.

    The same whatever is allowed, half of them evenly spaced and half by their proportions, so that
    short runs are not overlooked where there are many suggestions.
    """
    if len(ends) <= 2 * most:
        return ends
    evenly = np.linspace(0, len(ends) - 1, most)
    by_proportion = np.geomspace(1, len(ends), most) - 1
    places = np.unique(np.concatenate((evenly, by_proportion)).round().astype(np.int64))
    found: NDArray[np.int64] = ends[places]
    return found


def _risk(misses: float, checked: float, accepted: int, allowed: float) -> float:
    """Probability that more than ``allowed`` of ``accepted`` are wrong, after what was checked."""
    a, b = misses + 0.5, checked - misses + 0.5
    most = math.floor(allowed * accepted + 1e-9)
    if most >= accepted:
        return 0.0
    # The probability of w + 1 wrong over that of w, from none wrong on.
    w = np.arange(most)
    steps = np.log((accepted - w) * (a + w) / ((w + 1) * (b + accepted - w - 1)))
    none = _log_beta(a, b + accepted) - _log_beta(a, b)
    within = float(np.exp(none + np.append(0.0, np.cumsum(steps))).sum())
    return max(0.0, 1.0 - within)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def comparable(
    certainties: NDArray[np.float64], checked: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the labeled images that are no surer than the surest suggestion.

    Once the sure suggestions were accepted, only doubtful ones are left, while the labeled images
    still are of all kinds: that the sure ones among those were right says nothing of what is left,
    and would drown what the doubtful ones say.

    Args:
        certainties: float64 (q,), of the suggestions, any order.
        checked, right: as for ``accept_within``.
    """
    like = checked <= certainties.max(initial=-math.inf)
    return checked[like], right[like]


MOST_NEEDED = 50_000
"""More labeled images than this are no help to name."""


def labeled_needed(
    certainties: NDArray[np.float64],
    *,
    checked: NDArray[np.float64],
    right: NDArray[np.bool_],
    allowed: float,
    least: int,
) -> int | None:
    """Return about how many labeled images it takes to accept ``least`` suggestions or more.

    More labeled images are thought of as being like the present ones: as many of them sure, and as
    many of those wrong. That is cautious, since each also makes the method better.

    Args:
        certainties: float64 (q,), of the suggestions, any order.
        checked, right: as for ``accept_within``; at least one.
        allowed: share that may be wrong, 0..1.

    Returns:
        None where even the surest are wrong too often, or more than 50,000 would be needed.

    Cost: some ten thousand short sums at most, 0.3 s.
    """
    sure = -np.sort(-certainties)
    places = _thinned(np.arange(1, len(sure) + 1), 40).tolist()
    ends = [end for end in places if end >= least]
    seen = [checked >= sure[end - 1] for end in ends]
    runs = [
        (int((each & ~right).sum()), int(each.sum()), end)
        for each, end in zip(seen, ends, strict=True)
    ]
    hopeful = [run for run in runs if run[1] and run[0] <= allowed * run[1]]
    times = 1.0
    while hopeful and times * len(checked) <= MOST_NEEDED:
        if any(_risk(w * times, m * times, end, allowed) <= RISK for w, m, end in hopeful):
            return math.ceil(times * len(checked))
        times *= 1.1
    return None


class Interval(NamedTuple):
    """A share and where it lies with 95 % confidence, each 0..1."""

    share: float
    low: float
    high: float


def share_of(hits: float, n: float) -> Interval:
    """Return a measured share with its interval; of nothing, anything from 0 to 1 is possible.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927:
    unlike share +- 2 sqrt(...), it stays within 0..1 and is no point at 0 of n.
    """
    if n == 0:
        return Interval(0.0, 0.0, 1.0)
    z = 1.96
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))
