"""How many images there are of each kind: numbers kept beside the rows, by triggers.

Counting a million rows takes a second, and every page asks for it after every act. The triggers of
`count_triggers` move these numbers in the transaction that moves the rows, whoever writes them, so
nothing but them and `services.counts.recount` may write here.
See docs/decisions/0064-a-million-images.md.
"""

from __future__ import annotations

from django.db import models

from .images import Image
from .labels import ImageLabel, Label
from .projects import Project


class ImageCount(models.Model):
    """Number of a project's images in one state: at most 18 rows a project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="image_counts")
    state = models.CharField(max_length=8, choices=Image.State.choices)
    is_labeled = models.BooleanField()
    embedding_state = models.CharField(max_length=8, choices=Image.EmbeddingState.choices)
    # No check that it is positive: PostgreSQL looks at the -1 of an upsert before it adds it.
    number = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "state", "is_labeled", "embedding_state"],
                name="one_number_a_kind_of_image",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} images of {self.project_id}"


class LabelCount(models.Model):
    """Number of images of the dataset that were given a label from one source."""

    label = models.ForeignKey(Label, on_delete=models.CASCADE, related_name="counts")
    source = models.CharField(max_length=10, choices=ImageLabel.Source.choices)
    number = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["label", "source"], name="one_number_a_label_and_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} images are {self.label_id}"
