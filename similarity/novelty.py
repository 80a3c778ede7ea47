"""Images unlike everything labeled: of a label that the project does not have yet."""

import numpy as np
from numpy.typing import NDArray

LEAST_LABELED = 20
"""Below, nobody can say what is usual."""
USUAL = 0.05
"""Share of the labeled images that lie as far from the others as what is called unlike them."""
MOST_SIMILAR = 0.3
"""An image as near as this to a labeled one is never called unlike it, whatever is usual. Who
accepts the surest suggestions first makes labeled images lie denser than those that are left, so
what is usual rises until everything hard is unlike it: with 0.45, a review of clothing by label
took 0.37 acts an image. Of all images there, 1.3 % have no other image as near as 0.3, of food
photos 2.6 %; the nearest image of another label lies at 0.2 to 0.3 on average (DESIGN.md, section
5)."""


def unlike_below(nearest: NDArray[np.float32]) -> float:
    """Return the similarity below which an image is unlike everything labeled.

    Args:
        nearest: float32 (n,), for each labeled image the similarity of the nearest other one.

    Returns:
        The 5 % quantile, at most 0.3. With fewer than 20 labeled images -1: nothing is unlike.
    """
    if len(nearest) < LEAST_LABELED:
        return -1.0
    return min(float(np.quantile(nearest, USUAL)), MOST_SIMILAR)
