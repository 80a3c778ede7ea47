"""How much waits for workers, in all projects: read from indexes, whatever the number of images."""

from __future__ import annotations

from typing import NamedTuple

from django.utils import timezone

from projects.models import Image, Job, Project, Reembedding, Upload


class Workload(NamedTuple):
    """Counts of what is not done yet."""

    pending: int
    failed: int
    queue_age: float
    """Seconds since the first image arrived that no worker holds; 0: none waits."""
    jobs_waiting: int
    jobs_running: int
    archives: int
    reembeddings: int


def workload() -> Workload:
    """Count what waits. Seven queries."""
    return Workload(
        pending=Image.objects.pending().count(),
        # Project by project, since the index begins with it.
        failed=Image.objects.failed().filter(project__in=Project.objects.all()).count(),
        queue_age=_queue_age(),
        jobs_waiting=Job.objects.filter(state=Job.State.WAITING).count(),
        jobs_running=Job.objects.filter(state=Job.State.RUNNING).count(),
        archives=Upload.objects.filter(state=Upload.State.UNPACKING).count(),
        reembeddings=Reembedding.objects.running().count(),
    )


def _queue_age() -> float:
    waiting = Image.objects.pending().filter(lease_until__isnull=True)
    first = waiting.order_by("lease_until", "id").values_list("uploaded_at", flat=True).first()
    return max(0.0, (timezone.now() - first).total_seconds()) if first else 0.0
