"""A project and the people who may work in it."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

BATCH_SIZES = (10, 100)
"""Smallest and largest number of queries of one batch."""


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    LABELER = "labeler", "Labeler"
    VIEWER = "viewer", "Viewer"


class ProjectQuerySet(models.QuerySet["Project"]):
    def live(self) -> Self:
        """Projects that nobody has deleted."""
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """Live projects this person owns or is a member of."""
        if user.pk is None:
            return self.none()
        return self.live().filter(Q(owner=user.pk) | Q(memberships__user=user.pk)).distinct()


class Project(models.Model):
    """Images, labels and the people who work on them."""

    name = models.CharField(max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_projects"
    )
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="projects"
    )
    multi_label = models.BooleanField(
        "several labels an image", default=False, help_text="Off: an image has one label at most."
    )
    encoder = models.CharField(
        max_length=255, blank=True, help_text="Empty until the first image fixes it."
    )
    encoder_version = models.CharField(max_length=100, blank=True)
    encoder_problem = models.CharField(
        max_length=500,
        blank=True,
        help_text="Why the worker cannot load the encoder; images wait until it can.",
    )
    batch_size = models.PositiveSmallIntegerField(
        default=50,
        validators=[MinValueValidator(BATCH_SIZES[0]), MaxValueValidator(BATCH_SIZES[1])],
    )
    revision = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name

    def raise_revision(self) -> None:
        """Move the counter that every cache of this project is named by.

        Call it first in a transaction that changes labels or embeddings: the row it writes is also
        the lock that makes such transactions of one project wait for each other.
        """
        type(self).objects.filter(pk=self.pk).update(revision=F("revision") + 1)
        self.refresh_from_db(fields=["revision"])

    def role_of(self, user: AbstractBaseUser | AnonymousUser) -> Role | None:
        """The person's role here, or None for a stranger."""
        if user.pk is None:
            return None
        if self.owner_id == user.pk:
            return Role.OWNER
        membership = self.memberships.filter(user=user.pk).first()
        return Role(membership.role) if membership else None


class Membership(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.LABELER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="one_membership_a_person")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.project_id}"
