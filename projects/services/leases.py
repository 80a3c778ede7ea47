"""Leases: a worker says every few seconds that it still lives. Stints: how long it goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection, models
from django.utils import timezone


class Stint:
    """How long a worker begins new chunks: until its time is up, or it is asked to stop."""

    def __init__(self, seconds: float, asked_to_stop: Callable[[], bool] | None = None) -> None:
        self._end = time.monotonic() + seconds
        self._asked_to_stop = asked_to_stop or (lambda: False)

    @property
    def is_over(self) -> bool:
        return self._asked_to_stop() or time.monotonic() > self._end


@contextmanager
def kept_lease(rows: Sequence[models.Model], lease: timedelta) -> Iterator[None]:
    """Renew `lease_until` of some rows of one model, three times a lease, until the block ends.

    Rows that were written in the meantime have no lease any more, and get none back.
    """
    model, ids = type(rows[0]), [row.pk for row in rows]
    ended = threading.Event()

    def renew() -> None:
        try:
            while not ended.wait(lease.total_seconds() / 3):
                held = model._default_manager.filter(pk__in=ids, lease_until__isnull=False)
                held.update(lease_until=timezone.now() + lease)
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
