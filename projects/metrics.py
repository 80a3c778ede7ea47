"""What this process counts for Prometheus: requests by view, tasks, encoder seconds.

Never by person, project or file: those would be millions of series, and nobody's business. With
several processes each adds to files of its own in `PROMETHEUS_MULTIPROC_DIR`, which have to lie in
memory: written through a map, they end the process when a disk is full.
"""

from __future__ import annotations

import os
import time
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from similarity.encoders import Encoder

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

requests = Counter("labeling_requests", "Requests answered, by view.", ["view", "method", "status"])
request_seconds = Histogram(
    "labeling_request_seconds",
    "Seconds until a request had its answer.",
    ["view"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
tasks = Counter("labeling_tasks", "Tasks ended, by name and outcome.", ["task", "outcome"])
task_seconds = Histogram(
    "labeling_task_seconds",
    "Seconds a task took.",
    ["task"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 20, 40, 90),
)
encoder_seconds = Counter("labeling_encoder_seconds", "Seconds in which an encoder was at work.")


def note_request(view: str, method: str, status: int, seconds: float) -> None:
    """Count a request. Methods are anybody's to invent, so unknown ones are one."""
    requests.labels(view, method if method in METHODS else "other", str(status)).inc()
    request_seconds.labels(view).observe(seconds)


def note_task(name: str, outcome: str, seconds: float) -> None:
    """Count a task that ended."""
    tasks.labels(name, outcome).inc()
    task_seconds.labels(name).observe(seconds)


class _Counted:
    """An encoder whose time at work is counted; all else is the encoder's own."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def embed_inputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        start = time.perf_counter()
        try:
            return self._encoder.embed_inputs(inputs)
        finally:
            encoder_seconds.inc(time.perf_counter() - start)


def count_seconds_of(encoder: Encoder) -> Encoder:
    """Return the encoder, with the seconds of every `embed_inputs` counted."""
    return cast(Encoder, _Counted(encoder))


def counted() -> CollectorRegistry:
    """Return what the processes here counted: those that share a folder, else this one."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry
