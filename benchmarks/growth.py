"""How costs grow from 1,000 to 1,000,000 images: figures, and a plot in docs/images.

    python -m benchmarks.growth [--sizes 1000 10000 100000 1000000] [--plot FILE.png]

Projects of all sizes lie in one database, made by `benchmarks.generate`; pages are asked for
through the whole application but the socket. Suggestions compare exactly with as many labeled
images as the size says, their vectors mapped from a file as the application maps them. Medians,
warm, one BLAS thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import generate, made
from benchmarks.figures import say

SIZES = [1_000, 10_000, 100_000, 1_000_000]
ROUNDS = 15
SEARCHES = 5
BLOCK = 20_000
PLOT = Path(__file__).resolve().parent.parent / "docs" / "images" / "growth.png"
LINES = {
    "first_page": "first page of the grid",
    "last_page": "last page of the grid",
    "state": "counts and labels, as pages poll them",
    "label_100": "label 100 images",
    "undo_100": "undo that",
    "suggest_1": "nearest labeled images of 1 image, exact",
    "suggest_100": "nearest labeled images of 100 images, exact",
}
COLORS = ("#0072b2", "#d55e00", "#008a64", "#966400", "#be5096", "#5a5a5a", "#1e1e1e")
"""Told apart by people who see few colors, as in `similarity.commands.plot`."""
MARKS = "os^Dvp*"

Times = dict[str, dict[int, float]]
"""Milliseconds by line and size."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--plot", type=Path, default=PLOT)
    chosen = parser.parse_args()
    times: Times = defaultdict(dict)
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        measure_pages(Path(data), chosen.sizes, times)
        measure_searches(Path(data), chosen.sizes, times)
    report(times)
    draw(times, chosen.plot)


def measure_pages(data: Path, sizes: list[int], times: Times) -> None:
    generate.set_up(data)
    projects = {size: generate.generate(size, dim=0).project for size in sizes}
    for size, project in projects.items():
        page = Pages(project.pk)
        for line, act in page.reads().items():
            act()
            times[line][size] = 1000 * statistics.median(timed(act) for _ in range(ROUNDS))
        pairs = [(timed(page.label), timed(page.undo)) for _ in range(ROUNDS)]
        for line, taken in zip(("label_100", "undo_100"), zip(*pairs, strict=True), strict=True):
            times[line][size] = 1000 * statistics.median(taken)


class Pages:
    """One project, as a browser asks for it."""

    def __init__(self, project_id: int) -> None:
        from django.test import Client

        from projects.models import Image, Label
        from projects.services.local import local_user

        self._base = f"/projects/{project_id}"
        self._client = Client(headers={"host": "localhost"})
        self._client.force_login(local_user())
        label = Label.objects.live().filter(project=project_id).order_by("position")[0]
        unlabeled = Image.objects.in_dataset().unlabeled().filter(project=project_id)
        chosen = list(unlabeled.order_by("pk").values_list("pk", flat=True)[:100])
        self._labeling = json.dumps({"images": chosen, "label": label.pk})

    def reads(self) -> dict[str, Callable[[], None]]:
        return {
            "first_page": lambda: self._get("tiles"),
            "last_page": lambda: self._get("tiles?at=end"),
            "state": lambda: self._get("state"),
        }

    def label(self) -> None:
        self._post("images/label", self._labeling)

    def undo(self) -> None:
        self._post("undo", "{}")

    def _get(self, path: str) -> None:
        answer = self._client.get(f"{self._base}/{path}")
        assert answer.status_code == 200, answer.content

    def _post(self, path: str, body: str) -> None:
        answer = self._client.post(f"{self._base}/{path}", body, content_type="application/json")
        assert answer.status_code == 200, answer.content


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def measure_searches(data: Path, sizes: list[int], times: Times) -> None:
    from similarity.centering import Centering
    from similarity.index import ExactIndex, Searched

    vectors = mapped_vectors(data / "vectors", max(sizes))
    for size in sizes:
        rows = np.arange(size)
        centering = Centering.fit(vectors[: min(size, BLOCK)])
        index = ExactIndex(Searched(rows + 1, rows, vectors[:size], centering))
        for queries in (1, 100):
            asked = centering.apply(made.vectors(queries, seed=1))
            search = lambda asked=asked, index=index: index.search(asked, k=10)  # noqa: E731
            search()
            taken = statistics.median(timed(search) for _ in range(SEARCHES))
            times[f"suggest_{queries}"][size] = 1000 * taken


def mapped_vectors(path: Path, number: int) -> np.ndarray:
    """Write unit rows to a file, and map it."""
    with path.open("wb") as file:
        for start in range(0, number, BLOCK):
            rows = made.vectors(min(BLOCK, number - start), seed=start + 2)
            file.write(rows.tobytes())
    return np.memmap(path, np.float32, "r", shape=(number, made.DIM))


def report(times: Times) -> None:
    for line, by_size in times.items():
        least, most = min(by_size), max(by_size)
        told = ", ".join(f"{size:,}: {ms:.3g} ms" for size, ms in by_size.items())
        say(
            f"growth_{line}",
            by_size[most] / by_size[least],
            "times",
            note=f"{LINES[line]}, for {most // least:,} times as many images; {told}",
        )


def draw(times: Times, path: Path) -> None:
    """Plot every line over the number of images, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    for (line, by_size), color, mark in zip(times.items(), COLORS, MARKS, strict=False):
        sizes = sorted(by_size)
        heights = [by_size[size] for size in sizes]
        axes.plot(sizes, heights, color=color, marker=mark, label=LINES[line], linewidth=2)
    axes.set(xscale="log", yscale="log", xlabel="images", ylabel="milliseconds (median)")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:,g}")
    axes.grid(color="#e1e1e1")
    axes.set_title("What grows with the number of images, and what does not", loc="left")
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
