"""Acts: how every change of a person begins, so that it can be undone as a whole."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from projects.models import Act, Batch, Project

SUMMARY_LENGTH = 300


def begin_act(
    project: Project,
    user: AbstractBaseUser,
    *,
    kind: Act.Kind,
    summary: str,
    batch: Batch | None = None,
    payload: dict[str, Any] | None = None,
) -> Act:
    """Write down that the person begins to do something, and return the act.

    Call it first in a transaction: raising the revision is also the lock that makes acts of one
    project wait for each other. What the person had undone in this stack cannot be redone from now
    on. The caller does the work, and may set a better `summary` once it knows how many.
    """
    project.raise_revision()
    stack = Act.objects.stack_of(user.pk, project, batch_id=batch.pk if batch else None)
    stack.filter(state=Act.State.UNDONE).update(state=Act.State.DROPPED)
    return Act.objects.create(
        project=project,
        user_id=user.pk,
        batch=batch,
        kind=kind,
        summary=shortened(summary),
        payload=payload or {},
    )


def summarize(act: Act, summary: str) -> None:
    """Say what the act came to."""
    act.summary = shortened(summary)
    act.save(update_fields=["summary", "payload"])


def shortened(summary: str) -> str:
    """Return the sentence, cut with an ellipsis where it is longer than the column."""
    return summary if len(summary) <= SUMMARY_LENGTH else summary[: SUMMARY_LENGTH - 1] + "…"


def count(number: int, one: str, many: str = "") -> str:
    """Return "1 image", "2,000 images"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
