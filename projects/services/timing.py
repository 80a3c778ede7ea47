"""How long the parts of one request took, for `Server-Timing` and the benchmark."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_parts: ContextVar[dict[str, float] | None] = ContextVar("parts", default=None)


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Collect the milliseconds of every `part` inside the block, by its name."""
    parts: dict[str, float] = {}
    before = _parts.set(parts)
    try:
        yield parts
    finally:
        _parts.reset(before)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Add the time of the block to a part. Costs a microsecond where nobody collects."""
    parts = _parts.get()
    start = time.perf_counter()
    try:
        yield
    finally:
        if parts is not None:
            parts[name] = parts.get(name, 0.0) + 1000 * (time.perf_counter() - start)
