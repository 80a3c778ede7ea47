"""One line on the terminal that says how far it is and how long it takes."""

from __future__ import annotations

import sys
import time
from typing import TextIO

BAR = 24
EVERY = 0.1
"""Seconds between two drawings."""


class Progress:
    """`[#####...] 1,200 of 5,000 images uploaded, 2 min left`, drawn again and again.

    Where the output is no terminal only the last line is written: a log would be filled otherwise.
    """

    def __init__(self, total: int, what: str, *, stream: TextIO | None = None) -> None:
        self.total, self.what = total, what
        self.done = 0
        self._stream = stream or sys.stderr
        self._begun = time.monotonic()
        self._drawn = 0.0

    def step(self, number: int = 1) -> None:
        self.done += number
        now = time.monotonic()
        if self._stream.isatty() and now - self._drawn >= EVERY:
            self._drawn = now
            self._write(self._line(now), end="")

    def tell(self, sentence: str) -> None:
        """Write a line of its own above the bar."""
        if self._stream.isatty():
            self._write("", end="")
        print(sentence, file=self._stream)

    def end(self) -> None:
        self._write(f"{self.done:,} of {self.total:,} {self.what}", end="\n")

    def _line(self, now: float) -> str:
        share = min(1.0, self.done / self.total) if self.total else 1.0
        bar = "#" * round(share * BAR)
        left = (now - self._begun) * (1 / share - 1) if share else 0.0
        return f"[{bar:.<{BAR}}] {self.done:,} of {self.total:,} {self.what}{_left(left)}"

    def _write(self, line: str, *, end: str) -> None:
        erase = "\r\x1b[K" if self._stream.isatty() else ""
        print(f"{erase}{line}", end=end, file=self._stream, flush=True)


def _left(seconds: float) -> str:
    if seconds < 2:
        return ""
    return f", {seconds:.0f} s left" if seconds < 90 else f", {seconds / 60:.0f} min left"
