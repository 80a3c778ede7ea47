"""Celery tasks: ids in, one service call, safe to run twice."""

from __future__ import annotations

import logging
import mmap
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_ready, worker_shutting_down
from kombu.exceptions import OperationalError

from .models import Job, Reembedding, Upload
from .services import (
    archives,
    collections,
    embeddings,
    encoders,
    graphs,
    jobs,
    kept_answers,
    pgvector,
    projects,
    purge,
    reembedding_work,
)
from .services.meanwhile import EmbeddingMeanwhile

log = logging.getLogger(__name__)

SECONDS = 20.0
"""A task stops beginning new chunks after that, so that other tasks get their turn."""
TIME_LIMIT = 90
"""Celery kills the child process then. A chunk takes seconds, so what takes longer hangs; the image
that did it is found by its third attempt, alone."""
PGVECTOR_TIME_LIMIT = 3600
"""PostgreSQL makes the graph of a set in one statement: a minute for 100,000 images. A message more
than one at a time ends at once, since one worker writes for a project."""

_stopping = mmap.mmap(-1, 1)
"""One byte that Celery's main process shares with the pool's processes, which it forks later."""


def asked_to_stop() -> bool:
    """Whether the worker is to end: tasks then begin no new chunk, and rows keep what is left."""
    return _stopping[0] == 1


@shared_task(time_limit=TIME_LIMIT)
def embed_pending(retry_encoders: bool = False) -> None:
    # One message always waits while there is more than this task can take: a second worker, or this
    # one when its time is up, goes on with it.
    more = embeddings.waiting() > embeddings.CHUNK
    if more:
        embed_pending.delay()
    embeddings.work_off(seconds=SECONDS, retry_encoders=retry_encoders, asked_to_stop=asked_to_stop)
    if not more and embeddings.waiting(1):
        embed_pending.delay()


@shared_task(time_limit=TIME_LIMIT)
def unpack_upload(upload_id: int) -> None:
    upload = Upload.objects.filter(pk=upload_id).first()
    if upload and _unpack(upload):
        unpack_upload.delay(upload_id)
    look_for_work()


def _unpack(upload: Upload) -> bool:
    with EmbeddingMeanwhile(asked_to_stop) as meanwhile:
        return archives.unpack(
            upload, seconds=SECONDS, asked_to_stop=asked_to_stop, after_group=meanwhile.begin
        )


@shared_task(time_limit=TIME_LIMIT)
def run_job(job_id: int) -> None:
    job = Job.objects.filter(pk=job_id).select_related("project").first()
    if job and jobs.work_on(job, seconds=SECONDS):
        run_job.delay(job_id)


@shared_task(time_limit=TIME_LIMIT)
def reembed(run_id: int, turn: int) -> None:
    run = reembedding_work.begin_turn(run_id, turn)
    if run is None:
        return
    more = reembedding_work.work_on(run, seconds=SECONDS, asked_to_stop=asked_to_stop)
    # New images first: they are why it stopped, or wait for the encoder it has just switched to.
    if embeddings.waiting(1):
        _queue(embed_pending)
    if more:
        reembed.delay(run_id, turn + 1)


@shared_task(time_limit=TIME_LIMIT)
def grow_index(project_id: int, turn: str) -> None:
    if graphs.grow_on(project_id, turn, seconds=SECONDS, asked_to_stop=asked_to_stop):
        grow_index.delay(project_id, graphs.turn_of(project_id))


@shared_task(time_limit=PGVECTOR_TIME_LIMIT)
def write_pgvector(project_id: int) -> None:
    pgvector.write(project_id)


@shared_task
def sweep() -> None:
    """Queue whatever is pending and held by no living worker, and clear away what is over."""
    for upload_id in Upload.objects.to_unpack().values_list("pk", flat=True):
        unpack_upload.delay(upload_id)
    for job_id in Job.objects.to_do().values_list("pk", flat=True):
        run_job.delay(job_id)
    if not embeddings.is_worked_on():
        embed_pending.delay(retry_encoders=True)
    for run in reembedding_work.left_alone():
        reembed.delay(run.pk, run.turn)
    jobs.purge_jobs()
    kept_answers.purge_kept_answers()
    purge.purge_trash()
    purge.purge_old_vectors()
    purge.close_abandoned_uploads()
    purge.remove_leftovers()
    projects.purge_deleted_projects()
    collections.remove_unused()
    graphs.remove_unused()
    for project_id in graphs.behind():
        grow_index.delay(project_id, graphs.turn_of(project_id))
    pgvector.remove_unused()
    for project_id in pgvector.behind():
        write_pgvector.delay(project_id)


def look_for_work() -> None:
    """Wake a worker for new images, unless one is at it: that one looks again by itself."""
    if not embeddings.is_worked_on():
        _queue(embed_pending)


def unpack_soon(upload: Upload) -> None:
    """Wake a worker for a zip file."""
    _queue(unpack_upload, upload.pk)


def run_soon(job: Job) -> None:
    """Wake a worker for a job."""
    _queue(run_job, job.pk)


def reembed_soon(run: Reembedding) -> None:
    """Wake a worker for a re-embedding."""
    _queue(reembed, run.pk, run.turn)


def _queue(task: Any, *arguments: int) -> None:
    """Send a message if that is possible: the rows are there, and the sweep finds them too."""
    try:
        task.delay(*arguments)
    except (OperationalError, OSError):
        log.warning("the broker cannot be reached; the next sweep begins %s", task.name)


@worker_process_init.connect
def _embed_on_every_core(**_: Any) -> None:
    encoders.expect_calls_at_once()


@worker_ready.connect
def _sweep_at_start(**_: Any) -> None:
    sweep.delay()


@worker_shutting_down.connect
def _finish_soon(**_: Any) -> None:
    _stopping[0] = 1
