"""What has to be the same on SQLite and on PostgreSQL, and what only one of them has."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from projects.models import Image, Project
from projects.models.pgvector import SETS, SKETCHES
from tests.api.conftest import Script, token_of

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


ODD = ["a\0b.jpg", "\0", "x" * 3000, "😀" * 300, "ﷺ" * 100]
"""PostgreSQL keeps no NUL in texts and enforces lengths; SQLite does neither."""


@pytest.mark.django_db
@pytest.mark.parametrize("name", ODD)
def test_images_of_names_that_no_database_keeps_are_not_found(
    project: Project, owner_client: Client, name: str
):
    path = quote(name, safe="")
    for url in (
        f"/api/image/{project.pk}/{path}",
        f"/api/v1/projects/{project.pk}/images/by-name/{path}",
    ):
        assert owner_client.get(url).status_code in {400, 404}
    for part in ("tiles", "count", "ids"):
        answer = owner_client.get(f"/projects/{project.pk}/{part}?name={path}")
        assert answer.status_code in {200, 400, 404}
    assert owner_client.get(f"/api/v1/projects/{project.pk}/images?name={path}").status_code < 500


@pytest.mark.django_db
@pytest.mark.parametrize("name", ODD)
def test_labels_and_projects_of_names_that_no_database_keeps_are_refused(
    project: Project, owner: User, name: str
):
    script = Script(token_of(owner))
    base = f"/api/v1/projects/{project.pk}"
    for path in (f"{base}/labels", "/api/v1/projects"):
        status = script.send(path, {"name": name}).status_code
        assert status == 400 or (path == "/api/v1/projects" and len(name) <= 200)
    changes = {"changes": [{"image": name, "labels": [name]}]}
    assert script.send(f"{base}/images/labels", changes).status_code < 500
    jobs = {"items": [{"image": name, "url": name}], "images": [name]}
    for path in ("jobs", "similar", "suggestions"):
        assert script.send(f"{base}/{path}", jobs).status_code < 500


@pytest.mark.django_db
def test_files_of_odd_names_are_stored_or_refused(project: Project, owner: User, picture):
    script = Script(token_of(owner))
    for at, name in enumerate(ODD):
        content = picture("red circle", at)
        script.post(
            f"/api/v1/projects/{project.pk}/uploads",
            {
                "file": SimpleUploadedFile("photo.jpg", content),
                "path": name,
                "label_by_folder": "true",
            },
        )
    assert project.images.count() >= 3
