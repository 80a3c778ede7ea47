"""What has to be the same on SQLite and on PostgreSQL, and what only one of them has."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from projects.models import Image, Project
from projects.models.pgvector import SETS, SKETCHES

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only for `make test-postgresql`"
)

NAMES = ["Zebra", "_", "a-b", "ab", "aB", "a b", "zebra", "Ärger", "é", "ß", "10", "9", "日本"]


@pytest.mark.django_db
def test_names_are_sorted_by_their_bytes(project: Project):
    Image.objects.bulk_create(
        Image(project=project, name=name, content_hash=name, byte_size=1, width=1, height=1)
        for name in NAMES
    )
    by_bytes = sorted(NAMES, key=lambda name: name.encode())
    assert list(project.images.order_by("name").values_list("name", flat=True)) == by_bytes
    behind = project.images.filter(name__gt="aB").order_by("name").values_list("name", flat=True)
    assert list(behind) == by_bytes[by_bytes.index("aB") + 1 :]


@on_postgresql
@pytest.mark.django_db
@pytest.mark.parametrize("table", ["projects_image", "projects_project"])
def test_the_order_of_names_does_not_hang_on_that_of_the_database(table: str):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT collname FROM pg_attribute JOIN pg_collation ON attcollation = pg_collation.oid"
            " WHERE attrelid = %s::regclass AND attname = 'name'",
            [table],
        )
        assert cursor.fetchall() == [("C",)]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_migration_of_pgvector_goes_back_and_forth():
    def tables() -> set[str]:
        return {SETS, SKETCHES} & set(connection.introspection.table_names())

    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("projects")
    try:
        before = [("projects", "0006_absent_labels_and_thresholds")]
        MigrationExecutor(connection).migrate(before)
        assert tables() == set()
    finally:
        MigrationExecutor(connection).migrate(latest)
    assert tables() == {SETS, SKETCHES}
