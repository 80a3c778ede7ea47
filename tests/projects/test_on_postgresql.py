"""The application as a person starts it, on a real PostgreSQL with pgvector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from projects.models.pgvector import SETS
from tests.live import Live, create_token
from tests.postgresql import CannotRun, postgresql
from tests.running import Application


@pytest.fixture
def database() -> str:
    try:
        return postgresql().new_database("application")
    except CannotRun as problem:
        pytest.skip(f"PostgreSQL cannot be started here: {problem}")


@pytest.fixture
def on_postgresql(database: str, encoder_folder: Path, tmp_path: Path) -> Iterator[Live]:
    variables = {"DATABASE_URL": database, "LABELING_INDEX": "pgvector"}
    application = Application(tmp_path, **variables)
    try:
        url = application.wait_for_link().partition("/enter/")[0]
        token = create_token(tmp_path, "--scope", "write", **variables)
        yield Live(url, token, 0, application)
    finally:
        application.end()


def test_photos_are_uploaded_read_labeled_and_suggested_from(
    on_postgresql: Live, database: str, drawn_pictures: Path
):
    files = [
        (f"{file.parent.name}/{file.name}", file.read_bytes())
        for file in sorted(drawn_pictures.glob("*/*.jpg"))
    ]
    project = on_postgresql.new_project()
    on_postgresql.upload(project, files)
    name = Path(files[0][0])
    said = on_postgresql.ask(
        "POST",
        f"/api/similarity-labels?project={project}&use-first=true",
        json={"imageName": name.name},
    )
    assert [each["label"] for each in said] == [name.parent.name]
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT count(*), min(octet_length(vector)) FROM projects_embedding"
        )
        assert found.fetchone() == (24, 1280 * 4)
        assert connection.execute(f"SELECT count(*) FROM {SETS}").fetchone() == (0,), "too few"
    assert not (on_postgresql.application.data / "labeling.sqlite3").exists()
