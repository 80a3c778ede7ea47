"""What machines ask: /healthz, /readyz and /metrics."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from projects import backlog, health
from projects.models import Image, Project

from ..running import ROOT, clean_environment, free_port

TOKEN = "a-metrics-token-of-forty-three-characters-x"
ELSEWHERE = {"REMOTE_ADDR": "10.0.0.7"}


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_kept", health._Kept())
    monkeypatch.setattr(backlog, "_rows", backlog.Rows())


@pytest.fixture
def with_token(settings):
    settings.ENVIRONMENT = {**settings.ENVIRONMENT, "LABELING_METRICS_TOKEN": TOKEN}


def reasons(answer) -> dict[str, str]:
    return {each["name"]: each["why"] for each in answer.json()["checks"] if not each["ok"]}


def test_health_needs_no_database_no_session_and_no_known_host(client):
    # Without the mark django_db any query is an error.
    answer = client.get("/healthz", HTTP_HOST="172.16.3.4:8000", **ELSEWHERE)
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert answer["Cache-Control"] == "no-store"


def test_a_probe_is_not_sent_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200


def test_ready_names_every_part(db, client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert [each["name"] for each in answer.json()["checks"]] == [
        "database",
        "migrations",
        "storage",
        "broker",
    ]
    assert not Path(default_storage.path("health")).exists() or not any(
        Path(default_storage.path("health")).iterdir()
    )


@pytest.mark.parametrize("headers", [ELSEWHERE, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}])
def test_strangers_learn_only_whether_it_is_ready(db, client, headers):
    assert client.get("/readyz", **headers).json() == {"ok": True}
    assert client.get("/metrics", **headers).status_code == 404


@pytest.mark.parametrize("sent", ["", "Bearer ", f"Bearer {TOKEN}x", TOKEN, "Bearer \u00e9"])
def test_another_token_is_no_token(db, client, with_token, sent):
    headers = {**ELSEWHERE, "HTTP_AUTHORIZATION": sent}
    assert client.get("/metrics", **headers).status_code == 404


def test_the_token_opens_reasons_and_metrics_from_elsewhere(db, client, with_token):
    headers = {**ELSEWHERE, "HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
    assert len(client.get("/readyz", **headers).json()["checks"]) == 4
    assert client.get("/metrics", **headers).status_code == 200


def test_without_a_token_set_an_empty_one_opens_nothing(db, client):
    headers = {**ELSEWHERE, "HTTP_AUTHORIZATION": "Bearer "}
    assert client.get("/metrics", **headers).status_code == 404


def test_not_ready_while_a_migration_is_missing(db, client):
    MigrationRecorder(connection).migration_qs.filter(app="projects").latest("id").delete()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert reasons(answer) == {"migrations": "1 migrations are not applied: run manage.py migrate"}


def test_not_ready_without_a_database(transactional_db, client, settings):
    nowhere = {**connection.settings_dict, "NAME": "/nowhere/at-all.sqlite3"}
    connection.close()
    before, connection.settings_dict = connection.settings_dict, nowhere
    try:
        found = reasons(client.get("/readyz"))
        text = client.get("/metrics").content.decode()
    finally:
        connection.close()
        connection.settings_dict = before
    assert found["database"] == "it failed with OperationalError"
    assert "labeling_database_up 0.0" in text
    assert "labeling_images{" not in text


def test_not_ready_while_photos_cannot_be_written(db, client):
    folder = Path(default_storage.path("health"))
    if folder.is_dir():
        folder.rmdir()
    folder.write_bytes(b"a file where the folder should be")
    try:
        assert set(reasons(client.get("/readyz"))) == {"storage"}
    finally:
        folder.unlink()


LOOK = """
import django, json
django.setup()
from projects.health import look
print(json.dumps([check for check in look() if check.name == "broker"]))
"""


def test_not_ready_without_a_broker_and_its_password_is_not_told(tmp_path):
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    environment = clean_environment(
        LABELING_DATA=tmp_path, CELERY_BROKER_URL=url, DJANGO_SETTINGS_MODULE="labeling.settings"
    )
    done = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert json.loads(done.stdout) == [["broker", False, "it failed with OperationalError"]]
    assert "hunter2" not in done.stdout + done.stderr


def test_the_parts_are_not_tried_for_each_who_asks(db, client, django_assert_num_queries):
    client.get("/readyz")
    with django_assert_num_queries(0):
        client.get("/readyz")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_only_read(client, path):
    assert client.post(path).status_code == 405


def test_metrics_tell_requests_by_view_and_never_what_was_asked(db, owner_client, owner):
    project = Project.objects.create(name="Secret cats", owner=owner)
    owner_client.get(f"/projects/{project.pk}/?q=hunter2")
    owner_client.get("/no/such/page/hunter2")
    owner_client.generic("FOO", "/")
    owner_client.get("/api/v1/projects")
    text = owner_client.get("/metrics").content.decode()
    assert 'labeling_requests_total{method="GET",status="200",view="project"}' in text
    assert 'labeling_requests_total{method="GET",status="404",view="none"}' in text
    assert 'labeling_request_seconds_bucket{le="0.2",view="project"}' in text
    assert 'method="other"' in text
    assert (
        'labeling_requests_total{method="GET",status="200",view="api.v1.projects.Projects"}' in text
    )
    for told in ("hunter2", "cats", f"projects/{project.pk}", "owner", "FOO"):
        assert told not in text


def test_metrics_count_what_waits(db, client, project):
    states = ["pending", "pending", "failed", "embedded"]
    Image.objects.bulk_create(
        Image(
            project=project,
            name=f"{number}.jpg",
            path=f"{number}.jpg",
            content_hash=f"{number:064x}",
            extension=".jpg",
            byte_size=1,
            width=1,
            height=1,
            embedding_state=state,
        )
        for number, state in enumerate(states)
    )
    text = client.get("/metrics").content.decode()
    assert 'labeling_images{state="pending"} 2.0' in text
    assert 'labeling_images{state="failed"} 1.0' in text
    age = next(line for line in text.splitlines() if line.startswith("labeling_queue_age_seconds"))
    assert 0 < float(age.split()[1]) < 60


def test_metrics_take_the_same_queries_whatever_the_number_of_images(
    db, client, project, django_assert_num_queries
):
    with django_assert_num_queries(7):
        client.get("/metrics")
    with django_assert_num_queries(0):
        client.get("/metrics")


def test_probes_are_for_everybody_signed_in_or_not(db, owner_client, stranger_client):
    for client in (owner_client, stranger_client, Client()):
        assert client.get("/readyz").status_code == 200
