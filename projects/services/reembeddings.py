"""Changing a project's encoder, as people do it: choose, start, look how far it is, cancel.

The work itself is `reembedding_work`, done by workers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from projects.errors import Conflict, Refusal
from projects.models import Image, Project, Reembedding
from similarity.encoders import packaged_encoders

log = logging.getLogger(__name__)

SHOWN = 5
"""Changes that the settings list."""

State = Reembedding.State


class Choice(NamedTuple):
    """An encoder that is offered, and what it is good for."""

    name: str
    hint: str


def encoder_choices() -> list[Choice]:
    """Return the encoders that come with the application, the default first."""
    return [Choice(each.name, f"{each.title}. {each.description}") for each in packaged_encoders()]


def choices_for(project: Project) -> list[Choice]:
    """Return the encoders offered to a project: those that come along, and those it knows.

    Its present one is among them only while it cannot be used: another version of it can.
    """
    offered = {choice.name: choice for choice in encoder_choices()}
    ours = str(settings.ENVIRONMENT["LABELING_ENCODER"])
    offered.setdefault(ours, Choice(ours, "The encoder of new projects here."))
    for run in project.reembeddings.filter(is_purged=False).exclude(state=State.RUNNING):
        name, hint = _known_by(run)
        if name:
            offered[name] = Choice(name, hint)
    if not project.encoder_problem:
        offered.pop(project.encoder, None)
    return list(offered.values())


def _known_by(run: Reembedding) -> tuple[str, str]:
    if run.state == State.DONE:
        return run.from_encoder, "Used before: its vectors are kept, so going back takes seconds."
    begun = run.encoder if run.encoder_version else ""
    return begun, "Begun before: goes on where it stopped."


def start(project: Project, user: AbstractBaseUser, encoder: str) -> Reembedding:
    """Begin to re-embed a project's images, or go on where that was cancelled.

    Started twice, it is one. Whether the encoder can be loaded is found out by the worker, before
    it touches an image. Queueing the worker is left to the caller.

    Raises:
        Refusal: it is the project's encoder already.
        Conflict: re-embedding with another one is running.
    """
    with transaction.atomic():
        now = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        running = now.reembeddings.filter(state=State.RUNNING).first()
        if running and running.encoder == encoder:
            return running
        if running:
            raise Conflict(
                f"Re-embedding with {running.encoder} is running; cancel it first.",
                code="reembedding_runs",
            )
        if now.encoder == encoder and not now.encoder_problem:
            raise Refusal(f"{encoder} is this project's encoder already.", code="same_encoder")
        # Leases and attempts that an earlier one's killed worker left.
        now.images.embedded().filter(attempts__gt=0).update(attempts=0, lease_until=None)
        run = Reembedding.objects.create(
            project=now,
            encoder=encoder,
            from_encoder=now.encoder,
            from_version=now.encoder_version,
            started_by_id=user.pk,
        )
    log.info("project %s: user %s started re-embedding with %s", project.pk, user.pk, encoder)
    return run


def cancel(project: Project, user: AbstractBaseUser) -> Reembedding:
    """Stop the running re-embedding. What is embedded stays, so starting it again goes on there.

    Raises:
        Conflict: none is running (any more).
    """
    with transaction.atomic():
        # The switch holds it too: it is cancelled before or not at all.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        run = project.reembeddings.filter(state=State.RUNNING).first()
        if run is None:
            raise Conflict(
                "No re-embedding is running any more; the settings say how it ended.",
                code="no_reembedding",
            )
        done = run.vectors.count()
        run.end(State.CANCELLED, cancelled_by_id=user.pk, embedded=done)
    log.info("project %s: user %s cancelled re-embedding with %s", project.pk, user.pk, run.encoder)
    return run


@dataclass(frozen=True, slots=True)
class Status:
    """How far a running re-embedding is."""

    encoder: str
    done: int
    """Images that are through, those that could not be read among them."""
    total: int
    failed: int
    is_loading: bool
    """Whether the encoder itself is still being loaded, or waits for a worker."""


def status_of(project: Project) -> Status | None:
    """Return how far the running re-embedding is, None if there is none. Cost: three counts."""
    run = project.reembeddings.filter(state=State.RUNNING).first()
    if run is None:
        return None
    total, failed = run.images.count(), run.failures.count()
    # Images that failed since, or wait to be read again, may have a vector and are not in total.
    done = min(run.vectors.count() + failed, total)
    return Status(run.encoder, done, total, failed, not run.encoder_version)


def recent(project: Project) -> list[Reembedding]:
    """Return the latest re-embeddings that ended, newest first, with who started them."""
    ended = project.reembeddings.exclude(state=State.RUNNING)
    return list(ended.select_related("started_by", "cancelled_by")[:SHOWN])


def embedded_images(project: Project) -> int:
    """Return how many images a re-embedding would go through."""
    return Image.objects.embedded().filter(project=project).count()
