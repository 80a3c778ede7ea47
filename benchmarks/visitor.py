"""A person's browser without the browser: signed in at the real application, over HTTP."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.running import Application

_TICKS = os.sysconf("SC_CLK_TCK")


class Visitor:
    """Who the link of the start command signed in, and a look at the web server's processes."""

    def __init__(self, application: Application) -> None:
        self.application = application
        link = application.wait_for_link()
        self.url = link.partition("/enter/")[0]
        self.session = requests.Session()
        page = self.session.get(link, timeout=60).text
        if form := re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page):
            data = {"csrfmiddlewaretoken": form[1]}
            self.session.post(link, data=data, headers={"Referer": link}, timeout=60)
        self.web = web_processes(application)

    def get(self, path: str) -> str:
        return self._checked(self.session.get(self.url + path, timeout=300)).text

    def post(self, path: str, body: Any) -> Any:
        return self._checked(self._post(path, json=body)).json()

    def new_batch(self, project: int) -> str:
        """Put the next images under review, and return the address of the page."""
        answer = self._checked(self._post(f"/projects/{project}/batches/next", data={}))
        return answer.url.removeprefix(self.url)

    def _post(self, path: str, **body: Any) -> requests.Response:
        headers = {"X-CSRFToken": self.session.cookies["labeling_csrf"], "Referer": self.url}
        return self.session.post(self.url + path, headers=headers, timeout=300, **body)

    @staticmethod
    def _checked(answer: requests.Response) -> requests.Response:
        if not answer.ok:
            raise SystemExit(f"{answer.url} answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def processor_seconds(self) -> float:
        """Return what all processes of the web server have used so far, to 10 ms."""
        return sum(_processor_ticks(process) for process in self.web) / _TICKS

    def memory(self) -> dict[str, float]:
        """Return MB of the largest process of the web server: `VmRSS`, `RssAnon`, `RssFile`."""
        return max(map(_memory, self.web), key=lambda each: each["VmRSS"])


@contextmanager
def visiting(data: Path) -> Iterator[Visitor]:
    """Start the application in a data folder, and end it."""
    application = Application(data)
    try:
        yield Visitor(application)
    finally:
        application.end()


def web_processes(application: Application) -> list[int]:
    """The processes of the web server: its master, which waits, and those that answer."""
    found = [process for process, line in application.processes().items() if "gunicorn" in line]
    if not found:
        raise SystemExit(f"No web server runs:\n{application.said}")
    return found


def _processor_ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _memory(process: int) -> dict[str, float]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    wanted = {"VmRSS", "VmHWM", "RssAnon", "RssFile", "RssShmem"}
    return {name: int(value.split()[0]) / 1024 for name, value in pairs if name in wanted}
