"""Our application, asked as its own pages and scripts ask it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.label_studio.wire import Client, Part

TILE = re.compile(r'data-id="(\d+)"')


class Ours:
    """One project of a running application, by a signed-in person's session."""

    name = "ours"
    batch = 100
    """Files a request: as Label Studio gets them, though up to 500 are taken."""

    def __init__(self, link: str) -> None:
        """`link` is what the start command prints, and signs in."""
        self.client = Client(link)
        self.client.send("GET", urlsplit(link).path)
        self.project = 0
        self.labels: dict[str, int] = {}
        self._behind: list[str] = [""]

    def make_project(self, labels: Sequence[str]) -> None:
        made = self._ask("POST", "/api/v1/projects", {"name": "Side by side"})
        self.project, self.labels, self._behind = made["id"], {}, [""]
        for label in labels:
            told = self._ask("POST", f"/api/v1/projects/{self.project}/labels", {"name": label})
            self.labels[label] = told["id"]

    def upload(self, photos: Sequence[Path]) -> None:
        """Upload one batch, as a script does."""
        self._write()
        path = f"/api/v1/projects/{self.project}/uploads"
        self.client.send_form(path, [Part("file", p.read_bytes(), p.name) for p in photos])

    def images(self) -> int:
        return self._ask("GET", f"/api/v1/projects/{self.project}")["images"]

    def labeled(self) -> int:
        return self._ask("GET", f"/api/v1/projects/{self.project}")["labeled"]

    def is_embedding(self) -> bool:
        path = f"/api/v1/projects/{self.project}/images?show=pending&limit=1"
        return bool(self._ask("GET", path)["results"])

    def page(self, number: int) -> list[int]:
        """Return the images of the grid's chunk `number`, from 1, in one request.

        The grid asks by the cursor behind the chunk before: those on the way are looked up once,
        and no more after that.
        """
        while len(self._behind) < number:
            if not (behind := self._chunk(self._behind[-1])["next"]):
                raise IndexError(f"the grid has no page {number}")
            self._behind.append(behind)
        return [int(pk) for pk in TILE.findall(self._chunk(self._behind[number - 1])["tiles"])]

    def give(self, images: Sequence[int], label: str) -> None:
        """Give all a label in one request, as the grid does with what is selected."""
        body = {"images": list(images), "label": self.labels[label], "mode": "add"}
        self._ask("POST", f"/projects/{self.project}/images/label", body)

    def give_each(self, images: Sequence[int], label: str) -> None:
        """Give each a label in a request of its own."""
        for image in images:
            self.give([image], label)

    def _chunk(self, after: str) -> Any:
        return self._ask("GET", f"/projects/{self.project}/tiles?after={after}")

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        self._write()
        return self.client.ask(method, path, content)

    def _write(self) -> None:
        # Signing in gave the cookie; as in the pages, its value is sent back as a header.
        self.client.headers["X-CSRFToken"] = self.client.cookies["labeling_csrf"]
