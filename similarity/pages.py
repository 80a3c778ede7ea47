"""Pages of mapped rows: what a process looks at counts as its memory until it lets go of it."""

import mmap

import numpy as np
from numpy.typing import NDArray

LARGE = 100_000_000
"""Bytes of rows from which they are let go of: 20,000 of 1,280 numbers. Mapping them again costs a
search of 100,000 rows 2 % for 100 queries and 4 % for one; kept, they were 517 of the 650 MB that a
web process seemed to take."""


_AT_ONCE = 32  # rows gathered before their pages are let go of: 64 MB at most


def let_go(rows: NDArray[np.float32]) -> None:
    """Let go of the pages behind rows that are mapped from a file; others are left as they are.

    They stay in the system's cache, and are there again when somebody looks. Safe while other
    threads read them.

    Args:
        rows: a contiguous part of an array over an ``mmap``, or any other array.
    """
    mapped = _map_of(rows)
    if mapped is None or not rows.flags.c_contiguous or not rows.nbytes:
        return
    begin = np.frombuffer(mapped, np.uint8).ctypes.data
    start = (rows.ctypes.data - begin) // mmap.PAGESIZE * mmap.PAGESIZE
    end = rows.ctypes.data - begin + rows.nbytes
    mapped.madvise(mmap.MADV_DONTNEED, start, end - start)


def gathered(rows: NDArray[np.float32], which: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return ``rows[which]``; of many mapped rows some at a time, letting go of them in between.

    The system may map 2 MB around each row that is looked at: 200 rows of 100,000 were 330 MB.

    Args:
        rows: float32 (n, dim).
        which: int64 (m,), rows in 0..n-1.
    """
    if rows.nbytes <= LARGE:
        return rows[which]
    found = np.empty((len(which), rows.shape[1]), rows.dtype)
    for start in range(0, len(which), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = rows[which[part]]
        let_go(rows)
    return found


def _map_of(rows: NDArray[np.float32]) -> mmap.mmap | None:
    base: object = rows
    while isinstance(base, np.ndarray):
        # What can be written may be written and not saved: that must not be dropped.
        if base.flags.writeable:
            return None
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) else None
