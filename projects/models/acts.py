"""What people did, in order: the history that undo, redo and "who labeled this" read."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .images import Image
from .labels import Label
from .projects import Project


class ActQuerySet(models.QuerySet["Act"]):
    def stack_of(self, user_id: int, project: Project, *, batch_id: int | None = None) -> Self:
        """A person's own acts of one undo stack: the project's, or that of one review."""
        return self.filter(project=project, user=user_id, batch=batch_id).exclude(
            kind=Act.Kind.UNDO
        )


class Act(models.Model):
    """One thing a person did, on one or on thousands of images; undone and redone as a whole."""

    class Kind(models.TextChoices):
        LABEL = "label", "gave or took labels"
        ADD_LABEL = "add_label", "added a label to the list"
        EDIT_LABEL = "edit_label", "changed a label of the list"
        MERGE_LABEL = "merge_label", "merged labels"
        DELETE_LABEL = "delete_label", "deleted a label"
        TRASH = "trash", "deleted images"
        COMMIT = "commit", "added a batch to the dataset"
        DISCARD = "discard", "discarded a batch"
        ACCEPT = "accept", "accepted suggestions outside a review"
        CHECK = "check", "checked accepted suggestions"
        BY_LABEL = "by_label", "reviewed by label"
        CONFIRM = "confirm", "said that labels are right"
        REVIEW = "review", "changed ticks under review"
        UNDO = "undo", "undid or redid"

    class State(models.TextChoices):
        DONE = "done", "in effect"
        UNDONE = "undone", "undone, can be redone"
        DROPPED = "dropped", "undone for good, since something else was done after it"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="acts")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    batch = models.ForeignKey(
        "Batch",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="acts",
        help_text="Set for edits under review, which have their own undo stack.",
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DONE)
    summary = models.CharField(max_length=300, help_text="A sentence: “Labeled 3 images as cat”.")
    payload = models.JSONField(default=dict, help_text="What undo needs beyond the label changes.")
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="undos"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ActQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["project", "user", "batch", "state", "id"], name="undo_stack")
        ]

    def __str__(self) -> str:
        return self.summary


class LabelChange(models.Model):
    """How one act changed one label of one image. Rows are only ever added.

    `before` and `after` hold the `ImageLabel` as it was and became (source, labeled_by, labeled_at,
    score, is_default), or null where the image did not carry the label.
    """

    act = models.ForeignKey(Act, on_delete=models.CASCADE, related_name="changes")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="label_changes")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="+")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["image", "id"], name="history_of_an_image")]

    def __str__(self) -> str:
        return f"{self.image_id}: {self.label_id}"


class AbsentLabelQuerySet(models.QuerySet["AbsentLabel"]):
    def in_effect(self) -> Self:
        """What holds now; the other rows are history."""
        return self.filter(taken_by=None)


class AbsentLabel(models.Model):
    """That a person has said: this image does not carry this label. Without it, nobody knows.

    Who and when are the act's. What takes it back, because the label was given or the act undone,
    writes itself into `taken_by`, and is what its own undoing restores.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="absent_labels")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="+")
    act = models.ForeignKey(Act, on_delete=models.CASCADE, related_name="absences")
    # A row whose taking is forgotten would hold again, so it goes with the act.
    taken_by = models.ForeignKey(
        Act, null=True, blank=True, on_delete=models.CASCADE, related_name="taken_absences"
    )

    objects = AbsentLabelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "label"],
                condition=Q(taken_by=None),
                name="a_label_absent_once_an_image",
            )
        ]

    def __str__(self) -> str:
        return f"{self.image_id} is not {self.label_id}"
