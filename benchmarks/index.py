"""How well hnswlib finds what exact search finds, and from which size on it is faster.

    python -m benchmarks.index [FOLDER ...] [--sizes 10000 100000] [--photos 10000]

Real: photos of the folders, and cuts of them, mirrored, brighter and darker, by the default
encoder. The sizes: made vectors that spread as the real ones do. Times are of the processor, so
that others who use the machine do not count, with one BLAS thread; ratios are medians of pairs in
turns. Each query is a vector that the index does not have.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.figures import say
from benchmarks.search_vectors import embedded, mixed, photos
from similarity.centering import Centering
from similarity.index import ExactIndex, Index, Searched
from similarity.index.graph import MadeBy, grow
from similarity.index.graph_files import load, save
from similarity.index.hnsw import LEAST_RECALL, HnswIndex
from similarity.index.tuning import recall, tuned

K = 10
MANY = 100
"""What a review asks for, so that a moved slider searches nothing."""
ASKED = 500
ROUNDS = 9
SMALLER = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
"""Sizes at which it is looked which is faster."""


class Compared(NamedTuple):
    """One index beside exact search over the same images."""

    recall: float
    recall_of_many: float
    times: dict[str, float]
    seconds: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--photos", type=int, default=10_000, help="embeddings made of photos")
    parser.add_argument("--threads", type=int, default=1, help="of hnswlib, while it builds")
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    with threadpool_limits(limits=1), tempfile.TemporaryDirectory(prefix="bench-") as folder:
        files = photos(chosen.folders, drawn=Path(folder) / "pictures")
        real = embedded(files, chosen.photos, rng)
        of_real(real, Path(folder), chosen.threads)
        of_sizes(real, sorted(chosen.sizes), Path(folder), chosen.threads)


def of_real(real: NDArray[np.float32], folder: Path, threads: int) -> None:
    note = f"{len(real):,} embeddings of photos and of variants of them, {ASKED} asked about"
    compared = compare(real, folder, threads)
    say("hnsw_recall_at_10_real", compared.recall, at_least=LEAST_RECALL, note=note)
    half = after_half_left(real, threads)
    say("hnsw_recall_at_10_half_left", half, at_least=LEAST_RECALL, note="of the same, half left")


def of_sizes(real: NDArray[np.float32], sizes: list[int], folder: Path, threads: int) -> None:
    vectors = mixed(real, sizes[-1] + ASKED, np.random.default_rng(1))
    tried = sorted({*sizes, *(size for size in SMALLER if size <= sizes[-1])})
    found = {size: compare(vectors[: size + ASKED], folder, threads) for size in tried}
    for size in sizes:
        tell(name_of(size), found[size])
    note = f"least of {', '.join(map(str, tried))} from which on it is, recall {LEAST_RECALL}"
    for which in found[tried[0]].times:
        first = faster_from(found, which)
        say(f"hnsw_faster_from_{which}", first, "images, 0: at none", note=note)


def faster_from(found: dict[int, Compared], which: str) -> int:
    """Return the size from which on it is faster at every size, and finds enough; 0 if never."""
    first = 0
    for size in sorted(found, reverse=True):
        if found[size].times[which] <= 1 or found[size].recall < LEAST_RECALL:
            break
        first = size
    return first


def tell(size: str, compared: Compared) -> None:
    """Say the figures of one size."""
    say(f"hnsw_recall_at_10_{size}", compared.recall, at_least=LEAST_RECALL)
    say(f"hnsw_recall_at_100_{size}", compared.recall_of_many)
    for which, times in compared.times.items():
        say(f"hnsw_vs_exact_{which}_{size}", times, "times", note="times as fast as exact search")
    for what, seconds in compared.seconds.items():
        say(f"hnsw_{what}_s_{size}", seconds, "s", note="processor time")


def name_of(size: int) -> str:
    return f"{size // 1000}k" if size % 1000 == 0 else str(size)


def compare(vectors: NDArray[np.float32], folder: Path, threads: int) -> Compared:
    """Build, save and load an index of all but the last rows, and ask about those."""
    searched = all_but_asked(vectors)
    queries = searched.centering.apply(vectors[-ASKED:])
    made_by = MadeBy("benchmark", "1", vectors.shape[1])
    graph, build = timed(lambda: grow(None, searched, made_by, threads=threads))
    graph, tune = timed(lambda: tuned(graph, searched))
    _, saving = timed(lambda: save(graph, folder / "index"))
    loaded, loading = timed(lambda: load(folder / "index", made_by))
    assert loaded is not None, "it was just saved"
    lengths = searched.centering.lengths(searched.vectors)
    index, joining = timed(lambda: HnswIndex(loaded, searched, lengths=lengths))
    exact = ExactIndex(searched, lengths=lengths)
    names = ("build", "tune", "save", "load", "join")
    seconds = dict(zip(names, (build, tune, saving, loading, joining), strict=True))
    recalls = [recall(index.search(queries, k=k), exact.search(queries, k=k)) for k in (K, MANY)]
    times = {
        "1_query": times_as_fast(index, exact, queries[:, np.newaxis], k=K),
        "100_queries": times_as_fast(index, exact, queries.reshape(-1, 100, queries.shape[1]), k=K),
        "100_queries_k_100": times_as_fast(
            index, exact, queries.reshape(-1, 100, queries.shape[1]), k=MANY
        ),
    }
    print(f"# {len(searched)}: breadth {loaded.breadth}, {recalls}, {times}", flush=True)
    return Compared(*recalls, times, seconds)


def all_but_asked(vectors: NDArray[np.float32]) -> Searched:
    rows = np.arange(len(vectors) - ASKED)
    return Searched(rows + 1, rows, vectors, Centering.fit(vectors))


def times_as_fast(index: Index, exact: Index, batches: NDArray[np.float32], *, k: int) -> float:
    """Median over pairs, in turns, of exact search's time by this one's."""
    ratios = []
    for turn in range(ROUNDS):
        asked = batches[turn % len(batches)]
        _, ours = timed(lambda asked=asked: index.search(asked, k=k))
        _, theirs = timed(lambda asked=asked: exact.search(asked, k=k))
        ratios.append(theirs / ours)
    return statistics.median(ratios)


def after_half_left(real: NDArray[np.float32], threads: int) -> float:
    """Recall where half of the points are hidden ones, as after many labels were taken away."""
    searched = all_but_asked(real)
    made_by = MadeBy("benchmark", "1", real.shape[1])
    left = np.sort(np.random.default_rng(2).permutation(searched.rows)[::2])
    fewer = replace(searched, rows=left, image_ids=left + 1)
    graph = tuned(grow(grow(None, searched, made_by, threads=threads), fewer, made_by), fewer)
    queries = searched.centering.apply(real[-ASKED:])
    found = HnswIndex(graph, fewer).search(queries, k=K)
    return recall(found, ExactIndex(fewer).search(queries, k=K))


def timed(work: Callable) -> tuple:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


if __name__ == "__main__":
    main()
