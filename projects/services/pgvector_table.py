"""The searched vectors of a project in PostgreSQL: written in sets, kept up to date, searched.

A cache: the embeddings are the truth, and a set can be dropped at any time. It holds the centered
vectors of the images that were searched at some revision, as half-precision numbers: enough to find
candidates, never what a similarity is read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from projects.models.pgvector import PREPARE, SETS, VECTORS
from similarity.centering import Centering
from similarity.index import Searched

Connect: TypeAlias = Callable[[], "psycopg.Connection[Any]"]
"""Gives the calling thread its own connection, which no other thread uses at the same time."""

MOST_DIM = 4_000
"""Of halfvec's graph; so many numbers just fit into one page of the table, too."""
MOST_FOUND = 1_000
"""Of a graph: the largest `hnsw.ef_search`."""
LEAST_EF = 200
"""As for hnswlib; see docs/decisions/0063-pgvector.md."""
MOST_DRIFT = 0.05
"""Length of what the project's mean moved by since a set was written, up to which it finds what it
should; see docs/decisions/0063-pgvector.md."""
_WRITTEN_AT_ONCE = 4_000
"""Vectors: 20 MB of centered rows beside the collection."""
_LOCK = 0x616C696B
"""Of the advisory lock under which the tables are made: IF NOT EXISTS alone lets two collide."""


class VectorSet(NamedTuple):
    """What is written of one project by one encoder."""

    id: int
    dim: int
    has_graph: bool
    revision: int
    stamp: int
    """Another number each time the set's rows changed, never twice."""
    shift: NDArray[np.float32]
    """What was subtracted before the rows were made units."""

    def drift(self, centering: Centering) -> float:
        """How far the project's mean has moved since the set was written."""
        return float(np.linalg.norm(self.shift - _shift(centering)))


class Candidates(NamedTuple):
    """Pairs of a query's number and an image's id, int64 (c,) each."""

    queries: NDArray[np.int64]
    image_ids: NDArray[np.int64]


@dataclass(frozen=True)
class _HalfVectors:
    rows: NDArray[np.float32]


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
        self._dumper: type[Dumper] | None = None

    def prepare(self) -> None:
        """Make extension and tables where they are missing."""
        connection = self._connect()
        if _value(self._execute("SELECT to_regclass(%s)::text", [VECTORS])):
            return
        with connection.transaction():
            self._execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            for statement in PREPARE:
                self._execute(statement)

    def newest(self) -> VectorSet | None:
        """Return the set that is used, if there is one; its mean may have moved meanwhile."""
        return self._read("ORDER BY id DESC LIMIT 1", [])

    def fill(self, searched: Searched, revision: int) -> VectorSet:
        """Write a new set of all that is searched. Nobody uses it before `publish`."""
        shift = _shift(searched.centering)
        dim = searched.vectors.shape[1]
        with self._connect().transaction():
            found = self._execute(
                f"INSERT INTO {SETS} (project_id, encoder, dim, revision, shift)"
                " VALUES (%s, %s, %s, %s, %s) RETURNING id, stamp",
                [self._project_id, self._encoder, dim, revision, shift.tobytes()],
            )
            set_id, stamp = _row(found)
            self._write(set_id, searched, np.arange(len(searched)))
        self._known = _Known(set_id, stamp, np.sort(searched.image_ids))
        return VectorSet(set_id, dim, False, revision, stamp, shift)

    def publish(self, there: VectorSet) -> None:
        """Let a set be used from now on, and drop all others of the project."""
        with self._connect().transaction():
            self._execute(f"UPDATE {SETS} SET is_complete = true WHERE id = %s", [there.id])
            self.drop(but=there.id)

    def drop(self, *, but: int = 0) -> None:
        """Remove the project's sets by any encoder, except one."""
        connection = self._connect()
        with connection.transaction():
            gone = self._execute(
                f"DELETE FROM {SETS} WHERE project_id = %s AND id <> %s RETURNING id",
                [self._project_id, but],
            ).fetchall()
            for (set_id,) in gone:
                self._execute(sql.SQL("DROP INDEX IF EXISTS {}").format(_graph_name(set_id)))
                self._execute(f"DELETE FROM {VECTORS} WHERE set_id = %s", [set_id])

    def catch_up(self, there: VectorSet, searched: Searched, revision: int) -> VectorSet:
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
                f"DELETE FROM {VECTORS} WHERE set_id = %s AND image_id = ANY(%s)",
                [now.id, gone.tolist()],
            )
            self._write(now.id, searched, new)
            now = self._stamped(now, revision, changed=True)
        self._known = _Known(now.id, now.stamp, np.sort(searched.image_ids))
        return now

    def difference(
        self, there: VectorSet, searched: Searched
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return ids of images to remove from a set, and places in `searched` to add to it."""
        known = self._ids(there)
        gone = known[~np.isin(known, searched.image_ids, assume_unique=True)]
        new = np.flatnonzero(~np.isin(searched.image_ids, known, assume_unique=True))
        return gone, new

    def make_graph(self, there: VectorSet) -> VectorSet:
        """Make the HNSW index of one set; minutes for 100,000. Not in a transaction, if it can be:
        then nobody waits for it who writes to other sets."""
        connection = self._connect()
        is_free = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        name = _graph_name(there.id)
        # What an interrupted build left behind is not used, but costs as much at each insertion.
        self._execute(sql.SQL("DROP INDEX IF EXISTS {}").format(name))
        self._execute(
            sql.SQL(
                "CREATE INDEX {when} {name} ON {table} USING hnsw"
                " ((vector::halfvec({dim})) halfvec_ip_ops) WITH (m = 16, ef_construction = 64)"
                " WHERE set_id = {id}"
            ).format(
                when=sql.SQL("CONCURRENTLY" if is_free and connection.autocommit else ""),
                name=name,
                table=sql.Identifier(VECTORS),
                dim=sql.Literal(there.dim),
                id=sql.Literal(there.id),
            )
        )
        self._execute(f"UPDATE {SETS} SET has_graph = true WHERE id = %s", [there.id])
        return there._replace(has_graph=True)

    def candidates(
        self, there: VectorSet, queries: NDArray[np.float32], *, count: int
    ) -> Candidates | None:
        """Return about the `count` nearest rows of a set for each query; None if the set is gone.

        Exactly the nearest by half-precision numbers, or through the graph where there is one.
        """
        column = sql.SQL("vector::halfvec({})" if there.has_graph else "vector").format(there.dim)
        query = sql.SQL(
            "SELECT line - 1, image_id FROM unnest(%s) WITH ORDINALITY AS asked(query, line),"
            " LATERAL (SELECT image_id FROM {table} WHERE set_id = {id}"
            " ORDER BY ({column}) <#> query::halfvec({dim}) LIMIT {count}) AS found"
        ).format(
            table=sql.Identifier(VECTORS),
            id=sql.Literal(there.id),
            column=column,
            dim=sql.Literal(there.dim),
            count=sql.Literal(count),
        )
        connection = self._connect()
        with connection.transaction(), psycopg.Cursor(connection) as cursor:
            if there.has_graph:
                _prefer_the_graph(cursor, count)
            cursor.adapters.register_dumper(_HalfVectors, self._half_vectors())
            pairs = cursor.execute(query, [_HalfVectors(queries)], binary=True).fetchall()
            # Afterwards: set and rows go in one transaction, so that the rows were there before.
            still = cursor.execute(f"SELECT count(*) FROM {SETS} WHERE id = %s", [there.id])
            if not _value(still):
                return None
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return Candidates(found[:, 0], found[:, 1])

    def _read(self, rest: str, values: Sequence[Any]) -> VectorSet | None:
        found = self._execute(
            "SELECT id, dim, has_graph, revision, stamp, shift"
            f" FROM {SETS} WHERE project_id = %s AND encoder = %s AND is_complete {rest}",
            [self._project_id, self._encoder, *values],
        )
        row = found.fetchone()
        if row is None:
            return None
        set_id, dim, has_graph, rev, stamp, shift = row
        return VectorSet(set_id, dim, has_graph, rev, stamp, np.frombuffer(shift, np.float32))

    def _ids(self, there: VectorSet) -> NDArray[np.int64]:
        """The images in a set, ascending; read again only where another process has changed it."""
        known = self._known
        if known is None or (known.set_id, known.stamp) != (there.id, there.stamp):
            found = self._execute(
                f"SELECT image_id FROM {VECTORS} WHERE set_id = %s", [there.id], binary=True
            )
            ids = np.fromiter((row[0] for row in found), np.int64)
            known = self._known = _Known(there.id, there.stamp, np.sort(ids))
        return known.image_ids

    def _stamped(self, there: VectorSet, revision: int, *, changed: bool) -> VectorSet:
        stamp = f"nextval(pg_get_serial_sequence('{SETS}', 'stamp'))" if changed else "stamp"
        found = self._execute(
            f"UPDATE {SETS} SET revision = %s, stamp = {stamp} WHERE id = %s RETURNING stamp",
            [revision, there.id],
        )
        return there._replace(revision=revision, stamp=_value(found))

    def _write(self, set_id: int, searched: Searched, places: NDArray[np.int64]) -> None:
        command = f"COPY {VECTORS} (set_id, image_id, vector) FROM STDIN (FORMAT BINARY)"
        with psycopg.Cursor(self._connect()) as cursor, cursor.copy(command) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            for part in _parts(places):
                vectors = searched.centering.apply(searched.vectors[searched.rows[part]])
                copy.write(_copied(set_id, searched.image_ids[part], vectors))
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


class _HalfVectorsDumper(Dumper):
    """Writes an array of halfvec as PostgreSQL reads it: as text, 100 would be 2 MB to parse."""

    format = Format.BINARY
    element: ClassVar[int]

    def dump(self, obj: _HalfVectors) -> bytes:
        head = np.array([1, 0, self.element, len(obj.rows), 1], ">i4").tobytes()
        return head + _records(obj.rows, ()).tobytes()


def _shift(centering: Centering) -> NDArray[np.float32]:
    return np.float32(centering.weight) * centering.mean


def _parts(places: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(places), _WRITTEN_AT_ONCE):
        yield places[start : start + _WRITTEN_AT_ONCE]


def _copied(set_id: int, image_ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> bytes:
    """Rows of set, image and vector in the binary format of COPY."""
    head = ("fields", ">i2"), ("set_size", ">i4"), ("set", ">i8"), ("id_size", ">i4"), ("id", ">i8")
    rows = _records(vectors, head)
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


def _prefer_the_graph(cursor: psycopg.Cursor[Any], count: int) -> None:
    """Until the transaction's end. Without `enable_sort` off, PostgreSQL may take the table's
    primary key and sort, which is exact and slow."""
    ef = min(max(LEAST_EF, 2 * count), MOST_FOUND)
    cursor.execute(
        "SELECT set_config('hnsw.ef_search', %s, true), set_config('enable_sort', 'off', true)",
        [str(ef)],
    )


def _graph_name(set_id: int) -> sql.Identifier:
    return sql.Identifier(f"{VECTORS}_graph_{set_id}")


def _row(found: psycopg.Cursor[Any]) -> tuple[Any, ...]:
    return tuple(found.fetchall()[0])


def _value(found: psycopg.Cursor[Any]) -> Any:
    return _row(found)[0]
