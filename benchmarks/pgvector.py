"""How well pgvector finds what exact search finds, and how fast, beside it and hnswlib.

    python -m benchmarks.pgvector [FOLDER ...] [--sizes 10000 100000] [--photos 10000]

A real PostgreSQL is started for it, with 512 MB of shared buffers. Images, queries, repetitions and
turns are those of benchmarks/index.py. PostgreSQL answers in a process of its own: on a machine
with nothing to do that is what a person waits for, as in process.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import django
import numpy as np
import psycopg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.figures import say
from benchmarks.index import ASKED, MANY, K, all_but_asked, name_of, timed, times_as_fast
from benchmarks.search_vectors import embedded, mixed, photos
from similarity.centering import Centering
from similarity.index import ExactIndex, Index, Searched
from similarity.index.graph import MadeBy, grow
from similarity.index.hnsw import LEAST_RECALL, HnswIndex
from similarity.index.tuning import recall, tuned
from tests.postgresql import PostgreSQL

ENCODER = "benchmark 1"
LABELED = 100
"""Images labeled at once, as by a batch that is added to the dataset."""
DRIFT = 0.15
"""How far the mean is moved, at which a worker would write a set anew."""


class Compared(NamedTuple):
    """pgvector beside what searches in process, over the same images."""

    recalls: dict[str, float]
    times: dict[str, float]
    seconds: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--photos", type=int, default=10_000, help="embeddings made of photos")
    chosen = parser.parse_args()
    with threadpool_limits(limits=1), tempfile.TemporaryDirectory(prefix="bench-") as folder:
        set_up(Path(folder))
        files = photos(chosen.folders, drawn=Path(folder) / "pictures")
        real = embedded(files, chosen.photos, np.random.default_rng(0))
        server = PostgreSQL(shared_buffers="512MB", maintenance_work_mem="1GB")
        try:
            of_all(real, sorted(chosen.sizes), server.url())
        finally:
            server.end()


def set_up(data: Path) -> None:
    os.environ["LABELING_DATA"] = str(data)
    os.environ["DJANGO_SETTINGS_MODULE"] = "labeling.settings"
    django.setup()


def of_all(real: NDArray[np.float32], sizes: list[int], url: str) -> None:
    """Say the figures of the real embeddings, and of as many like them as the sizes say."""
    note = f"{len(real):,} embeddings of photos and of variants of them, {ASKED} asked about"
    found = compare(real, url).recalls["10"]
    say("pgvector_recall_at_10", found, at_least=LEAST_RECALL, note=note)
    vectors = mixed(real, sizes[-1] + ASKED, np.random.default_rng(1))
    for size in sizes:
        tell(name_of(size), compare(vectors[: size + ASKED], url))


def tell(size: str, compared: Compared) -> None:
    """Say the figures of one size."""
    for k, found in compared.recalls.items():
        goal = LEAST_RECALL if k == "10" else None
        say(f"pgvector_recall_at_{k}_{size}", found, at_least=goal)
    for which, times in compared.times.items():
        say(f"pgvector_vs_{which}_{size}", times, "times", note="times as fast")
    for what, seconds in compared.seconds.items():
        say(f"pgvector_{what}_s_{size}", seconds, "s")


def compare(vectors: NDArray[np.float32], url: str) -> Compared:
    """Write a set of all but the last rows, let it be used, and ask about those."""
    from projects.services.pgvector import renew
    from projects.services.pgvector_index import PgvectorIndex
    from projects.services.pgvector_table import PgvectorTable

    whole = all_but_asked(vectors)
    searched = first_of(whole, len(whole) - LABELED)
    queries = searched.centering.apply(vectors[-ASKED:])
    lengths = searched.centering.lengths(vectors)
    exact = ExactIndex(searched, lengths=lengths)
    with psycopg.connect(url, autocommit=True) as connection:
        table = PgvectorTable(lambda: connection, 1, ENCODER)
        table.prepare()
        there, write = timed(lambda: renew(table, searched, 1))
        index, join = timed(lambda: PgvectorIndex(searched, table, there, lengths=lengths))
        recalls = {
            str(k): recall(index.search(queries, k=k), exact.search(queries, k=k))
            for k in (K, MANY)
        }
        moved = drifted(searched, vectors[0])
        recalls["10_drifted"] = recall(
            PgvectorIndex(moved, table, there).search(queries, k=K),
            ExactIndex(moved).search(queries, k=K),
        )
        times = {
            f"{name}_{which}": times_as_fast(index, other, batches, k=K)
            for name, other in (("exact", exact), ("hnswlib", hnsw_of(searched, lengths)))
            for which, batches in (
                ("1_query", queries[:, np.newaxis]),
                ("100_queries", queries.reshape(-1, 100, queries.shape[1])),
            )
        }
        _, catch_up = timed(lambda: table.catch_up(there, whole, 2))
        table.drop()
    print(f"# {len(searched)}: breadth {there.breadth}, {recalls}, {times}")
    return Compared(recalls, times, {"write": write, "join": join, "100_labeled": catch_up})


def first_of(whole: Searched, number: int) -> Searched:
    rows = whole.rows[:number]
    return Searched(whole.image_ids[:number], rows, whole.vectors, whole.centering)


def drifted(searched: Searched, towards: NDArray[np.float32]) -> Searched:
    """The same images, centered on a mean that has moved by `DRIFT`."""
    centering = searched.centering
    way = towards - centering.mean
    mean = centering.mean + np.float32(DRIFT / centering.weight / np.linalg.norm(way)) * way
    moved = Centering(mean.astype(np.float32), centering.weight)
    return Searched(searched.image_ids, searched.rows, searched.vectors, moved)


def hnsw_of(searched: Searched, lengths: NDArray[np.float32]) -> Index:
    made_by = MadeBy("benchmark", "1", searched.vectors.shape[1])
    return HnswIndex(tuned(grow(None, searched, made_by), searched), searched, lengths=lengths)


if __name__ == "__main__":
    main()
