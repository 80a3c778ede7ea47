"""Starts the application as a person does, and looks at the processes it is made of."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from labeling.environment import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"(http://\S+)/enter/\S+")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**ours: object) -> dict[str, str]:
    """The environment of a person who set nothing but `ours`."""
    hidden = {variable.name for variable in VARIABLES} | {"DJANGO_SETTINGS_MODULE"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | {name: str(value) for name, value in ours.items()}


class Application:
    """`manage.py start`, and what it said so far."""

    def __init__(self, data: Path, *arguments: str, **variables: object) -> None:
        self.data = data
        variables.setdefault("LABELING_PORT", free_port())
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "start", *arguments],
            cwd=ROOT,
            env=clean_environment(LABELING_DATA=data, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.append(line)

    @property
    def said(self) -> str:
        return "".join(self._lines)

    def wait_for_link(self, seconds: float = 60) -> str:
        """Return the link that signs in."""
        wait_until(
            lambda: LINK.search(self.said) or self.process.poll() is not None, seconds=seconds
        )
        found = LINK.search(self.said)
        assert found, f"the application did not start:\n{self.said}"
        return found[0]

    def processes(self) -> dict[int, str]:
        """Command line by process id of everything that runs with this data folder."""
        return processes_with(f"LABELING_DATA={self.data}")

    def send(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(40)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def processes_with(setting: str) -> dict[int, str]:
    """Command line by process id of every living process that has this in its environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if setting.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def wait_until(holds: Callable[[], object], *, seconds: float = 20) -> None:
    """Return when `holds()` is true; fail the test when it is not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
