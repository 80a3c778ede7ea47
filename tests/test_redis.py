"""Celery over Redis: real server, real workers, and what they do when killed or cut off."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from .drawings import KINDS, picture_bytes
from .live import Live
from .running import wait_until
from .team import Redis, Team, redis_server

PHOTOS = 40


@pytest.fixture
def redis() -> Iterator[Redis]:
    with redis_server() as server:
        yield server


@pytest.fixture
def team(encoder_folder: Path, redis: Redis, tmp_path: Path) -> Iterator[Team]:
    team = Team(tmp_path, broker=redis.url)
    try:
        team.start_web()
        yield team
    finally:
        team.end()


def files() -> list[tuple[str, bytes]]:
    kinds = list(KINDS)
    return [
        (f"{number}.jpg", picture_bytes(kinds[number % len(kinds)], 1000 + number))
        for number in range(PHOTOS)
    ]


def send(live: Live, project: int) -> None:
    live.ask(
        "POST",
        f"/api/v1/projects/{project}/uploads",
        files=[("file", each) for each in files()],
    )


def count(team: Team, condition: str) -> int:
    with sqlite3.connect(team.data / "labeling.sqlite3") as database:
        return database.execute(
            f"SELECT COUNT(*) FROM projects_image WHERE {condition}"
        ).fetchone()[0]


def test_photos_of_a_worker_that_was_killed_are_embedded_by_the_next(team, redis):
    live = team.live()
    project = live.new_project()
    team.start("clock")
    first = team.start("worker")
    send(live, project)
    wait_until(lambda: count(team, "lease_until IS NOT NULL AND embedding_state = 'pending'"))
    team.kill(first)
    left = count(team, "embedding_state = 'pending'")
    assert left > 0
    team.start("worker")
    started = time.monotonic()
    # A dead worker's lease ends after 45 s, and the clock's next sweep comes within a minute.
    wait_until(lambda: count(team, "embedding_state = 'embedded'") == PHOTOS, seconds=180)
    print(f"{left} photos of a killed worker were done {time.monotonic() - started:.0f} s later")
    with sqlite3.connect(team.data / "labeling.sqlite3") as database:
        vectors = database.execute(
            "SELECT COUNT(*), COUNT(DISTINCT image_id) FROM projects_embedding"
        )
        assert vectors.fetchone() == (PHOTOS, PHOTOS)


def test_a_worker_that_is_asked_to_stop_finishes_its_chunk_and_leaves_no_lease(team):
    live = team.live()
    project = live.new_project()
    worker = team.start("worker")
    send(live, project)
    wait_until(lambda: count(team, "lease_until IS NOT NULL AND embedding_state = 'pending'"))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert count(team, "lease_until IS NOT NULL") == 0
    assert count(team, "embedding_state = 'embedded'") > 0


def test_uploads_go_on_without_a_broker_and_are_embedded_when_it_is_back(team, redis):
    live = team.live()
    project = live.new_project()
    worker = team.start("worker")
    wait_until(lambda: _swept(team), seconds=60)
    redis.stop()
    started = time.monotonic()
    send(live, project)
    assert time.monotonic() - started < 10
    answer = requests.get(f"{team.url}/readyz", timeout=20)
    assert answer.status_code == 503
    assert [check["name"] for check in answer.json()["checks"] if not check["ok"]] == ["broker"]
    redis.start()
    # In life the clock sends it; a minute is long for a test.
    team.start("clock")
    wait_until(lambda: count(team, "embedding_state = 'embedded'") == PHOTOS, seconds=180)
    assert worker.poll() is None


def _swept(team: Team) -> bool:
    return '"task": "projects.tasks.sweep"' in team.log_of("worker").read_text()


def test_logs_are_json_lines_that_lead_from_the_request_to_its_task(team):
    live = team.live()
    project = live.new_project()
    team.start("worker")
    send(live, project)
    live.wait_until_embedded(project)
    web = [json.loads(line) for line in team.log_of("web").read_text().splitlines()]
    worker = team.log_of("worker").read_text()
    upload = next(line for line in web if line.get("view") == "api.v1.uploads.Uploads")
    assert upload["project"] == project
    wait_until(lambda: upload["request_id"] in team.log_of("worker").read_text())
    assert "7.jpg" not in worker + team.log_of("web").read_text()
    assert live.token not in worker + team.log_of("web").read_text()
