"""Tables of pgvector's index: a cache beside the models, only where PostgreSQL has pgvector.

Not models, because SQLite has no such type, and because nothing but `services.pgvector_table` reads
them. No foreign keys: what is left behind by something deleted is a cache's matter.
"""

from __future__ import annotations

SETS = "projects_pgvectorset"
SKETCHES = "projects_pgvectorsketch"

PREPARE = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    # The newest complete set of a project is the one that is used.
    f"""
    CREATE TABLE IF NOT EXISTS {SETS} (
        id bigserial PRIMARY KEY,
        project_id bigint NOT NULL,
        encoder text NOT NULL,
        is_complete boolean NOT NULL DEFAULT false,
        revision bigint NOT NULL,
        stamp bigserial NOT NULL,
        breadth integer NOT NULL DEFAULT 0,
        recall double precision NOT NULL DEFAULT 0,
        shift bytea NOT NULL,
        directions bytea NOT NULL
    )
    """,
    f"CREATE INDEX IF NOT EXISTS {SETS}_of_project ON {SETS} (project_id, encoder, id)",
    f"""
    CREATE TABLE IF NOT EXISTS {SKETCHES} (
        set_id bigint NOT NULL,
        image_id bigint NOT NULL,
        sketch halfvec NOT NULL,
        PRIMARY KEY (set_id, image_id)
    )
    """,
)
"""Statements that make them; each may be run again."""

IS_AVAILABLE = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
"""Whether the server has pgvector at all."""
