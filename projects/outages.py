"""Which errors mean that something the server needs is away, and what is told then.

Nothing was done in such a case: rows are written in one transaction, and files appear whole or not.
So the remedy is always to send it again.
"""

from __future__ import annotations

import errno

from django.db import InterfaceError, OperationalError

from .errors import Refusal

FULL = {errno.ENOSPC, errno.EDQUOT}
AWAY = {
    # Read-only after a fault, gone from the bus or the network, or no longer ours to write.
    errno.EROFS,
    errno.EIO,
    errno.ENXIO,
    errno.ENODEV,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
}
FULL_DATABASE = ("database or disk is full", "No space left on device", "could not extend file")
BUSY_DATABASE = ("database is locked", "database table is locked", "deadlock", "lock timeout")


class Outage(Refusal):
    """Not done, and nobody's fault who asked; `wait` seconds later it may work."""

    status = 503


def outage_of(problem: BaseException) -> Outage | None:
    """Return what to tell where the error means that the database or the disk is away, or None."""
    if isinstance(problem, OperationalError | InterfaceError):
        return _of_database(str(problem))
    if isinstance(problem, OSError) and problem.errno in FULL:
        return _disk_is_full()
    if isinstance(problem, OSError) and problem.errno in AWAY:
        return Outage(
            "The place where photos are kept cannot be used right now. Nothing was changed; try "
            "again in a moment.",
            code="storage_away",
            wait=10,
        )
    return None


def _of_database(message: str) -> Outage:
    if any(sign in message for sign in FULL_DATABASE):
        return _disk_is_full()
    if any(sign in message for sign in BUSY_DATABASE):
        return Outage("The database is busy; send it again.", code="busy", wait=2)
    return Outage(
        "The database does not answer right now. Nothing was changed; try again in a moment.",
        code="database_away",
        wait=5,
    )


def _disk_is_full() -> Outage:
    return Outage(
        "The server's disk is full. Nothing was changed; whoever runs the server has to make room.",
        code="disk_full",
        wait=60,
    )
