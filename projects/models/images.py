"""Images, the state of their embedding, and the embeddings."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, Func, OuterRef, Q
from django.utils import timezone

from .projects import Project

MAX_ATTEMPTS = 3
"""An image that took its worker down this often is marked failed, and the rest go on."""


class Unindexed(Func):
    """A column that SQLite looks up in no index, so that it begins elsewhere; PostgreSQL knows."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **extra)


class ImageQuerySet(models.QuerySet["Image"]):
    def found_otherwise(self, project: Project) -> Self:
        """The dataset of a project, for a query that names images by a list of ids besides.

        SQLite would rather read the project's 1,000,000 images than look up the 88,000 of the list.
        """
        return self.alias(
            any_project=Unindexed("project_id", output_field=models.BigIntegerField()),
            any_state=Unindexed("state", output_field=models.CharField()),
        ).filter(any_project=project.pk, any_state=Image.State.DATASET)

    def in_dataset(self) -> Self:
        return self.filter(state=Image.State.DATASET)

    def staged(self) -> Self:
        return self.filter(state=Image.State.STAGED)

    def kept(self) -> Self:
        """Everything but what was thrown away."""
        return self.exclude(state=Image.State.TRASH)

    def labeled(self) -> Self:
        return self.filter(is_labeled=True)

    def unlabeled(self) -> Self:
        return self.filter(is_labeled=False)

    def embedded(self) -> Self:
        return self.filter(embedding_state=Image.EmbeddingState.EMBEDDED)

    def pending(self) -> Self:
        return self.filter(embedding_state=Image.EmbeddingState.PENDING)

    def failed(self) -> Self:
        return self.filter(embedding_state=Image.EmbeddingState.FAILED)

    def without_lease(self) -> Self:
        """Pending images that no living worker holds."""
        return self.pending().filter(
            Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
        )

    def for_next_batch(self) -> Self:
        """Unlabeled, embedded images that are not under review, in an order that mixes the classes.

        Photos of one class arrive together; ordered by content hash they come mixed, the same way
        each time.
        """
        return (
            self.in_dataset()
            .unlabeled()
            .embedded()
            .exclude(batch_items__batch__state="open")
            .order_by("content_hash")
        )

    def never_in_a_batch(self) -> Self:
        """Those that no batch was added with: neither labeled in one nor left without a label."""
        return self.exclude(batch_items__batch__state="committed")

    def never_left_out(self) -> Self:
        """Those that nobody looked at and then left without a label, or said to be none of it."""
        looked_at = Image.objects.filter(
            Q(batch_items__batch__state="committed", batch_items__chosen=[])
            | Q(batch_items__checked_right=False),
            pk=OuterRef("pk"),
        )
        return self.filter(~Exists(looked_at))

    def accepted_unseen(self) -> Self:
        """Those that carry a suggestion which was accepted and which nobody looked at since."""
        return self.filter(
            batch_items__batch__kind="accepted",
            batch_items__batch__state="committed",
            batch_items__checked_right=None,
            image_labels__source="suggestion",
        )


class Image(models.Model):
    """One picture of a project. Its bytes lie under project id and content hash."""

    class State(models.TextChoices):
        STAGED = "staged", "uploaded for review"
        DATASET = "dataset", "in dataset"
        TRASH = "trash", "thrown away"

    class EmbeddingState(models.TextChoices):
        PENDING = "pending", "waiting"
        EMBEDDED = "embedded", "ready"
        FAILED = "failed", "failed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="images")
    upload = models.ForeignKey(
        "Upload", null=True, blank=True, on_delete=models.SET_NULL, related_name="images"
    )
    name = models.CharField(max_length=255, help_text="Unique in the project: the key over REST.")
    path = models.CharField(max_length=1024, help_text="Relative path as uploaded.")
    content_hash = models.CharField(max_length=64, help_text="SHA-256 of the bytes, hexadecimal.")
    extension = models.CharField(max_length=8, help_text="Of the real format, with its dot.")
    byte_size = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(help_text="Pixels, upright.")
    height = models.PositiveIntegerField(help_text="Pixels, upright.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.DATASET)
    is_labeled = models.BooleanField(
        default=False, help_text="Whether it carries a label; kept true by services.labels."
    )
    # Labels are only hidden; they go with their project, and so do its images. As a constraint,
    # each label that goes would read all images, for want of an index that begins with this.
    default_label = models.ForeignKey(
        "Label",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_index=False,
        db_constraint=False,
        help_text="The starred one, as its ImageLabel says; kept the same by services.labels.",
    )
    embedding_state = models.CharField(
        max_length=8, choices=EmbeddingState.choices, default=EmbeddingState.PENDING
    )
    failure_reason = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    uploaded_at = models.DateTimeField(default=timezone.now)
    trashed_at = models.DateTimeField(null=True, blank=True)
    trashed_by = models.ForeignKey(
        "Act", null=True, blank=True, on_delete=models.SET_NULL, related_name="trashed_images"
    )

    objects = ImageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "content_hash"], name="same_bytes_once"),
            models.UniqueConstraint(
                fields=["project", "name"], condition=~Q(state="trash"), name="one_image_a_name"
            ),
        ]
        # The first three end with what the grid filters by: it finds a page of ids in one of them
        # alone, reading all of it at worst, 0.1 s a million, where a row each would be a second.
        indexes = [
            models.Index(
                fields=[
                    *("project", "state", "name", "id"),
                    *("is_labeled", "embedding_state", "uploaded_at"),
                ],
                name="image_by_name",
            ),
            models.Index(
                fields=[
                    *("project", "state", "uploaded_at", "id"),
                    *("is_labeled", "embedding_state", "name"),
                ],
                name="image_by_time",
            ),
            models.Index(
                fields=[
                    *("project", "state", "default_label", "name", "id"),
                    *("is_labeled", "embedding_state", "uploaded_at"),
                ],
                name="image_by_label",
            ),
            models.Index(fields=["project", "state", "is_labeled", "id"], name="image_by_labeled"),
            models.Index(
                fields=["project", "embedding_state", "id"], name="image_by_embedding_state"
            ),
            models.Index(
                fields=["lease_until", "id"],
                condition=Q(embedding_state="pending"),
                name="image_queue",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def file_name(self) -> str:
        """Where the bytes lie in the storage."""
        return f"{self.project_id}/{self.content_hash[:2]}/{self.content_hash}{self.extension}"

    @property
    def thumbnail_name(self) -> str:
        """Where the thumbnail lies in the storage, once the image is embedded."""
        return f"{self.project_id}/{self.content_hash[:2]}/{self.content_hash}.thumb.jpg"

    @property
    def old_thumbnail_name(self) -> str:
        """Where it lies if it was made before thumbnails were JPEG: it stays, and is served."""
        return f"{self.project_id}/{self.content_hash[:2]}/{self.content_hash}.thumb.webp"

    @property
    def large_name(self) -> str:
        """Where a rendering of formats that browsers cannot show lies, once asked for."""
        return f"{self.project_id}/{self.content_hash[:2]}/{self.content_hash}.large.webp"

    @property
    def stored_names(self) -> tuple[str, ...]:
        """Every file there may be of this image."""
        return (self.file_name, self.thumbnail_name, self.old_thumbnail_name, self.large_name)

    @property
    def folder(self) -> str:
        """The innermost folder it was uploaded from, or the empty string."""
        return PurePosixPath(self.path).parent.name


class Embedding(models.Model):
    """Unit-length float32 vector of one image by one encoder, little-endian, `dim` x 4 bytes."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="embeddings")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="embeddings")
    encoder = models.CharField(max_length=255)
    encoder_version = models.CharField(max_length=100)
    vector = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "encoder", "encoder_version"], name="one_embedding_an_encoder"
            )
        ]
        indexes = [
            models.Index(
                fields=["project", "encoder", "encoder_version", "id"], name="embedding_collection"
            )
        ]

    def __str__(self) -> str:
        return f"{self.image_id} by {self.encoder}"
