"""Which index so many labeled images are searched by: the fastest, or the one asked for."""

from __future__ import annotations

from django.conf import settings

from similarity.index.choice import HNSWLIB_AT_LEAST, HNSWLIB_FROM, PGVECTOR_AT_LEAST

BY_SIZE: tuple[tuple[int, str], ...] = ((0, "exact"), (HNSWLIB_FROM, "hnswlib"))
"""What `auto` takes: the last line of which so many images are labeled. Each line above the first
stands on a measurement; see docs/decisions/0061 and 0062. Never pgvector, with PostgreSQL either:
for one query hnswlib is twice as fast, and it needs nothing set up; see docs/decisions/0063."""


def chosen(number: int) -> str:
    """Return the name of the index that so many labeled images are to be searched by."""
    name: str = settings.LABELING_INDEX
    if name == "auto":
        return [each for least, each in BY_SIZE if number >= least][-1]
    if name == "hnswlib" and number < HNSWLIB_AT_LEAST:
        return "exact"
    if name == "pgvector" and number < PGVECTOR_AT_LEAST:
        return "exact"
    return name
