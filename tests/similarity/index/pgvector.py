"""Makes pgvector's index of what is searched, in a real PostgreSQL that is started for it."""

from __future__ import annotations

import itertools
import threading
from functools import cache

import psycopg
import pytest

from projects.services.pgvector_index import PgvectorIndex
from projects.services.pgvector_table import PgvectorTable, SketchSet
from similarity.index import Searched
from similarity.index.tuning import BREADTHS
from tests.postgresql import CannotRun, postgresql

ENCODER = "tests 1"
_project_ids = itertools.count(1)
_of_thread = threading.local()


@cache
def database() -> str:
    """The URL of a database for these tests alone."""
    return postgresql().new_database("indexes")


def connect() -> psycopg.Connection:
    """This thread's own connection, as Django has one."""
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = psycopg.connect(database(), autocommit=True)
    return _of_thread.connection


def new_table() -> PgvectorTable:
    """The table as a project that has nothing in it yet sees it."""
    try:
        database()
    except CannotRun as problem:
        pytest.skip(f"PostgreSQL cannot be started here: {problem}")
    table = PgvectorTable(connect, next(_project_ids), ENCODER)
    table.prepare()
    return table


def published(table: PgvectorTable, searched: Searched, *, revision: int = 1) -> SketchSet:
    """Write a set and let it be used, with so much looked at as for hnswlib at first."""
    return table.publish(table.write(searched, revision), breadth=BREADTHS[0], recall=1.0)


def pgvector(searched: Searched) -> PgvectorIndex:
    table = new_table()
    return PgvectorIndex(searched, table, published(table, searched))
