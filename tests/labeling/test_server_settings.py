"""Settings of a server, read as a process reads them at its start."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..running import ROOT, clean_environment

KEY = secrets.token_urlsafe(64)


def started(data: Path, expression: str, **variables: object) -> subprocess.CompletedProcess[str]:
    code = f"from labeling import settings as s; import json; print(json.dumps({expression}))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment(LABELING_DATA=data, **variables),
        capture_output=True,
        text=True,
    )


def value(data: Path, expression: str, **variables: object) -> Any:
    done = started(data, expression, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("key", ["", "change-me", "django-insecure-" + "a1b2c3d4" * 6])
def test_a_server_does_not_start_without_a_key_of_its_own(tmp_path, key):
    done = started(tmp_path, "1", LABELING_HTTPS=1, SECRET_KEY=key)
    assert done.returncode != 0
    assert done.stderr.startswith("Cannot start: ")
    assert "secrets.token_urlsafe(64)" in done.stderr
    assert not key or key not in done.stderr
    assert not (tmp_path / "secret.key").exists()


def test_a_laptop_makes_its_own_key(tmp_path):
    key = value(tmp_path, "s.SECRET_KEY")
    assert (tmp_path / "secret.key").read_text() == key
    assert value(tmp_path, "s.SECRET_KEY") == key


def test_over_https_cookies_go_over_https_only(tmp_path):
    expression = "[s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT]"
    assert value(tmp_path, expression, LABELING_HTTPS=1, SECRET_KEY=KEY) == [True] * 3


def test_nobody_waits_minutes_for_a_postgresql_that_does_not_answer(tmp_path):
    url = "postgres://labeling:secret@10.0.0.1/labeling"
    options = "s.DATABASES['default']['OPTIONS']['connect_timeout']"
    assert value(tmp_path, options, DATABASE_URL=url) == 5
    assert value(tmp_path, options, DATABASE_URL=f"{url}?connect_timeout=9") in {9, "9"}


def test_a_bucket_has_its_name_folder_and_server(tmp_path):
    found = value(
        tmp_path,
        "s.STORAGES['default']",
        LABELING_MEDIA="s3://photos/a/b/",
        LABELING_S3_ENDPOINT="https://minio.example.com",
    )
    assert found["BACKEND"] == "projects.bucket.BucketStorage"
    assert found["OPTIONS"] == {
        "bucket_name": "photos",
        "location": "a/b",
        "endpoint_url": "https://minio.example.com",
        "region_name": None,
    }


def test_redis_is_spoken_to_in_json_one_message_at_a_time(tmp_path):
    names = (
        "TASK_SERIALIZER",
        "ACCEPT_CONTENT",
        "TASK_ACKS_LATE",
        "TASK_REJECT_ON_WORKER_LOST",
        "WORKER_PREFETCH_MULTIPLIER",
    )
    expression = "[" + ", ".join(f"s.CELERY_{name}" for name in names) + "]"
    found = value(tmp_path, expression, CELERY_BROKER_URL="redis://127.0.0.1/0")
    assert found == ["json", ["json"], True, True, 1]
