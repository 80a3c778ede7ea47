"""Tables of pgvector's vectors: a cache beside the models, only where PostgreSQL has pgvector.

Not models, because SQLite has no such type, and because nothing but `services.pgvector_table` reads
them. No foreign keys: what is left behind by something deleted is a cache's matter.
"""

from __future__ import annotations

SETS = "projects_pgvectorset"
VECTORS = "projects_pgvector"

PREPARE = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    # One set a project and encoder is used, the newest that is complete.
    f"""
    CREATE TABLE IF NOT EXISTS {SETS} (
        id bigserial PRIMARY KEY,
        project_id bigint NOT NULL,
        encoder text NOT NULL,
        dim integer NOT NULL,
        is_complete boolean NOT NULL DEFAULT false,
        has_graph boolean NOT NULL DEFAULT false,
        revision bigint NOT NULL,
        stamp bigserial NOT NULL,
        shift bytea NOT NULL
    )
    """,
    f"CREATE INDEX IF NOT EXISTS {SETS}_of_project ON {SETS} (project_id, encoder, id)",
    # halfvec and PLAIN: 1,280 numbers are 2.5 KB and stay in the row. As vector they are 5 KB and
    # lie in another table: a scan of 20,000 took 110 ms instead of 45.
    f"""
    CREATE TABLE IF NOT EXISTS {VECTORS} (
        set_id bigint NOT NULL,
        image_id bigint NOT NULL,
        vector halfvec NOT NULL,
        PRIMARY KEY (set_id, image_id)
    )
    """,
    f"ALTER TABLE {VECTORS} ALTER COLUMN vector SET STORAGE PLAIN",
)
"""Statements that make them; each may be run again."""

IS_AVAILABLE = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
"""Whether the server has pgvector at all."""
