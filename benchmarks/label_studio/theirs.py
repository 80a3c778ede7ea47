"""Label Studio, asked over its own HTTP API in the way that is fastest for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.label_studio.compare import PAGE
from benchmarks.label_studio.wire import Client, Part

CHOICES = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    "{}</Choices></View>"
)
ITS_PAGE = 30
"""Tasks that its own page asks for at a time."""


class Theirs:
    """One project of a running Label Studio, by its user's token."""

    name = "Label Studio"
    batch = 100
    """Files a request: as many as it takes, and the best of 25, 50 and 100; see `__main__`."""

    def __init__(self, url: str, token: str) -> None:
        self.client = Client(url, {"Authorization": f"Token {token}"})
        self.project = 0
        self.view = 0

    def make_project(self, labels: Sequence[str]) -> None:
        """Make an image classification project, and the tab that its page makes when opened."""
        choices = "".join(f'<Choice value="{label}"/>' for label in labels)
        content = {"title": "Side by side", "label_config": CHOICES.format(choices)}
        self.project = self.client.ask("POST", "/api/projects/", content)["id"]
        columns = self.client.ask("GET", f"/api/dm/columns/?project={self.project}")["columns"]
        made = {"project": self.project, "data": tab_of(columns)}
        self.view = self.client.ask("POST", f"/api/dm/views/?project={self.project}", made)["id"]

    def upload(self, photos: Sequence[Path]) -> None:
        """Import one batch. Each file has a field of its own: of equal names it reads the last."""
        parts = [Part(f"file{n}", p.read_bytes(), p.name) for n, p in enumerate(photos)]
        self.client.send_form(f"/api/projects/{self.project}/import", parts)

    def images(self) -> int:
        return self.client.ask("GET", f"/api/projects/{self.project}/")["task_number"]

    def labeled(self) -> int:
        path = f"/api/projects/{self.project}/"
        return self.client.ask("GET", path)["num_tasks_with_annotations"]

    def page(self, number: int) -> list[int]:
        """Return the tasks of a page, by the one request its data manager makes for it."""
        return self._page(number, PAGE)

    def its_own_page(self) -> list[int]:
        """Return the first page in the size that its data manager asks for."""
        return self._page(1, ITS_PAGE)

    def give(self, tasks: Sequence[int], label: str) -> None:
        """Give all a label in two requests, the only way there is in bulk for tasks it has.

        They come in as predictions, which its action "Create Annotations From Predictions" then
        makes annotations of.
        """
        predicted = [
            {"task": task, "model_version": label, "result": [choice(label)]} for task in tasks
        ]
        self.client.ask("POST", f"/api/projects/{self.project}/import/predictions", predicted)
        path = f"/api/dm/actions/?id=predictions_to_annotations&project={self.project}"
        chosen = {"all": False, "included": list(tasks)}
        content = {"model_version": label, "selectedItems": chosen, "project": self.project}
        self.client.ask("POST", path, content)

    def give_each(self, tasks: Sequence[int], label: str) -> None:
        """Submit an annotation for each, as its page does; what it loads after each is left out."""
        for task in tasks:
            content = {"result": [choice(label)], "lead_time": 1.0, "project": self.project}
            path = f"/api/tasks/{task}/annotations/?project={self.project}"
            self.client.ask("POST", path, content)

    def _page(self, number: int, size: int) -> list[int]:
        place = f"page={number}&page_size={size}&view={self.view}&project={self.project}"
        return [task["id"] for task in self.client.ask("GET", f"/api/tasks?{place}")["tasks"]]


def choice(label: str) -> dict[str, Any]:
    """Return an annotation's one result: this class for the image."""
    return {
        "value": {"choices": [label]},
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
    }


def tab_of(columns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the default tab as its page makes it: columns hidden where their defaults say so."""
    hidden = {
        place: [key_of(column) for column in columns if not shows(column, place)]
        for place in ("explore", "labeling")
    }
    filters = {"conjunction": "and", "items": []}
    tab = {"title": "Default", "type": "list", "target": "tasks", "ordering": []}
    return {**tab, "filters": filters, "hiddenColumns": hidden}


def shows(column: dict[str, Any], place: str) -> bool:
    return bool(column.get("visibility_defaults", {}).get(place, True))


def key_of(column: dict[str, Any]) -> str:
    parent = f"{column['parent']}." if column.get("parent") else ""
    return f"{column['target']}:{parent}{column['id']}"
