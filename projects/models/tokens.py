"""What scripts show instead of a password."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from .projects import Project


class Scope(models.TextChoices):
    READ = "read", "Read: look at projects, images and labels"
    PREDICT = "predict", "Predict: also ask for suggestions and similar images"
    WRITE = "write", "Write: also upload, label and delete"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> Self:
        """Tokens that are neither revoked nor over, of people who may sign in."""
        now = timezone.now()
        alive = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
        return self.filter(alive, revoked_at__isnull=True, user__is_active=True)


class ApiToken(models.Model):
    """A secret of 32 random bytes that acts for one person. Only its hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="How it begins, to tell it from others.")
    secret_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256, hexadecimal.")
    scope = models.CharField(max_length=7, choices=Scope.choices, default=Scope.READ)
    project = models.ForeignKey(
        Project,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The only project it reaches; empty means all of the person's.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = [F("revoked_at").asc(nulls_first=True), "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def reaches(self, project_id: int) -> bool:
        """Whether the token may be used for this project at all."""
        return self.project_id is None or self.project_id == project_id
