"""Labels: the classes of a project, and what an image carries."""

from __future__ import annotations

import unicodedata
from typing import Any, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .images import Image
from .projects import Project

COLORS = (
    "#e5484d", "#0090ff", "#30a46c", "#f76b15", "#8e4ec6", "#00a2c7", "#d6409f", "#bdaa1c",
    "#7c6a53", "#3e63dd", "#46a758", "#e54666", "#12a594", "#ad7f58", "#6e56cf", "#978365",
    "#ab4aba", "#5b8c00", "#0588f0", "#ca6f00",
)  # fmt: skip
"""What new labels get in turn: hues far apart first, readable on light and on dark."""


def name_key(name: str) -> str:
    """What two names of one label have in common, whatever their case and Unicode form."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


class LabelQuerySet(models.QuerySet["Label"]):
    def live(self) -> Self:
        return self.filter(deleted_at__isnull=True)


class Label(models.Model):
    """A class of the project's list."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=100)
    name_key = models.CharField(max_length=200, editable=False)
    color = models.CharField(max_length=7, validators=[RegexValidator(r"^#[0-9a-f]{6}$")])
    key = models.CharField(
        max_length=1, blank=True, validators=[RegexValidator(r"^[1-9]$")], help_text="1 to 9."
    )
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = LabelQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        # Images sorted by label are read label by label in this order, and sorted no more.
        indexes = [models.Index(fields=["project", "position", "id"], name="label_by_position")]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name_key"],
                condition=Q(deleted_at__isnull=True),
                name="one_label_a_name",
            ),
            models.UniqueConstraint(
                fields=["project", "key"],
                condition=Q(deleted_at__isnull=True) & ~Q(key=""),
                name="one_label_a_key",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name_key = name_key(self.name)
        super().save(*args, **kwargs)


class ImageLabel(models.Model):
    """That an image carries a label: confirmed by a person or a script, never a suggestion."""

    class Source(models.TextChoices):
        HAND = "hand", "by hand"
        SUGGESTION = "suggestion", "suggested and confirmed"
        API = "api", "over the API"
        IMPORT = "import", "imported"

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="image_labels")
    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="image_labels")
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.HAND)
    labeled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    labeled_at = models.DateTimeField(default=timezone.now)
    score = models.FloatField(null=True, blank=True, help_text="Percent, of a suggestion.")
    is_default = models.BooleanField(
        default=False, help_text="The starred one; every labeled image has exactly one."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image", "label"], name="a_label_once_an_image"),
            models.UniqueConstraint(
                fields=["image"], condition=Q(is_default=True), name="one_default_label_an_image"
            ),
        ]
        indexes = [models.Index(fields=["label", "source", "image"], name="images_of_a_label")]

    def __str__(self) -> str:
        return f"{self.image_id} is {self.label_id}"
