"""What the application refuses to run with, in a sentence that says what to do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import connection

from .services import pgvector

OURS = "projects"
"""The tag of these checks: `manage.py check --tag projects --database default`."""


@register(OURS)
def index_has_its_database(**options: Any) -> list[CheckMessage]:
    """Whether the index asked for can be had. The server is only asked where databases may be."""
    if settings.LABELING_INDEX != "pgvector":
        return []
    if connection.vendor != "postgresql":
        return [
            Error(
                "LABELING_INDEX=pgvector searches in PostgreSQL, and the database is another.",
                hint="Set DATABASE_URL to a PostgreSQL, or LABELING_INDEX to auto.",
                id="projects.E001",
            )
        ]
    if options.get("databases") and not pgvector.has_pgvector():
        return [
            Error(
                "LABELING_INDEX=pgvector, but this PostgreSQL does not have that extension.",
                hint="Install pgvector beside PostgreSQL, or set LABELING_INDEX to auto.",
                id="projects.E002",
            )
        ]
    return []
