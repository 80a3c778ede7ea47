"""The limit: what the machine's cores reach with nothing but decoding and the encoder.

Two arrangements are run and the faster one counts. In both, whoever decodes an image also embeds
it, in small batches on one core: no queue between two stages, nobody waits for anybody. Also tried,
and slower: two decoding threads beside one that embeds batches of 16 on two cores.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

import numpy as np

from similarity.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from similarity.images import read_image

BATCH = 4
"""Images of one call of the encoder: of 1, 2, 4, 8 and 16 the fastest, or equal to it."""
CORES = len(os.sched_getaffinity(0))


class Limit(NamedTuple):
    """Images a second of each arrangement, and the processor time of one image in seconds."""

    by_processes: float
    by_threads: float
    cpu: float


def limit(paths: Sequence[Path], encoders: Path) -> Limit:
    by_processes = _by_processes(paths, encoders)
    before = time.process_time()
    by_threads = _by_threads(paths, encoders)
    return Limit(by_processes, by_threads, (time.process_time() - before) / len(paths))


def _by_processes(paths: Sequence[Path], encoders: Path) -> float:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(CORES + 1)
    children = [
        context.Process(target=_process, args=(paths[at::CORES], encoders, barrier))
        for at in range(CORES)
    ]
    for child in children:
        child.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - start
    for child in children:
        child.join()
    return len(paths) / seconds


def _process(paths: Sequence[Path], encoders: Path, barrier: Barrier) -> None:
    encoder = load_encoder(DEFAULT_ENCODER, folder=encoders, threads=1)
    _embed(paths[:BATCH], encoder)
    barrier.wait()
    for group in _groups(paths):
        _embed(group, encoder)
    barrier.wait()


def _by_threads(paths: Sequence[Path], encoders: Path) -> float:
    encoder = load_encoder(DEFAULT_ENCODER, folder=encoders, threads=1)
    _embed(paths[:BATCH], encoder)
    groups, taking = _groups(paths), threading.Lock()

    def take() -> Sequence[Path]:
        with taking:
            return next(groups, ())

    def work() -> None:
        while group := take():
            _embed(group, encoder)

    threads = [threading.Thread(target=work) for _ in range(CORES)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(paths) / (time.perf_counter() - start)


def _groups(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    return (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))


def _embed(group: Sequence[Path], encoder: Encoder) -> None:
    # Read whole: 3 % less than reading a header in small pieces.
    contents = (path.read_bytes() for path in group)
    pictures = (read_image(content, short_side=encoder.short_side) for content in contents)
    encoder.embed_inputs(np.stack([encoder.preprocess(picture) for picture in pictures]))
