"""Changing a project's encoder: one row for each time somebody asked for it."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .images import Embedding, Image, ImageQuerySet
from .projects import Project


class ReembeddingQuerySet(models.QuerySet["Reembedding"]):
    def running(self) -> Self:
        """Those a worker goes on with; a deleted project's wait until it is restored."""
        return self.filter(state=Reembedding.State.RUNNING, project__deleted_at__isnull=True)

    def not_loading(self) -> Self:
        """Those whose encoder no living worker is loading."""
        return self.filter(Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now()))


class Reembedding(models.Model):
    """One change of a project's encoder, from its start to the switch or to its end without one.

    What is to do is no list of its own: it is every embedded image without a vector by `encoder`
    and `encoder_version`. So a killed worker, a cancellation and a new start lose nothing.
    """

    class State(models.TextChoices):
        RUNNING = "running", "running"
        CANCELLED = "cancelled", "cancelled"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="reembeddings")
    encoder = models.CharField(max_length=255)
    encoder_version = models.CharField(
        max_length=100, blank=True, help_text="Empty until a worker has loaded the encoder."
    )
    from_encoder = models.CharField(max_length=255, blank=True)
    from_version = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    problem = models.CharField(max_length=500, blank=True, help_text="Why it failed, a sentence.")
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    embedded = models.PositiveIntegerField(default=0, help_text="Images with a vector at its end.")
    lost = models.PositiveIntegerField(default=0, help_text="Images without one: not readable.")
    turn = models.PositiveIntegerField(
        default=0, help_text="Number of the message that goes on with it; all others are stale."
    )
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Of loading the encoder.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="While it is loaded.")
    is_purged = models.BooleanField(
        default=False, help_text="The vectors that were only kept to go back are gone."
    )

    objects = ReembeddingQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(state="running"), name="one_reembedding_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.project_id} to {self.encoder}: {self.state}"

    @property
    def images(self) -> ImageQuerySet:
        """The project's embedded images, those in the trash too: they may come back."""
        return Image.objects.embedded().filter(project=self.project_id)

    @property
    def vectors(self) -> models.QuerySet[Embedding]:
        """The project's vectors by the new encoder."""
        return Embedding.objects.filter(
            project=self.project_id, encoder=self.encoder, encoder_version=self.encoder_version
        )

    def end(self, state: Reembedding.State, **fields: object) -> bool:
        """Write how it ended, unless it ended before; return whether this was it."""
        ended = (
            type(self)
            .objects.filter(pk=self.pk, state=self.State.RUNNING)
            .update(state=state, finished_at=timezone.now(), lease_until=None, attempts=0, **fields)
        )
        self.refresh_from_db()
        return bool(ended)


class ReembeddingFailure(models.Model):
    """An image that a re-embedding could not read. It fails with the switch, not before."""

    reembedding = models.ForeignKey(Reembedding, on_delete=models.CASCADE, related_name="failures")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=500)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reembedding", "image"], name="one_failure_an_image_and_reembedding"
            )
        ]

    def __str__(self) -> str:
        return f"{self.image_id}: {self.reason}"
