"""Where ids stand in an array, looked up by searching a sorted order of it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class Places:
    """The place of each id in an array of distinct ids in any order.

    100,000 ids take 1.6 MB and 2 ms to sort; a dict of them took 10 MB and 15 ms.
    """

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self._order = np.argsort(ids, kind="stable")
        self._sorted = ids[self._order]

    def of(self, ids: Iterable[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return int64 (n,): where each id stands, -1 where it does not."""
        wanted = ids if isinstance(ids, np.ndarray) else np.fromiter(ids, np.int64)
        if not len(self._sorted):
            return np.full(len(wanted), -1, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[at] == wanted, self._order[at], -1)
