"""What waits in the database, as Prometheus reads it: the same whichever server is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.db import DatabaseError, InterfaceError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .metrics import counted
from .services.workload import Workload, workload

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
KEPT_FOR = 10.0
"""Seconds that the counts are told again instead of being counted again."""


class Rows(Collector):
    """What waits in the database: the same whichever process is asked."""

    def __init__(self) -> None:
        self._kept: Workload | None = None
        self._kept_at = 0.0

    def collect(self) -> Iterator[Metric]:
        found = self._look()
        answers = GaugeMetricFamily("labeling_database_up", "Whether the database answers.")
        answers.add_metric([], float(found is not None))
        yield answers
        if found:
            yield from _gauges(found)

    def _look(self) -> Workload | None:
        if self._kept is None or time.monotonic() - self._kept_at > KEPT_FOR:
            try:
                self._kept = workload()
            except (DatabaseError, InterfaceError):
                self._kept = None
            self._kept_at = time.monotonic()
        return self._kept


def _gauges(found: Workload) -> Iterator[Metric]:
    images = GaugeMetricFamily("labeling_images", "Images by embedding state.", labels=["state"])
    images.add_metric(["pending"], found.pending)
    images.add_metric(["failed"], found.failed)
    yield images
    jobs = GaugeMetricFamily("labeling_jobs", "Jobs not ended, by state.", labels=["state"])
    jobs.add_metric(["waiting"], found.jobs_waiting)
    jobs.add_metric(["running"], found.jobs_running)
    yield jobs
    for name, meaning, value in (
        ("labeling_archives", "Zip files not unpacked yet.", found.archives),
        ("labeling_reembeddings", "Projects that change their encoder.", found.reembeddings),
        (
            "labeling_queue_age_seconds",
            "Since when the first image waits that no worker holds.",
            found.queue_age,
        ),
    ):
        yield GaugeMetricFamily(name, meaning, value=value)


_rows = Rows()


def server_metrics() -> bytes:
    """Return what all processes of this server counted, and what waits in the rows."""
    registry = CollectorRegistry()
    registry.register(_rows)
    return generate_latest(counted()) + generate_latest(registry)
