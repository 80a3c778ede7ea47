"""A whole team's server: two gunicorn processes, two Celery workers, a clock, Redis with a
password, photos in S3; and a script that has photos labeled through it.

With LABELING_TEST_DATABASE=postgresql the database is a real PostgreSQL, else SQLite.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from .drawings import KINDS, picture_bytes
from .running import free_port, processes_with, wait_until
from .team import Team, redis_server, s3_server

A_KIND = 8
LABELED = 2
"""Photos of each kind that come in labeled; the others are labeled by what is suggested."""


def database_url() -> str:
    if os.environ.get("LABELING_TEST_DATABASE") != "postgresql":
        return ""
    from .postgresql import postgresql

    return postgresql().new_database("team")


@pytest.fixture(scope="module")
def worker_ports() -> list[int]:
    return [free_port(), free_port()]


@pytest.fixture(scope="module")
def team(
    encoder_folder: Path, worker_ports: list[int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    with redis_server() as redis, s3_server() as s3:
        team = Team(
            tmp_path_factory.mktemp("team"),
            broker=redis.url,
            database=database_url(),
            LABELING_MEDIA="s3://photos/team",
            LABELING_S3_ENDPOINT=s3,
            LABELING_S3_REGION="us-east-1",
            AWS_ACCESS_KEY_ID="a",
            AWS_SECRET_ACCESS_KEY="b",
        )
        try:
            team.start_web()
            team.start("clock")
            for port in worker_ports:
                team.start("worker", LABELING_WORKER_METRICS_PORT=port)
            yield team
        finally:
            team.end()


def photos() -> list[tuple[str, bytes]]:
    return [
        (f"{kind}/{kind}-{number}.jpg", picture_bytes(kind, 100 * at + number))
        for at, kind in enumerate(KINDS)
        for number in range(A_KIND)
    ]


def value(text: str, name: str) -> float:
    """The sum of a metric over its labels."""
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_photos_are_labeled_through_it(team, worker_ports):
    live = team.live()
    project = live.new_project("Drawings")
    base = f"/api/v1/projects/{project}"

    def send(photo: tuple[str, bytes]) -> None:
        path, content = photo
        name = path.rpartition("/")[2]
        known = name.rpartition("-")[2] in {f"{number}.jpg" for number in range(LABELED)}
        data = {"path": path if known else name, "label_by_folder": "true" if known else "false"}
        live.ask("POST", f"{base}/uploads", files=[("file", (name, content))], data=data)

    # One request a photo and several at once, so that both processes of the web server have some.
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, photos()))
    live.wait_until_embedded(project)
    rows = live.ask("GET", f"{base}/images?limit=1000")["results"]
    assert len(rows) == A_KIND * len(KINDS)
    unlabeled = [row["name"] for row in rows if not row["labels"]]
    assert len(unlabeled) == (A_KIND - LABELED) * len(KINDS)

    answer = live.ask("POST", f"{base}/suggestions", json={"images": unlabeled, "use_first": True})
    assert answer["job"] is None
    live.ask("POST", f"{base}/suggestions/commit", json={"results": [
        {key: result[key] for key in ("image", "suggestions")} for result in answer["results"]
    ]})  # fmt: skip
    rows = live.ask("GET", f"{base}/images?limit=1000")["results"]
    right = sum(_label(row) == row["name"].rpartition("-")[0] for row in rows)
    print(f"{right} of {len(rows)} drawn photos have the right label")
    assert right >= 0.9 * len(rows)

    headers = {"X-Auth-token": live.token}
    photo = requests.get(f"{team.url}/api/image/{project}/{rows[0]['name']}", headers=headers)
    assert photo.content in {content for _, content in photos()}
    assert not list((team.data / "media").rglob("*")), "photos lie in the bucket alone"


def _label(row: dict) -> str:
    (label,) = row["labels"]
    return label if isinstance(label, str) else label["label"]


def test_the_metrics_are_those_of_all_processes(team, worker_ports):
    text = requests.get(f"{team.url}/metrics", timeout=10).text
    uploads = 'labeling_requests_total{method="POST",status="201",view="api.v1.uploads.Uploads"}'
    assert value(text, uploads) == A_KIND * len(KINDS)
    assert value(text, 'labeling_images{state="pending"}') == 0
    assert value(text, "labeling_database_up") == 1
    workers = [requests.get(f"http://127.0.0.1:{p}/metrics", timeout=10).text for p in worker_ports]
    assert sum(value(text, "labeling_encoder_seconds_total") for text in workers) > 0
    assert all(value(text, "labeling_tasks_total") > 0 for text in workers)


def test_every_part_is_ready_and_runs_as_often_as_it_should(team):
    ready = requests.get(f"{team.url}/readyz", timeout=10).json()
    assert [check["name"] for check in ready["checks"] if check["ok"]] == [
        "database",
        "migrations",
        "storage",
        "broker",
    ]
    running = list(processes_with(team.mark).values())
    # A master and its two processes; a main process and its pool of one, twice; a clock.
    assert len([line for line in running if "gunicorn" in line]) == 3
    assert len([line for line in running if " worker " in line]) == 4
    assert len([line for line in running if " beat " in line]) == 1


def test_no_log_holds_a_file_name_a_token_or_a_password(team):
    logs = {path.name: path.read_text() for path in (team.data / "log").iterdir()}
    assert set(logs) == {"web.log", "worker.log", "clock.log"}
    password = team.environment["CELERY_BROKER_URL"].partition(":")[2].partition("@")[0].strip("/:")
    secrets_of_ours = [password, team.environment["SECRET_KEY"], "-0.jpg", "circle"]
    for name, text in logs.items():
        for secret in secrets_of_ours:
            assert secret not in text, name
        for line in text.splitlines():
            assert json.loads(line)["time"], "each line is an object"


def test_a_web_server_process_that_dies_is_replaced(team):
    children = [pid for pid, line in processes_with(team.mark).items() if "gunicorn" in line]
    master = team.started[0].pid
    victim = next(pid for pid in children if pid != master)
    os.kill(victim, 9)
    wait_until(lambda: victim not in processes_with(team.mark))
    wait_until(
        lambda: len([1 for line in processes_with(team.mark).values() if "gunicorn" in line]) == 3
    )
    wait_until(team.is_ready)
