"""Whether this server can do its work: each part it needs is tried, and told with its reason."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from celery import current_app
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

KEPT_FOR = 3.0
"""Seconds that the answer holds: strangers may ask as often as they like."""
BROKER_SECONDS = 3.0


class Check(NamedTuple):
    """One part and whether it works; `why` never holds an address or a secret."""

    name: str
    ok: bool
    why: str = ""


class NotReady(Exception):
    """A part answers, but not as it has to."""


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    executor = MigrationExecutor(connection)
    left = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if left:
        raise NotReady(f"{len(left)} migrations are not applied: run manage.py migrate")


def _storage() -> None:
    # A name of this process: two of them at the same file would see each other's.
    name = f"health/{socket.gethostname()}-{os.getpid()}"
    default_storage.delete(name)
    default_storage.save(name, ContentFile(b"writable"))
    try:
        if not default_storage.exists(name):
            raise NotReady("a file was written and is not there")
    finally:
        default_storage.delete(name)


def _broker() -> None:
    with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)


PARTS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "storage": _storage,
    "broker": _broker,
}


class _Kept:
    """The last answer, and the lock that lets one thread at a time make a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.checks: list[Check] = []
        self.at = float("-inf")


_kept = _Kept()


def checks() -> list[Check]:
    """Return how each part is, as of at most `KEPT_FOR` seconds ago."""
    with _kept.lock:
        if time.monotonic() - _kept.at > KEPT_FOR:
            _kept.checks = look()
            _kept.at = time.monotonic()
        return _kept.checks


def look() -> list[Check]:
    """Try each part now."""
    return [_tried(name, part) for name, part in PARTS.items()]


def _tried(name: str, part: Callable[[], None]) -> Check:
    try:
        part()
    except NotReady as problem:
        return Check(name, ok=False, why=str(problem))
    except Exception as problem:  # whatever a driver raises: its message may hold an address
        return Check(name, ok=False, why=f"it failed with {type(problem).__name__}")
    return Check(name, ok=True)
