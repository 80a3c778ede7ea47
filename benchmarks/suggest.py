"""How long suggestions for 100 queries take, beside a bare matrix product of the same size.

    python -m benchmarks.suggest [--sizes 10000 100000] [--rounds 15]

A project of so many labeled images, 50 classes with the spread of photos, is written into a
database of its own; `predictions.suggest_labels` is then asked about 100 images it does not know,
k = 10, in turn with a float32 product 100 x 1,280 by 1,280 x n: one BLAS thread both, warm,
medians. The neighbours are compared with those of the plain definition, and what a label given
just now costs the next request is told beside.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import made
from benchmarks.figures import say

QUERIES = 100
K = 10
AT_MOST = {10_000: 0.1, 100_000: 0.4}
RATIO = 1.5
AFTERWARDS = 5
"""Images that are labeled one by one at the end."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(AT_MOST))
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        made.set_up(Path(data))
        for size in chosen.sizes:
            measure(size, chosen.rounds)


def measure(size: int, rounds: int) -> None:
    from projects.services import collections, predictions
    from projects.services.queries import Query

    project = made.project(f"{size:,} images", size + AFTERWARDS, labeled=size)
    vectors = made.vectors(QUERIES, seed=1)
    queries = [Query(vector) for vector in vectors]
    whole = collections.collection(project)
    rows = np.array(whole.vectors[:size])

    def suggest() -> list[predictions.Answer]:
        return predictions.suggest_labels(project, queries, predictions.Controls(results=K))

    def product() -> None:
        vectors @ rows.T

    name = f"suggest_100_{size // 1000}k"
    first, _ = timed(suggest)
    ours, bare = interleaved([suggest, product], rounds)
    say(f"{name}_s", ours, "s", at_most=AT_MOST.get(size), note="through the service, warm")
    say(f"{name}_product_s", bare, "s", note="the bare product")
    say(f"{name}_vs_product", ours / bare, at_most=RATIO)
    say(f"{name}_recall", recall(suggest(), vectors, whole, size), at_least=1.0)
    say(f"{name}_first_s", first, "s", note="the first request of a process")
    labeled_s = statistics.median(after_a_label(project, suggest) for _ in range(AFTERWARDS))
    say(f"{name}_after_label_s", labeled_s, "s", note="when another image was labeled just now")


def timed(act: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    answer = act()
    return time.perf_counter() - start, answer


def interleaved(acts: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median seconds of each, measured in turn."""
    taken: list[list[float]] = [[] for _ in acts]
    for _ in range(rounds):
        for act, times in zip(acts, taken, strict=True):
            times.append(timed(act)[0])
    return [statistics.median(times) for times in taken]


def recall(answers: list, vectors: np.ndarray, whole, labeled: int) -> float:
    """Return the share of true neighbours that were found; one as near as the last counts."""
    centered = whole.centering.apply(whole.vectors[:labeled])
    queries = whole.centering.apply(vectors)
    right = 0
    for answer, query in zip(answers, queries, strict=True):
        true = np.sort(centered @ query)[::-1][:K]
        found = np.array([hit.similarity for hit in answer.hits])
        right += int((found >= 100 * true[-1] - 0.06).sum())
    return right / (K * len(queries))


def after_a_label(project, suggest: Callable[[], object]) -> float:
    """Return the seconds of the next request after one more image is labeled."""
    from projects.services.labels import label_images

    image = project.images.unlabeled().first()
    label_images(project, project.owner, project.images.filter(pk=image.pk), project.labels.first())
    project.refresh_from_db()
    return timed(suggest)[0]


if __name__ == "__main__":
    main()
