"""Uploads and what became of each of their files."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .acts import Act
from .batches import Batch
from .images import Image
from .projects import Project


class UploadQuerySet(models.QuerySet["Upload"]):
    def to_unpack(self) -> Self:
        """Archives that no living worker holds."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
        return self.filter(free, state=Upload.State.UNPACKING)


class Upload(models.Model):
    """One act of uploading: some files, a folder or a zip."""

    class Kind(models.TextChoices):
        FILES = "files", "files"
        FOLDER = "folder", "a folder"
        ZIP = "zip", "a zip file"

    class State(models.TextChoices):
        RECEIVING = "receiving", "receiving files"
        UNPACKING = "unpacking", "unpacking"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=6, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.RECEIVING)
    labels = models.JSONField(default=list, help_text="Names of labels that every image gets.")
    label_by_folder = models.BooleanField(default=False)
    batch = models.ForeignKey(
        Batch,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="uploads",
        help_text="Set when the images are queries of a review, staged until it is committed.",
    )
    label_act = models.ForeignKey(
        Act,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The act that gives the labels, one for all files, so that one undo takes them.",
    )
    announced = models.PositiveIntegerField(default=0, help_text="Files it said it would send.")
    archive_name = models.CharField(max_length=255, blank=True)
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Upload {self.pk} of {self.kind}"


class UploadResult(models.Model):
    """What became of one file of an upload."""

    class Outcome(models.TextChoices):
        ADDED = "added", "added"
        DUPLICATE = "duplicate", "duplicate"
        REFUSED = "refused", "refused"

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="results")
    path = models.CharField(max_length=1024)
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    reason = models.CharField(max_length=500, blank=True)
    image = models.ForeignKey(
        Image,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The image added, or the one this is a duplicate of.",
    )

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["upload", "path"], name="one_result_a_file")]
        indexes = [models.Index(fields=["upload", "outcome", "id"], name="results_by_outcome")]

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome}"
