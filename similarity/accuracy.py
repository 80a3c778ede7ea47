"""How many suggestions would be right that nobody has looked at yet, and how sure that is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .acceptance import Interval, share_of

_BINS = 10
"""Groups of labeled images of like certainty, compared with the suggestions: tenths, as in measures
of calibration. Fewer hide that the suggestions are less sure, more leave too few images in each."""


def expected_share(
    probabilities: NDArray[np.float64],
    certainties: NDArray[np.float64],
    *,
    checked: NDArray[np.float64],
) -> Interval:
    """Return the share of suggestions that will be right, with its 95 % interval.

    The share is the mean of the calibrated probabilities. They were learned from the labeled images
    that were left out in turn, so the interval is as wide as so many images allow: Wilson's, for
    the number that the labeled images are worth once they are weighted to be as sure as the
    suggestions (labeled ones that are all surer than those to be told about are worth little), and
    for the chance in as many suggestions as there are.

    Args:
        probabilities: float64 (q,), calibrated.
        certainties: float64 (q,), of the same suggestions.
        checked: float64 (n,), certainties of the labeled images that were left out in turn.

    Returns:
        Anything from 0 to 1 where there is no suggestion or no labeled image.

    Cost: sorting. Source: Kish, "Survey Sampling", 1965, for the effective number.
    """
    if not len(probabilities) or not len(checked):
        return share_of(0, 0)
    share = float(probabilities.mean())
    worth = 1.0 / (1.0 / _effective_number(certainties, checked) + 1.0 / len(probabilities))
    return share_of(share * worth, worth)


def _effective_number(certainties: NDArray[np.float64], checked: NDArray[np.float64]) -> float:
    """How many images the weighted labeled ones are worth: 1 / sum of squared weights."""
    edges = np.unique(np.quantile(checked, np.linspace(0, 1, _BINS + 1)[1:-1]))
    labeled = np.bincount(np.searchsorted(edges, checked, side="left"), minlength=len(edges) + 1)
    wanted = np.bincount(np.searchsorted(edges, certainties, side="left"), minlength=len(labeled))
    shares = wanted / len(certainties)
    # A tenth without a labeled image (many of one certainty) is worth half an image.
    return float(1.0 / (shares**2 / np.maximum(labeled, 0.5)).sum())


class Sample(NamedTuple):
    """A group of which some were drawn at random and looked at."""

    size: int
    checked: int
    right: int


def pooled_share(samples: Sequence[Sample]) -> Interval:
    """Return the share that is right over groups, each counted with its size, with its interval.

    A sample of 30 stands for 40 images as well as for 40,000. Groups nobody looked at are taken to
    be like the others. The interval is that of the effective number of checks; anything from 0 to 1
    where nothing was checked. Source: Kish, "Survey Sampling", 1965.
    """
    judged = [each for each in samples if each.checked]
    if not judged:
        return share_of(0, 0)
    whole = sum(each.size for each in judged)
    worth = whole**2 / sum(each.size**2 / each.checked for each in judged)
    share = sum(each.size * each.right / each.checked for each in judged) / whole
    return share_of(share * worth, worth)
