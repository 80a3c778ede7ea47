"""How long the server takes to answer a moved slider on a batch of 100.

    python -m benchmarks.slider [--labeled 10000] [--moves 100]

The real application, started as a person starts it, on a project of so many labeled images; a
review of 100 rows, all of them scrolled through, so that the page knows each. Then the threshold is
moved by one to five percent at a time, as a hand does, with the body that
static/js/review-controls.js sends, and after that the number of results. Timed is the whole answer
over HTTP, and beside it the processor time that all processes of the web server took for it.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import made
from benchmarks.figures import say
from benchmarks.visitor import Visitor, visiting

AT_MOST_MS = 50.0
NEAR = 20
"""Rows within 1,200 px of a window 900 px high: those that the page has drawn at once."""
VERSION = re.compile(r'data-version="([^"]+)"')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labeled", type=int, default=10_000)
    parser.add_argument("--moves", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        made.set_up(Path(data))
        project = made.project("Slider", chosen.labeled + 200, labeled=chosen.labeled)
        with visiting(Path(data)) as visitor:
            page = Page(visitor, project)
            page.read_all()
            measure(page, chosen.moves)


def measure(page: Page, moves: int) -> None:
    rng = random.Random(1)
    page.move(threshold=30)
    threshold = page.times(lambda: page.move(threshold=page.threshold + rng.choice(STEPS)), moves)
    report("slider", threshold, "the threshold, on 100 rows, over HTTP")
    page.move(threshold=30)
    results = page.times(lambda: page.move(k=max(1, page.k + rng.choice((-1, 1, 2)))), moves)
    report(
        "slider_results",
        results,
        "the number of results, which draws the strips of 20 rows near the window anew",
    )


STEPS = (-3, -2, -1, 1, 2, 3, 5)


def report(name: str, taken: list[tuple[float, float]], note: str) -> None:
    wall = sorted(1000 * seconds for seconds, _ in taken)
    cpu = [1000 * seconds for _, seconds in taken]
    say(f"{name}_p95_ms", wall[int(0.95 * len(wall))], "ms", at_most=AT_MOST_MS, note=note)
    say(f"{name}_median_ms", statistics.median(wall), "ms", note=note)
    say(f"{name}_cpu_ms", statistics.mean(cpu), "ms", note="processor time of the web server")


class Page:
    """A review as the page in a browser has it: its controls, and each row's version."""

    def __init__(self, visitor: Visitor, project) -> None:
        self.visitor = visitor
        self.url = visitor.new_batch(project.pk)
        self.k, self.threshold = 10, 30
        self.known: dict[str, str] = {}

    def read_all(self) -> None:
        self.rows = re.findall(r'data-item="(\d+)"', self.visitor.get(self.url))
        self._take(self.visitor.post(f"{self.url}rows", {"known": dict.fromkeys(self.rows, "")}))

    def _take(self, answer: dict) -> None:
        for item, html in answer["html"].items():
            self.known[item] = VERSION.search(html)[1]
        for item in answer["stale"]:
            del self.known[str(item)]

    def move(self, *, k: int | None = None, threshold: int | None = None) -> dict:
        since = self._controls()
        self.k = self.k if k is None else min(k, 40)
        self.threshold = self.threshold if threshold is None else max(5, min(threshold, 60))
        near = [int(item) for item in self.rows[:NEAR]]
        body = {**self._controls(), "since": since, "known": self.known, "near": near}
        answer = self.visitor.post(f"{self.url}controls", body)
        self._take(answer)
        return answer

    def _controls(self) -> dict:
        return {
            "k": self.k,
            "threshold": self.threshold,
            "top_only": True,
            "per_label": False,
            "method": "neighbours",
        }

    def times(self, move, n: int) -> list[tuple[float, float]]:
        """Return the seconds of each move, by the clock and of the web server's processors."""
        taken = []
        for _ in range(n):
            cpu = self.visitor.processor_seconds()
            start = time.perf_counter()
            move()
            wall = time.perf_counter() - start
            taken.append((wall, self.visitor.processor_seconds() - cpu))
        return taken


if __name__ == "__main__":
    main()
