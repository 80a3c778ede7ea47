"""Embedding while something else that adds images goes on: unpacking a zip leaves a core idle."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import connection

from projects.services.embeddings import work_off

log = logging.getLogger(__name__)

PAUSE = 0.2
"""Seconds between two looks for new images, when there are none."""
FOREVER = 3600.0


class EmbeddingMeanwhile:
    """Embeds new images in a thread of its own, from `begin` until the `with` block ends.

    Chunks that were begun then are finished. Images of a worker that died are left to others: what
    kills this worker also ends what goes on beside it.
    """

    def __init__(self, asked_to_stop: Callable[[], bool]) -> None:
        self._asked_to_stop = asked_to_stop
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> EmbeddingMeanwhile:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def begin(self) -> None:
        """Begin, if that was not done before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="embed", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        try:
            while not self._is_over():
                work_off(seconds=FOREVER, asked_to_stop=self._is_over, fresh_only=True)
                self._ended.wait(PAUSE)
        except Exception:
            # The images are given back, and the next task says what it is: a full disk, mostly.
            log.exception("embedding beside another task failed")
        finally:
            connection.close()

    def _is_over(self) -> bool:
        return self._ended.is_set() or self._asked_to_stop()
