"""Labeled images in pgvector: sets written by workers, asked by every process on any machine.

Where `LABELING_INDEX` is `pgvector`. A request never writes: it asks the newest set there is, and
where there is none that is good, exact search answers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
from django.db import connection
from psycopg import sql

from projects.models import Project
from projects.models.pgvector import IS_AVAILABLE, SETS
from similarity.index import ExactIndex, Searched
from similarity.index.graph import MOST_DRIFT
from similarity.index.hnsw import LEAST_RECALL
from similarity.index.tuning import BREADTHS, ENOUGH_RECALL, SAMPLE, K, recall

from . import collections
from .collections import Labeled
from .index_choice import chosen
from .pgvector_index import PgvectorIndex
from .pgvector_table import PgvectorTable, SketchSet

MOST_LACKING = 2_000
"""Images compared one by one beside a set, as beside a graph of hnswlib."""
_MOST_PROJECTS = 16
_ALONE = 0x616C
"""First number of the advisory locks under which one worker at a time writes for a project."""


class _Held:
    """What this process holds of one project: no vectors, only ids."""

    def __init__(self, table: PgvectorTable) -> None:
        self.lock = threading.Lock()
        self.table = table
        self.labeled: Labeled | None = None
        self.index: PgvectorIndex | None = None


_is_prepared = False
_held: OrderedDict[tuple[int, str], _Held] = OrderedDict()
_held_lock = threading.Lock()


def index_of(project: Project, labeled: Labeled) -> PgvectorIndex | None:
    """Return an index of the labeled images, or None where exact search is to be used."""
    if not is_ready():
        return None
    held = _of(project)
    with held.lock:
        there = held.table.newest()
        if there is None or there.recall < LEAST_RECALL or not _fits(there, labeled.searched):
            return None
        index = held.index
        if index is None or held.labeled is not labeled or _rows_of(index.there) != _rows_of(there):
            index = PgvectorIndex(
                labeled.searched, held.table, there, lengths=labeled.whole.lengths
            )
            held.labeled, held.index = labeled, index
    return index if index.lacking <= MOST_LACKING else None


def write(project_id: int) -> bool:
    """Bring what PostgreSQL has of a project to its labeled images.

    Returns:
        Whether it did; not where it is not wanted, or another worker is at it.
    """
    project = Project.objects.filter(pk=project_id).first()
    if project is None or not _is_wanted(project) or not is_ready():
        return False
    table, searched = _of(project).table, collections.labeled(project).searched
    with _alone(project_id) as is_alone:
        if is_alone:
            there = table.newest()
            # One that finds too little is kept up and not asked: written anew it would be the same.
            if there is None or not _fits(there, searched, most_drift=MOST_DRIFT / 2):
                renew(table, searched, project.revision)
            else:
                table.catch_up(there, searched, project.revision)
    return is_alone


def behind() -> list[int]:
    """Return the projects whose labeled images have changed since PostgreSQL's were written."""
    if not is_ready():
        return []
    found = _execute(sql.SQL("SELECT project_id, encoder, revision FROM {} WHERE is_complete"))
    written = {(project_id, encoder): revision for project_id, encoder, revision in found}
    return [
        project.pk
        for project in Project.objects.live().order_by("pk")
        if written.get((project.pk, _encoder(project))) != project.revision and _is_wanted(project)
    ]


def remove_unused() -> int:
    """Remove what is written of projects that are gone or not searched so; return how many."""
    if not is_ready():
        return 0
    there = {row[0] for row in _execute(sql.SQL("SELECT DISTINCT project_id FROM {}"))}
    wanted = {p.pk for p in Project.objects.filter(pk__in=there) if _is_wanted(p)}
    for project_id in there - wanted:
        PgvectorTable(connect, project_id, "").drop()
    return len(there - wanted)


def is_database() -> bool:
    """Whether the database is PostgreSQL at all."""
    return connection.vendor == "postgresql"


def connect() -> psycopg.Connection[Any]:
    """Return this thread's connection of Django, as psycopg knows it."""
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    return raw


def is_ready() -> bool:
    """Whether the database has pgvector. Makes its tables where they are missing."""
    global _is_prepared
    if not _is_prepared and is_database() and has_pgvector():
        PgvectorTable(connect, 0, "").prepare()
        _is_prepared = True
    return _is_prepared and is_database()


def has_pgvector() -> bool:
    """Whether the server has the extension, used or not."""
    return bool(psycopg.Cursor(connect()).execute(IS_AVAILABLE).fetchall()[0][0])


def _execute(query: sql.SQL) -> list[tuple[Any, ...]]:
    return psycopg.Cursor(connect()).execute(query.format(sql.Identifier(SETS))).fetchall()


def _is_wanted(project: Project) -> bool:
    number: int = project.images.in_dataset().labeled().embedded().count()
    return chosen(number) == "pgvector"


def _fits(there: SketchSet, searched: Searched, *, most_drift: float = MOST_DRIFT) -> bool:
    is_of_these = there.dim == searched.vectors.shape[1]
    return is_of_these and there.drift(searched.centering) <= most_drift


def renew(table: PgvectorTable, searched: Searched, revision: int) -> SketchSet:
    """Write a new set, raise its breadth until it finds `ENOUGH_RECALL`, and let it be used."""
    there = table.write(searched, revision)
    at = np.arange(len(searched))[:: max(1, len(searched) // SAMPLE)][:SAMPLE]
    queries = searched.centering.apply(searched.vectors[searched.rows[at]])
    ids = searched.image_ids[at]
    true = ExactIndex(searched).search(queries, k=K, itself=ids)
    for breadth in BREADTHS:
        index = PgvectorIndex(searched, table, replace(there, breadth=breadth))
        found = recall(index.search(queries, k=K, itself=ids), true)
        if found >= ENOUGH_RECALL:
            break
    return table.publish(there, breadth=breadth, recall=found)


@contextmanager
def _alone(project_id: int) -> Iterator[bool]:
    """Hold the lock of those who write for a project; false where another has it."""
    with connect().cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_ALONE, project_id])
        is_alone = bool(cursor.fetchall()[0][0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_ALONE, project_id])


def _of(project: Project) -> _Held:
    key = (project.pk, _encoder(project))
    with _held_lock:
        held = _held.get(key)
        if held is None:
            held = _held[key] = _Held(PgvectorTable(connect, *key))
        _held.move_to_end(key)
        while len(_held) > _MOST_PROJECTS:
            _held.popitem(last=False)
        return held


def _encoder(project: Project) -> str:
    return f"{project.encoder} {project.encoder_version}"


def _rows_of(there: SketchSet) -> tuple[int, int]:
    return there.id, there.stamp
