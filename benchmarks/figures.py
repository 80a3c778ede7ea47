"""How a benchmark says what it measured: one line `name value` a figure, and its goal beside it.

`make bench` runs every module of `benchmarks` that has figures and writes them, with their goals,
into docs/performance.md; for that, each figure is also written as JSON where `BENCH_FIGURES` says.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One number. `at_least` and `at_most` are its goal; neither: it is told for information."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool:
        above = self.at_least is None or self.value >= self.at_least
        return above and (self.at_most is None or self.value <= self.at_most)

    @property
    def goal(self) -> str:
        """The goal in words, empty where there is none."""
        bounds = [("at least", self.at_least), ("at most", self.at_most)]
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


def say(
    name: str,
    value: float,
    unit: str = "",
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    note: str = "",
) -> Figure:
    """Print a figure as `name value`, and hand it to `make bench` where that is listening."""
    figure = Figure(name, value, unit, at_least, at_most, note)
    print(f"{name} {rounded(value)}", flush=True)
    if listener := os.environ.get("BENCH_FIGURES"):
        with Path(listener).open("a") as file:
            file.write(json.dumps(asdict(figure)) + "\n")
    return figure


def rounded(value: float) -> str:
    """Return a number with three digits that mean something: 0.0123, 1.23, 12.3, 12345."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def heard(listener: Path) -> list[Figure]:
    """Return the figures that were said to `BENCH_FIGURES`."""
    if not listener.exists():
        return []
    return [Figure(**json.loads(line)) for line in listener.read_text().splitlines()]
