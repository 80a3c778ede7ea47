"""Real outages: a locked, full or missing database, and a full disk."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection


@contextmanager
def locked_database() -> Iterator[None]:
    """Another process is writing, and does not end."""
    _only_sqlite()
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout=100")
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()
        connection.close()


@contextmanager
def full_database() -> Iterator[None]:
    """There is no room for another page."""
    _only_sqlite()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that earlier tests left free are room, too
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count={pages}")
    try:
        yield
    finally:
        connection.close()


@contextmanager
def missing_database() -> Iterator[None]:
    """The disk it lay on is gone."""
    _only_sqlite()
    connection.close()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = "/nowhere/at-all.sqlite3"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


@contextmanager
def small_disk(folder: Path, *, kilobytes: int) -> Iterator[None]:
    """Under the folder is a disk of its own with so much room."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only who may mount a disk can fill a small one")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _only_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("made with SQLite's own means")
