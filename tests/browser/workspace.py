"""A project's page as a person handles it, for the browser tests of the grid and of labeling."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.drawings import KINDS, picture_bytes
from tests.running import clean_environment

if TYPE_CHECKING:
    from .conftest import Server

ROOT = Path(__file__).resolve().parent.parent.parent


class Seeder:
    """Makes projects in the running application's database."""

    def __init__(self, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.seeder"],
            cwd=ROOT,
            env=clean_environment(LABELING_DATA=data),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **knobs: Any) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps({"do": do} | knobs), file=self.process.stdin, flush=True)
        return dict(json.loads(self.process.stdout.readline()))

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(20)


@pytest.fixture(scope="session")
def seeder(server: Server) -> Iterator[Seeder]:
    seeder = Seeder(server.data)
    yield seeder
    seeder.end()


class Workspace:
    """The page of a project made for this test."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page = page
        self.seeder = seeder
        # What pictures look like is none of these tests' business, so no file is needed.
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def open(self, query: str = "", **knobs: Any) -> Workspace:
        """Make a project and open its page."""
        self.made = self.seeder.ask("make_project", **knobs)
        self.url = f"/projects/{self.made['project']}/"
        self.page.goto(self.url + query)
        self._wait()
        return self

    def _wait(self) -> None:
        """Wait until the page's modules have done their first work."""
        expect(self.page.locator("#grid[aria-busy=false]")).to_be_attached()

    def reload(self) -> None:
        self.page.reload()
        self._wait()

    def tile(self, index: int) -> Locator:
        return self.page.locator(f"#tile-{self.made['images'][index]}")

    def labels_of(self, index: int) -> list[str]:
        return [text.replace("★", "").strip() for text in self.chips(index).all_inner_texts()]

    def chips(self, index: int) -> Locator:
        return self.tile(index).locator(".chip")

    def label(self, name: str) -> Locator:
        """The row of a label in the panel."""
        return self.page.locator(f"#label-rows [data-label='{self.made['labels'][name]}']")

    def selected(self) -> list[int]:
        """Indexes of the selected tiles that are alive."""
        script = "tiles => tiles.map(tile => Number(tile.dataset.id))"
        ids = self.page.locator('.tile[aria-selected="true"]').evaluate_all(script)
        return sorted(self.made["images"].index(pk) for pk in ids)

    def toast(self, text: str) -> Locator:
        toast = self.page.locator(".toast", has_text=text)
        expect(toast).to_be_visible()
        return toast

    def menu(self, label: str) -> Locator:
        return self.page.locator('.menu [role="menuitem"]', has_text=label)


def draw(route: Route) -> None:
    pk = int(route.request.url.split("/")[-2])
    body = picture_bytes(KINDS[pk % len(KINDS)], pk % 10)
    route.fulfill(body=body, content_type="image/jpeg")


@pytest.fixture
def workspace(page: Page, seeder: Seeder) -> Workspace:
    return Workspace(page, seeder)
