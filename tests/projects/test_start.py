"""The start command: what it refuses, what it runs, and that nothing of it stays."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..running import ROOT, Application, clean_environment, free_port, wait_until

# The encoder's file is not needed to start and stop, only to embed.
NO_ENCODER = {"LABELING_ENCODER": "open_clip:none/none"}

linux_only = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"
)


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    application = Application(tmp_path, **NO_ENCODER)
    yield application
    application.end()


@pytest.fixture(scope="module")
def calm_application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """One for all the tests that only look: starting and stopping takes seconds."""
    application = Application(tmp_path_factory.mktemp("data"), **NO_ENCODER)
    yield application
    application.end()


def refusal(data: Path, **variables: object) -> str:
    """What a start says that does not come about."""
    done = subprocess.run(
        [sys.executable, "manage.py", "start"],
        cwd=ROOT,
        env=clean_environment(LABELING_DATA=data, **variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


def answer(link: str) -> http.client.HTTPResponse:
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", parts.path)
    return connection.getresponse()


def test_a_taken_port_is_refused_with_another_one_to_try(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refusal(tmp_path, LABELING_PORT=port, **NO_ENCODER)
    assert f"Port {port} is taken" in said
    assert "set LABELING_PORT=" in said


def test_an_address_of_another_machine_is_refused(tmp_path: Path):
    said = refusal(tmp_path, LABELING_HOST="192.0.2.1", **NO_ENCODER)
    assert "LABELING_HOST='192.0.2.1' is no address of this machine" in said


def test_a_host_that_is_no_address_is_refused(tmp_path: Path):
    said = refusal(tmp_path, LABELING_HOST="not a host", **NO_ENCODER)
    assert "LABELING_HOST='not a host' is no address" in said


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    said = refusal(tmp_path / "file" / "data")
    assert "Set LABELING_DATA to a folder you may write to" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_folder_that_is_not_writable_is_refused(tmp_path: Path):
    tmp_path.chmod(0o500)
    said = refusal(tmp_path)
    assert "not writable. Set LABELING_DATA to a folder you may write to" in said


def test_a_bad_value_is_refused(tmp_path: Path):
    said = refusal(tmp_path, LABELING_PORT="eighty")
    assert "LABELING_PORT='eighty' cannot be used: use a whole number from 1 to 65535." in said


def test_a_database_that_does_not_answer_is_refused(tmp_path: Path):
    said = refusal(
        tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/no/such/folder.sqlite3", **NO_ENCODER
    )
    assert "The database cannot be used" in said


def test_an_index_that_the_database_does_not_have_is_refused(tmp_path: Path):
    said = refusal(tmp_path, LABELING_INDEX="pgvector", **NO_ENCODER)
    assert "searches in PostgreSQL, and the database is another" in said
    assert "Set DATABASE_URL to a PostgreSQL, or LABELING_INDEX to auto." in said


def test_a_broker_that_does_not_answer_is_refused(tmp_path: Path):
    said = refusal(tmp_path, CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0", **NO_ENCODER)
    assert "The message broker does not answer" in said
    assert "see CELERY_BROKER_URL" in said


@linux_only
def test_ctrl_c_leaves_no_process_and_no_file_that_only_a_running_one_needs(
    application: Application,
):
    link = application.wait_for_link()
    assert len(application.processes()) >= 5  # itself, guard, gunicorn and its one, celery ...
    assert application.send(signal.SIGINT) == 0
    assert application.processes() == {}
    assert application.said.endswith("Stopped.\n")
    left = {path.name for path in application.data.iterdir() if path.is_file()}
    assert left == {"labeling.sqlite3", "secret.key", "start.lock"}
    assert list(application.data.glob("queue/*.msg")) == []
    with pytest.raises(ConnectionRefusedError):
        answer(link)


@linux_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_ways_to_stop_stop_too(application: Application, number: signal.Signals):
    application.wait_for_link()
    assert application.send(number) == 0
    assert application.processes() == {}


@linux_only
def test_killing_it_ends_its_children_and_the_next_start_works(application: Application):
    application.wait_for_link()
    application.send(signal.SIGKILL)
    wait_until(lambda: not application.processes())
    again = Application(application.data, **NO_ENCODER)
    try:
        again.wait_for_link()
    finally:
        again.end()


@linux_only
def test_a_worker_that_dies_is_started_again_and_pages_go_on(application: Application):
    link = application.wait_for_link()
    worker = next(pid for pid, command in application.processes().items() if "celery" in command)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "The worker ended unexpectedly" in application.said)
    assert answer(link).status < 500
    wait_until(
        lambda: sum("celery" in command for command in application.processes().values()) >= 2
    )


@linux_only
def test_a_killed_process_of_the_pool_does_not_leave_a_worker_that_works_no_more(
    application: Application,
):
    application.wait_for_link()

    def idle() -> list[int]:
        return sorted(pid for pid, text in application.processes().items() if "celery" in text)

    wait_until(lambda: len(idle()) == 3)  # the worker, its clock, its pool of one
    before = idle()
    for pid in before[1:]:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "The worker ended unexpectedly" in application.said)
    wait_until(lambda: len(idle()) == 3 and not set(idle()) & set(before))


@linux_only
def test_a_dead_web_server_ends_everything_with_a_sentence(application: Application):
    application.wait_for_link()
    web = next(pid for pid, command in application.processes().items() if "gunicorn" in command)
    os.kill(web, signal.SIGKILL)
    assert application.process.wait(30) == 1
    wait_until(lambda: "The web server ended unexpectedly" in application.said)
    assert application.processes() == {}


def test_a_second_start_says_where_the_first_one_runs(calm_application: Application):
    link = calm_application.wait_for_link()
    said = refusal(calm_application.data, LABELING_PORT=free_port(), **NO_ENCODER)
    assert f"already running at {link.partition('/enter/')[0]} " in said
    assert "set LABELING_DATA to another folder" in said


def test_the_terminal_stays_calm(calm_application: Application):
    link = calm_application.wait_for_link()
    answer(link.replace("/enter/", "/nothing-here/"))
    wait_until(lambda: "Ctrl-C stops" in calm_application.said)
    assert calm_application.said.strip().splitlines() == [
        f"Open this link to sign in: {link}",
        f"Everything is kept in {calm_application.data}. Ctrl-C stops.",
    ]
    assert "gunicorn" in (calm_application.data / "log" / "web-server.log").read_text()


def test_the_link_signs_in_and_only_the_newest_does(calm_application: Application):
    link = calm_application.wait_for_link()
    right = answer(link)
    assert (right.status, right.headers["Location"]) == (302, "/")
    assert any(c.startswith("labeling_session=") for c in right.headers.get_all("Set-Cookie"))
    wrong = answer(link.rstrip("/")[:-4] + "AAAA/")
    assert wrong.status == 403
    assert "This link is of an earlier start" in wrong.read().decode()
