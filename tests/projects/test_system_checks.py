"""What the application refuses to run with."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.db import connection

from projects.system_checks import OURS

NOT_POSTGRESQL = connection.vendor != "postgresql"


def ids() -> list[str | None]:
    return [problem.id for problem in run_checks(tags=[OURS], databases=["default"])]


@pytest.mark.parametrize("index", ["auto", "exact", "hnswlib"])
def test_these_indexes_need_no_database_of_their_own(settings, index: str):
    settings.LABELING_INDEX = index
    assert ids() == []


@pytest.mark.django_db
def test_pgvector_needs_postgresql(settings):
    settings.LABELING_INDEX = "pgvector"
    assert ids() == (["projects.E001"] if NOT_POSTGRESQL else [])
