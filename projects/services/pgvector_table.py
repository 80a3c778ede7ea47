"""Sketches of a project's searched vectors in PostgreSQL: written in sets, kept up, searched.

A cache: the embeddings are the truth, and a set can be dropped at any time. It holds what the
graph needs of the images that were searched at some revision, enough to find candidates, and never
what a similarity is read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format, TransactionStatus

from projects.models.pgvector import PREPARE, SETS, SKETCHES
from similarity.centering import Centering
from similarity.index import Searched
from similarity.index.graph import directions_of

Connect: TypeAlias = Callable[[], "psycopg.Connection[Any]"]
"""Gives the calling thread its own connection, which no other thread uses at the same time."""

MOST_FOUND = 1_000
"""By one query through a graph: the largest `hnsw.ef_search`."""
_SAMPLE = 5_000
"""Vectors that the directions are taken from; as many as for hnswlib."""
_WRITTEN_AT_ONCE = 4_000
"""Vectors: 20 MB of centered rows beside the collection."""
_LOCK = 0x616C696B
"""Of the advisory lock under which the tables are made: IF NOT EXISTS alone lets two collide."""


@dataclass(frozen=True)
class SketchSet:
    """What is written of one project by one encoder.

    ``stamp`` is another number each time its rows changed, never one that was there before.
    ``shift`` is float32 (dim,), what was subtracted before the rows were made units;
    ``directions`` float32 (dim, sketch). ``breadth`` is how much of the graph one query looks at,
    ``recall`` what that was measured to find of the true neighbours.
    """

    id: int
    revision: int
    stamp: int
    breadth: int
    recall: float
    shift: NDArray[np.float32] = field(repr=False)
    directions: NDArray[np.float32] = field(repr=False)

    @property
    def dim(self) -> int:
        return len(self.shift)

    @property
    def graph_name(self) -> str:
        return f"{SKETCHES}_graph_{self.id}"

    def drift(self, centering: Centering) -> float:
        """How far what is subtracted has moved since the set was written."""
        return float(np.linalg.norm(self.shift - _shift(centering)))

    def sketched(self, centered: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the set knows of centered unit rows."""
        return centered @ self.directions


class Candidates(NamedTuple):
    """Pairs of a query's number and an image's id, int64 (c,) each."""

    queries: NDArray[np.int64]
    image_ids: NDArray[np.int64]


class _Known(NamedTuple):
    set_id: int
    stamp: int
    image_ids: NDArray[np.int64]


class PgvectorTable:
    """One project's sets by one encoder, reached over the connections that `connect` gives.

    Safe to use from several threads, and from several processes at once.
    """

    def __init__(self, connect: Connect, project_id: int, encoder: str) -> None:
        """Take where it lies. `encoder` names encoder and version: vectors of two never mix."""
        self._connect = connect
        self._project_id, self._encoder = project_id, encoder
        self._known: _Known | None = None
        self._last: SketchSet | None = None
        self._dumper: type[Dumper] | None = None

    def prepare(self) -> None:
        """Make extension and tables where they are missing."""
        if _value(self._execute("SELECT to_regclass(%s)::text", [SKETCHES])):
            return
        with self._connect().transaction():
            self._execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            for statement in PREPARE:
                self._execute(statement)

    def newest(self) -> SketchSet | None:
        """Return the set that is used, if there is one; its mean may have moved meanwhile."""
        return self._read("ORDER BY id DESC LIMIT 1", [])

    def write(self, searched: Searched, revision: int) -> SketchSet:
        """Write a new set of all that is searched, with its graph. Nobody uses it yet: `publish`.

        Cost: see docs/decisions/0063-pgvector.md. Not in a transaction, if it can be: then nobody
        waits for the graph who writes to other sets.
        """
        step = -(-max(1, len(searched)) // _SAMPLE)
        sample = searched.centering.apply(searched.vectors[searched.rows[::step]])
        shift, directions = _shift(searched.centering), directions_of(sample)
        with self._connect().transaction():
            set_id, stamp = _row(
                self._execute(
                    f"INSERT INTO {SETS} (project_id, encoder, revision, shift, directions)"
                    " VALUES (%s, %s, %s, %s, %s) RETURNING id, stamp",
                    [
                        self._project_id,
                        self._encoder,
                        revision,
                        shift.tobytes(),
                        directions.tobytes(),
                    ],
                )
            )
            there = SketchSet(set_id, revision, stamp, 0, 0.0, shift, directions)
            self._copy(there, searched, np.arange(len(searched)))
        self._known = _Known(set_id, stamp, np.sort(searched.image_ids))
        self._make_graph(there)
        return there

    def publish(self, there: SketchSet, *, breadth: int, recall: float) -> SketchSet:
        """Let a set be used from now on, and drop all others of the project."""
        with self._connect().transaction():
            self._execute(
                f"UPDATE {SETS} SET is_complete = true, breadth = %s, recall = %s WHERE id = %s",
                [breadth, recall, there.id],
            )
            self.drop(but=there.id)
        return replace(there, breadth=breadth, recall=recall)

    def drop(self, *, but: int = 0) -> None:
        """Remove the project's sets by any encoder, except one."""
        with self._connect().transaction():
            gone = self._execute(
                f"DELETE FROM {SETS} WHERE project_id = %s AND id <> %s RETURNING id",
                [self._project_id, but],
            ).fetchall()
            for (set_id,) in gone:
                graph = sql.Identifier(f"{SKETCHES}_graph_{set_id}")
                self._execute(sql.SQL("DROP INDEX IF EXISTS {}").format(graph))
                self._execute(f"DELETE FROM {SKETCHES} WHERE set_id = %s", [set_id])

    def catch_up(self, there: SketchSet, searched: Searched, revision: int) -> SketchSet:
        """Write what is searched since, and remove what is no longer. Return the set as it is then.

        A snapshot older than what another process has written already changes nothing.
        """
        with self._connect().transaction():
            now = self._read("AND id = %s FOR UPDATE", [there.id])
            if now is None or now.revision > revision:
                return now or there
            gone, new = self.difference(now, searched)
            if not len(gone) and not len(new):
                return self._stamped(now, revision, changed=False)
            self._execute(
                f"DELETE FROM {SKETCHES} WHERE set_id = %s AND image_id = ANY(%s)",
                [now.id, gone.tolist()],
            )
            self._copy(now, searched, new)
            now = self._stamped(now, revision, changed=True)
        self._known = _Known(now.id, now.stamp, np.sort(searched.image_ids))
        return now

    def difference(
        self, there: SketchSet, searched: Searched
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids of images to remove from a set, and places in `searched` to add to it."""
        known = self._ids(there)
        gone = known[~np.isin(known, searched.image_ids, assume_unique=True)]
        new = np.flatnonzero(~np.isin(searched.image_ids, known, assume_unique=True))
        return gone, new

    def candidates(
        self, there: SketchSet, queries: NDArray[np.float32], *, count: int
    ) -> Candidates | None:
        """Return about the `count` nearest of a set for each query; None if the set is gone."""
        sketches = _HalfVectors(there.sketched(queries))
        nearest = _nearest(there, sketches.rows.shape[1], count)
        connection = self._connect()
        # Rolled back, or the settings would hold for the rest of a transaction around this one.
        with connection.transaction(force_rollback=True), psycopg.Cursor(connection) as cursor:
            # With sorting allowed, PostgreSQL may take the table's primary key and sort, which is
            # exact and slow.
            cursor.execute(
                "SELECT set_config('hnsw.ef_search', %s, true),"
                " set_config('enable_sort', 'off', true)",
                [str(min(max(there.breadth, count), MOST_FOUND))],
            )
            cursor.adapters.register_dumper(_HalfVectors, self._half_vectors())
            pairs = cursor.execute(nearest, [sketches], binary=True).fetchall()
            # Afterwards: set and rows go in one transaction, so that the rows were there before.
            still = cursor.execute(f"SELECT count(*) FROM {SETS} WHERE id = %s", [there.id])
            if not _value(still):
                return None
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return Candidates(found[:, 0], found[:, 1])

    def _make_graph(self, there: SketchSet) -> None:
        connection = self._connect()
        is_free = connection.info.transaction_status == TransactionStatus.IDLE
        statement = sql.SQL(
            "CREATE INDEX {when} {name} ON {table} USING hnsw"
            " ((sketch::halfvec({width})) halfvec_ip_ops) WITH (m = 16, ef_construction = 100)"
            " WHERE set_id = {id}"
        ).format(
            when=sql.SQL("CONCURRENTLY" if is_free and connection.autocommit else ""),
            name=sql.Identifier(there.graph_name),
            table=sql.Identifier(SKETCHES),
            width=sql.Literal(there.directions.shape[1]),
            id=sql.Literal(there.id),
        )
        self._execute(statement)

    def _read(self, rest: str, values: Sequence[Any]) -> SketchSet | None:
        found = self._execute(
            f"SELECT id, revision, stamp, breadth, recall FROM {SETS}"
            f" WHERE project_id = %s AND encoder = %s AND is_complete {rest}",
            [self._project_id, self._encoder, *values],
        ).fetchone()
        if found is None:
            return None
        last = self._last
        if last is None or last.id != found[0]:
            last = self._whole(found[0])
        _, revision, stamp, breadth, recall = found
        self._last = replace(last, revision=revision, stamp=stamp, breadth=breadth, recall=recall)
        return self._last

    def _whole(self, set_id: int) -> SketchSet:
        """Read the large columns, 1.3 MB, once a set."""
        found = self._execute(f"SELECT shift, directions FROM {SETS} WHERE id = %s", [set_id])
        shift, directions = (np.frombuffer(column, np.float32) for column in _row(found))
        return SketchSet(set_id, 0, 0, 0, 0.0, shift, directions.reshape(len(shift), -1))

    def _ids(self, there: SketchSet) -> NDArray[np.int64]:
        """The images in a set, ascending; read again only where another process has changed it."""
        known = self._known
        if known is None or (known.set_id, known.stamp) != (there.id, there.stamp):
            found = self._execute(
                f"SELECT image_id FROM {SKETCHES} WHERE set_id = %s", [there.id], binary=True
            )
            ids = np.fromiter((row[0] for row in found), np.int64)
            known = self._known = _Known(there.id, there.stamp, np.sort(ids))
        return known.image_ids

    def _stamped(self, there: SketchSet, revision: int, *, changed: bool) -> SketchSet:
        stamp = f"nextval(pg_get_serial_sequence('{SETS}', 'stamp'))" if changed else "stamp"
        found = self._execute(
            f"UPDATE {SETS} SET revision = %s, stamp = {stamp} WHERE id = %s RETURNING stamp",
            [revision, there.id],
        )
        return replace(there, revision=revision, stamp=_value(found))

    def _copy(self, there: SketchSet, searched: Searched, places: NDArray[np.int64]) -> None:
        command = f"COPY {SKETCHES} (set_id, image_id, sketch) FROM STDIN (FORMAT BINARY)"
        with psycopg.Cursor(self._connect()) as cursor, cursor.copy(command) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for part in _parts(places):
                vectors = searched.centering.apply(searched.vectors[searched.rows[part]])
                copy.write(_copied(there.id, searched.image_ids[part], there.sketched(vectors)))
            copy.write(b"\xff\xff")

    def _execute(
        self, query: str | sql.Composed, values: Sequence[Any] = (), *, binary: bool = False
    ) -> psycopg.Cursor[Any]:
        """Not by the connection's own cursors: Django's cannot take parameters as binary."""
        return psycopg.Cursor(self._connect()).execute(query, values or None, binary=binary)

    def _half_vectors(self) -> type[Dumper]:
        if self._dumper is None:
            types = "SELECT 'halfvec'::regtype::oid, 'halfvec[]'::regtype::oid"
            element, array = _row(self._execute(types))
            knobs = {"oid": int(array), "element": int(element)}
            self._dumper = type("HalfVectorsDumper", (_HalfVectorsDumper,), knobs)
        return self._dumper


@dataclass(frozen=True)
class _HalfVectors:
    rows: NDArray[np.float32]


class _HalfVectorsDumper(Dumper):
    """Writes an array of halfvec as PostgreSQL reads it, which as text would have to be parsed."""

    format = Format.BINARY
    element: ClassVar[int]

    def dump(self, obj: _HalfVectors) -> bytes:
        head = np.array([1, 0, self.element, len(obj.rows), 1], ">i4").tobytes()
        return head + _records(obj.rows, ()).tobytes()


def _nearest(there: SketchSet, width: int, count: int) -> sql.Composed:
    """The query, with all numbers in it: a partial index is only used for a number that is known
    when the query is planned."""
    return sql.SQL(
        "SELECT line - 1, image_id FROM unnest(%s) WITH ORDINALITY AS asked(query, line),"
        " LATERAL (SELECT image_id FROM {table} WHERE set_id = {id}"
        " ORDER BY sketch::halfvec({width}) <#> query::halfvec({width}) LIMIT {count}) AS found"
    ).format(
        table=sql.Identifier(SKETCHES),
        id=sql.Literal(there.id),
        width=sql.Literal(width),
        count=sql.Literal(count),
    )


def _shift(centering: Centering) -> NDArray[np.float32]:
    return np.float32(centering.weight) * centering.mean


def _parts(places: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(places), _WRITTEN_AT_ONCE):
        yield places[start : start + _WRITTEN_AT_ONCE]


def _copied(set_id: int, image_ids: NDArray[np.int64], sketches: NDArray[np.float32]) -> bytes:
    """Rows of set, image and sketch in the binary format of COPY."""
    head = ("fields", ">i2"), ("set_size", ">i4"), ("set", ">i8"), ("id_size", ">i4"), ("id", ">i8")
    rows = _records(sketches, head)
    rows["fields"], rows["set_size"], rows["id_size"] = 3, 8, 8
    rows["set"], rows["id"] = set_id, image_ids
    return rows.tobytes()


def _records(vectors: NDArray[np.float32], head: Sequence[tuple[str, str]]) -> NDArray[Any]:
    """A record a vector: `head`, and a halfvec with its size as PostgreSQL sends and reads it."""
    dim = vectors.shape[1]
    halfvec = [("size", ">i4"), ("dim", ">i2"), ("unused", ">i2"), ("numbers", ">f2", (dim,))]
    rows = np.empty(len(vectors), [*head, *halfvec])
    rows["size"], rows["dim"], rows["unused"] = 4 + 2 * dim, dim, 0
    rows["numbers"] = vectors
    return rows


def _row(found: psycopg.Cursor[Any]) -> tuple[Any, ...]:
    return tuple(found.fetchall()[0])


def _value(found: psycopg.Cursor[Any]) -> Any:
    return _row(found)[0]
