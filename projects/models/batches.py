"""Batches: queries under review, with the person's own decisions kept apart from suggestions."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from .acts import Act
from .images import Image
from .labels import Label
from .projects import Project

MAX_K = 100
"""Largest number of results; as many hits are kept, so that a moved slider never searches."""
DEFAULT_K = 10
DEFAULT_THRESHOLD = 30.0
"""Percent. As in the product this one is measured against."""
ALLOWED_ERRORS = (0.005, 0.01, 0.02, 0.05, 0.1)
"""Shares of wrong labels a person may allow among accepted suggestions. Below half a percent, more
than 600 labeled images without one miss would be needed to promise it."""
DEFAULT_ALLOWED_ERROR = 0.01


class BatchQuerySet(models.QuerySet["Batch"]):
    def open(self) -> Self:
        return self.filter(state=Batch.State.OPEN)

    def committed(self) -> Self:
        return self.filter(state=Batch.State.COMMITTED)

    def reviewed(self) -> Self:
        """Batches whose every row a person has seen; what was accepted unseen proves nothing."""
        return self.committed().exclude(kind=Batch.Kind.ACCEPTED)


class Batch(models.Model):
    """The queries of one review and its parameters. Survives reload, restart, another browser."""

    class Kind(models.TextChoices):
        UPLOADED = "uploaded", "uploaded for review"
        SELECTED = "selected", "selected in the grid"
        NEXT = "next", "next unlabeled images"
        BY_LABEL = "by_label", "reviewed by label"
        ACCEPTED = "accepted", "accepted within an allowed error"

    class State(models.TextChoices):
        OPEN = "open", "under review"
        COMMITTED = "committed", "added to the dataset"
        DISCARDED = "discarded", "discarded"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="batches")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    k = models.PositiveSmallIntegerField(
        "number of results",
        default=DEFAULT_K,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_K)],
    )
    threshold = models.FloatField(
        default=DEFAULT_THRESHOLD,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="Least score, in percent, that is ticked; compared with >=.",
    )
    top_only = models.BooleanField("mark only top scoring label", default=False)
    method = models.CharField(
        max_length=12, default="neighbours", help_text="A name of services.teaching.METHOD_NAMES."
    )
    allowed_error = models.FloatField(
        null=True, blank=True, help_text="Share of wrong ones, 0..1, that was allowed."
    )
    expected_wrong = models.FloatField(
        null=True, blank=True, help_text="How many were expected to be wrong when accepted."
    )
    per_label = models.BooleanField(
        "threshold per label",
        default=False,
        help_text="Tick by the thresholds in `chosen`, and by `threshold` where there is none.",
    )
    chosen = models.JSONField(
        null=True,
        blank=True,
        help_text="Thresholds by label as chosen last, and from what; see `services.thresholds`.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "batches"
        indexes = [models.Index(fields=["project", "state", "id"], name="batches_of_a_project")]

    def __str__(self) -> str:
        return f"Batch {self.pk}"

    def chosen_thresholds(self) -> dict[int, float]:
        """The thresholds chosen last, percent by label id, whether they are used or not."""
        chosen = self.chosen or {"labels": []}
        return {each["label_id"]: each["percent"] for each in chosen["labels"]}


class BatchItem(models.Model):
    """One query of a batch.

    `hits` is what the search found, nearest first: `[[image id, similarity 0..1], ...]`, null until
    it was searched. What the suggestions were and what the person chose is written down when the
    batch is committed, to tell how many were right.
    """

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="batch_items")
    position = models.PositiveIntegerField()
    hits = models.JSONField(null=True)
    searched_revision = models.PositiveBigIntegerField(null=True)
    suggested = models.JSONField(null=True, help_text="Label ids ticked by suggestion at commit.")
    chosen = models.JSONField(null=True, help_text="Label ids saved at commit.")
    was_right = models.BooleanField(null=True, help_text="Null: nothing was suggested or chosen.")
    probability = models.FloatField(
        null=True, help_text="Calibrated: how likely the suggestion was right, 0..1."
    )
    asked_back = models.BooleanField(
        default=False, help_text="Accepted unseen and drawn at random to be checked by a person."
    )
    checked_right = models.BooleanField(
        null=True, help_text="What the check said; null while nobody looked."
    )

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "image"], name="an_image_once_a_batch")
        ]

    def __str__(self) -> str:
        return f"{self.image_id} in {self.batch_id}"


class BatchEdit(models.Model):
    """A tick the person set or removed. Pinned: no control and no new search changes it."""

    item = models.ForeignKey(BatchItem, on_delete=models.CASCADE, related_name="edits")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="+")
    ticked = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "label"], name="one_edit_a_label")]

    def __str__(self) -> str:
        return f"{self.item_id}: {'tick' if self.ticked else 'untick'} {self.label_id}"


__all__ = ["DEFAULT_K", "DEFAULT_THRESHOLD", "MAX_K", "Act", "Batch", "BatchEdit", "BatchItem"]
