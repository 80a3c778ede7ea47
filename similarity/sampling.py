"""Some rows of many, the same ones every time."""

import numpy as np
from numpy.typing import NDArray


def evenly(n: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of the numbers 0 to n - 1, ascending and evenly spaced.

    Args:
        n: how many there are, 0 or more.
        most: at least 1; where n is no more, all are returned.

    Returns:
        int64 (min(n, most),), each number once; with ``most`` above 1 the first and the last too.
    """
    if n <= most:
        return np.arange(n)
    return np.linspace(0, n - 1, most).round().astype(np.int64)
