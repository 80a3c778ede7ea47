"""The application as it runs, a token for it, and a project of labeled pictures in it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from .drawings import picture_bytes
from .running import ROOT, Application, clean_environment, wait_until

PHOTO = picture_bytes("red circle", 77)
"""`photo.jpg` of every sample: an image of the project, and a file, and one on the web."""


@dataclass
class Live:
    """A running application that fetches images from this machine, too."""

    url: str
    token: str
    project: int
    """24 drawn pictures of 6 kinds and `photo.jpg`, labeled by kind."""
    application: Application

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Ask the API as a script does, and return the JSON."""
        headers = {"X-Auth-token": self.token}
        answer = requests.request(method, self.url + path, headers=headers, timeout=60, **more)
        assert answer.ok, answer.text
        return answer.json()

    def new_token(self, *options: str) -> str:
        return create_token(self.application.data, *options)

    def new_project(self, name: str = "Photos", **fields: Any) -> int:
        return int(self.ask("POST", "/api/v1/projects", json={"name": name, **fields})["id"])

    def upload(self, project: int, files: list[tuple[str, bytes]]) -> None:
        """Upload files labeled by their folders, and wait until the worker has read them."""
        self.ask(
            "POST",
            f"/api/v1/projects/{project}/uploads",
            files=[("file", (path.rpartition("/")[2], content)) for path, content in files],
            data={"path": [path for path, _ in files], "label_by_folder": "true"},
        )
        self.wait_until_embedded(project)

    def wait_until_embedded(self, project: int) -> None:
        def states() -> set[str]:
            listed = self.ask("GET", f"/api/v1/projects/{project}/images?limit=1000")
            return {image["embedding"] for image in listed["results"]}

        wait_until(lambda: states() == {"embedded"}, seconds=120)


def create_token(data: Path, *options: str, **variables: object) -> str:
    """Return a new token, made as the docs say, with the variables the application has."""
    done = subprocess.run(
        [sys.executable, "manage.py", "create_token", "tests", *(options or ("--scope", "write"))],
        cwd=ROOT,
        env=clean_environment(LABELING_DATA=data, **variables),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def live(
    encoder_folder: Path, drawn_pictures: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    application = Application(tmp_path_factory.mktemp("live"), LABELING_FETCH_HOSTS="localhost")
    try:
        url = application.wait_for_link().partition("/enter/")[0]
        live = Live(url, create_token(application.data), 0, application)
        live.project = live.new_project()
        files = [
            (f"{file.parent.name}/{file.name}", file.read_bytes())
            for file in sorted(drawn_pictures.glob("*/*.jpg"))
        ]
        live.upload(live.project, [*files, ("red circle/photo.jpg", PHOTO)])
        yield live
    finally:
        application.end()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@dataclass
class Web:
    """A web server on this machine, and the folder it serves."""

    url: str
    folder: Path


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "photo.jpg").write_bytes(PHOTO)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Web(f"http://localhost:{server.server_port}", folder)
    server.shutdown()
