"""What is told of each task: a line in the log, a place in the metrics, the request behind it."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import Any

from celery.signals import before_task_publish, task_postrun, task_prerun, worker_ready
from django.conf import settings
from prometheus_client import start_http_server

from .logs import knowing, known
from .metrics import counted, note_task

log = logging.getLogger(__name__)

HEADER = "labeling_request_id"
_running: dict[str, tuple[float, ExitStack]] = {}
"""By task id. A process of the pool runs one at a time; in a test one may run inside another."""


def connect() -> None:
    """Listen to Celery's signals, in web servers for the messages and in workers for the tasks."""
    before_task_publish.connect(_send_request_id, weak=False)
    task_prerun.connect(_begin, weak=False)
    task_postrun.connect(_end, weak=False)
    worker_ready.connect(_tell_metrics, weak=False)


def _send_request_id(headers: dict[str, Any], **_: Any) -> None:
    if request_id := known("request_id"):
        headers[HEADER] = request_id


def _begin(task_id: str, task: Any, **_: Any) -> None:
    facts: dict[str, Any] = {"task": task.name, "task_id": task_id}
    if request_id := task.request.get(HEADER):
        facts["request_id"] = request_id
    stack = ExitStack()
    stack.enter_context(knowing(**facts))
    _running[task_id] = time.perf_counter(), stack


def _end(task_id: str, task: Any, args: Any = (), state: str | None = None, **_: Any) -> None:
    start, stack = _running.pop(task_id)
    seconds = time.perf_counter() - start
    outcome = "done" if state == "SUCCESS" else "error"
    note_task(task.name, outcome, seconds)
    # Arguments are ids of rows and settings of ours.
    facts = {"args": list(args), "outcome": outcome, "ms": round(1000 * seconds, 1)}
    log.info("task", extra={"facts": facts})
    stack.close()


def _tell_metrics(**_: Any) -> None:
    if port := settings.ENVIRONMENT["LABELING_WORKER_METRICS_PORT"]:
        start_http_server(port, registry=counted())
