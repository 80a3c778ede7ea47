"""Label Studio itself: installed into a virtual environment of its own, started and ended."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.running import clean_environment, free_port

VERSION = "1.23.2"
"""The newest release when this was written, and the newest that installs on Python 3.11."""
TOKEN = "0123456789abcdef0123456789abcdef01234567"
USER = ("bench@example.com", "only-for-the-benchmark")
MINUTES_TO_START = 10
"""Its first start makes about 400 migrations: one to three minutes were seen."""

OFFLINE = {
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "FEATURE_FLAGS_OFFLINE": "true",
}
"""Its switches for error reports, telemetry, the look for updates and remote feature flags."""


class NoPeer(RuntimeError):
    """Label Studio cannot be installed or started; says why."""


def install(venv: Path) -> Path:
    """Return the program of Label Studio in `venv`, which is made where it is missing.

    Raises:
        NoPeer: with the end of what pip said.
    """
    program = venv / "bin" / "label-studio"
    done = venv / f"label-studio-{VERSION}-installed"
    if not done.exists():
        run([sys.executable, "-m", "venv", "--clear", str(venv)])
        run([str(venv / "bin" / "pip"), "install", "--quiet", f"label-studio=={VERSION}"])
        done.touch()  # only a whole installation is used again
    return program


def run(command: list[str]) -> None:
    """Run a command to its end, or raise `NoPeer` with the end of what it said."""
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip()[-2000:]
        raise NoPeer(f"`{' '.join(command)}` ended with exit code {ended.returncode}:\n{said}")


def command_of(program: Path, data: Path, port: int) -> list[str]:
    """Return the documented command that starts it, bound to this machine only."""
    name, password = USER
    return [
        *(str(program), "start", "--no-browser"),
        *("--data-dir", str(data), "--internal-host", "127.0.0.1", "--port", str(port)),
        *("--username", name, "--password", password),
        *("--user-token", TOKEN, "--enable-legacy-api-token"),
    ]


class LabelStudio:
    """`label-studio start` on SQLite, in a process group and a data folder of its own."""

    def __init__(self, program: Path, data: Path) -> None:
        data.mkdir(parents=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = data / "said.log"
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                command_of(program, data, port),
                cwd=data,
                env=clean_environment(HOME=data, **OFFLINE),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Return when it answers.

        Raises:
            NoPeer: it ended, or did not answer in time; with the end of what it said.
        """
        deadline = time.monotonic() + 60 * MINUTES_TO_START
        while not answers(self.url):
            if self.process.poll() is not None:
                raise NoPeer(f"It ended with code {self.process.returncode}:\n{self.said}")
            if time.monotonic() > deadline:
                raise NoPeer(f"It gave no answer in {MINUTES_TO_START} minutes:\n{self.said}")
            time.sleep(0.5)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace").strip()[-2000:]

    def end(self) -> None:
        """End the process group it leads, and no other."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(15)
                except subprocess.TimeoutExpired:
                    continue


def answers(url: str) -> bool:
    connection = http.client.HTTPConnection(url.partition("//")[2], timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
