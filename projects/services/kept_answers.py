"""Answers to requests with an `Idempotency-Key`: the first is kept, and given again.

The row is written before the work begins, so of two equal requests at once only one does it. What
was begun and never answered, because the server was killed, is not done again: nobody knows how far
it came.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from projects.errors import Conflict, Refusal, TooMany
from projects.models import ApiToken, KeptAnswer

KEPT_FOR = timedelta(hours=24)
MAX_KEY = 255
KEY = re.compile(r"[!-~]+")
WAIT_FOR = 15.0
"""Seconds that a repeated request waits for the first one's answer."""
LONGEST = timedelta(minutes=10)
"""No request works longer than that: one that is still without an answer was killed."""


@dataclass(frozen=True)
class Begun:
    """Either a row to answer, or the answer that was given before."""

    row: KeptAnswer
    is_first: bool


def begin(user: AbstractBaseUser, token: ApiToken | None, *, key: str, request_hash: str) -> Begun:
    """Say that a request begins; where it began before, wait for its answer.

    Raises:
        Refusal: the key is too long, or was used for another request.
        Conflict: the first request is still at work, or ended without an answer.
    """
    if len(key) > MAX_KEY or not KEY.fullmatch(key):
        raise Refusal(
            f"Idempotency-Key has 1 to {MAX_KEY} ASCII characters without spaces.",
            code="idempotency_key",
        )
    mine = KeptAnswer.objects.filter(user=user.pk, token=token, key=key)
    mine.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            row = KeptAnswer.objects.create(
                user_id=user.pk, token=token, key=key, request_hash=request_hash
            )
        return Begun(row, is_first=True)
    except IntegrityError:
        row = mine.get()
    if row.request_hash != request_hash:
        raise Refusal(
            f"The Idempotency-Key {key} was used for another request; use a new one for each.",
            code="idempotency_key_reused",
            status=422,
        )
    return Begun(_answered(row), is_first=False)


def _answered(row: KeptAnswer) -> KeptAnswer:
    deadline = time.monotonic() + WAIT_FOR
    while row.status is None:
        if timezone.now() - row.created_at > LONGEST:
            raise Conflict(
                "The first request with this Idempotency-Key ended without an answer; look what "
                "was done, then go on with a new key.",
                code="interrupted",
            )
        if time.monotonic() > deadline:
            raise Conflict(
                "The first request with this Idempotency-Key is still at work; ask again.",
                code="in_progress",
                wait=1,
            )
        time.sleep(0.05)
        fresh = KeptAnswer.objects.filter(pk=row.pk).first()
        if fresh is None:
            raise Conflict(
                "The first request with this Idempotency-Key failed; send it again.",
                code="in_progress",
                wait=1,
            )
        row = fresh
    return row


def keep(row: KeptAnswer, *, status: int, content_type: str, content: bytes) -> None:
    """Keep the answer, unless it says that the server failed or is busy: then nothing was done."""
    if status >= 500 or status == TooMany.status:
        row.delete()
        return
    row.status, row.content_type, row.content = status, content_type, content
    row.save(update_fields=["status", "content_type", "content"])


def purge_kept_answers() -> int:
    """Forget what was kept long enough."""
    deleted, _ = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    return deleted
