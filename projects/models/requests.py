"""What is remembered of requests over the API: answers to repeat, and how many there were."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from .projects import Project
from .tokens import ApiToken


class KeptAnswer(models.Model):
    """The first answer to a request with an `Idempotency-Key`; without status it is on its way."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.ForeignKey(ApiToken, null=True, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, blank=True)
    content = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token", "key"], name="one_answer_a_token_and_key"),
            models.UniqueConstraint(
                fields=["user", "key"],
                condition=models.Q(token__isnull=True),
                name="one_answer_a_session_and_key",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class DayOfUse(models.Model):
    """How many predictions a project was asked for on one day (UTC); kept only under a quota."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="days_of_use")
    day = models.DateField()
    predictions = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "day"], name="one_count_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} on {self.day}: {self.predictions}"
