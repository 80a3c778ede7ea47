"""What every test may ask for: people, a project, drawn pictures, real photos, the encoder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from projects.models import Project
from similarity.encoders import packaged_encoders

from .drawings import picture_bytes, write_pictures
from .live import live, web  # noqa: F401 - for tests of scripts and of what runs in browsers

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put browser tests last: they are slow, and what they show is mostly shown faster before."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos beside the checkout; without it, its tests are skipped."""
    folder = Path(os.environ.get("LABELING_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real photos: set LABELING_SHARED_DATA to the folder shared/data")
    return folder


@pytest.fixture(scope="session")
def encoder_folder() -> Path:
    """The folder of built encoders, with all packaged ones in it (built now if one is missing)."""
    folder = Path(django_settings.ENCODER_FOLDER)
    if not all(choice.is_built(folder) for choice in packaged_encoders()):
        subprocess.run(
            [sys.executable, "-m", "similarity.encoders.build", str(folder)], cwd=ROOT, check=True
        )
    return folder


@pytest.fixture(scope="session")
def drawn_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder of 4 pictures for each of the 6 kinds in `drawings.KINDS`."""
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """`picture("red circle", seed)` gives the bytes of a JPEG; see `drawings.picture_bytes`."""
    return picture_bytes


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("stranger")


@pytest.fixture
def project(owner: User) -> Project:
    """An empty single-label project of `owner`."""
    return Project.objects.create(name="Photos", owner=owner)


@pytest.fixture
def owner_client(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def stranger_client(stranger: User) -> Client:
    client = Client()
    client.force_login(stranger)
    return client


_last_project_id = 0


@pytest.fixture(autouse=True)
def _project_ids_never_repeat(request: pytest.FixtureRequest) -> None:
    """Give each test project ids of its own, as in life: caches and folders are named by them."""
    global _last_project_id
    wants_database = request.node.get_closest_marker("django_db") or {
        "db",
        "transactional_db",
    } & set(request.fixturenames)
    if not wants_database or connection.vendor != "sqlite":
        return
    request.getfixturevalue("db")
    _last_project_id += 1000
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'projects_project'")
        cursor.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('projects_project', %s)",
            [_last_project_id],
        )
