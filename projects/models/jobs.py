"""Work of one request that takes longer than a request should."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .projects import Project


class JobQuerySet(models.QuerySet["Job"]):
    def to_do(self) -> Self:
        """Unfinished jobs that no living worker holds."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
        return self.filter(free, state__in=[Job.State.WAITING, Job.State.RUNNING])


class Job(models.Model):
    """Suggestions for many images, made by the worker in pieces. The row is the queue.

    `items` are what was asked for, in order: `{"image": name}` for an image of the project, and
    `{"image": name, "stored": file}` for a file that came with the request. `results` grow piece by
    piece, one for each item from the first on, so a killed worker loses the last piece at most.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="jobs")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    controls = models.JSONField(default=dict)
    items = models.JSONField(default=list)
    results = models.JSONField(default=list)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "lease_until"], name="jobs_to_do")]

    def __str__(self) -> str:
        return f"Job {self.pk}: {self.done} of {self.total}"
