"""The real application, started as a person starts it, and a real Chromium that looks at it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Response,
    expect,
    sync_playwright,
)

from ..running import Application
from .workspace import seeder, workspace

__all__ = ["seeder", "workspace"]

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 30_000
"""Milliseconds. What is right is there in one second on an idle machine; CI's is seldom idle."""
expect.set_options(timeout=PATIENCE)

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Without these three, Chromium asks its maker's hosts for things at every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Server:
    """A running application."""

    link: str
    """Signs in whoever opens it."""
    url: str
    data: Path
    application: Application


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium."""
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.skip("not run: no Chromium; install the system's package `chromium`")
    return found


@pytest.fixture(scope="session")
def server(
    chromium: str, encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """`manage.py start` with web server and worker, in a data folder of its own."""
    application = Application(tmp_path_factory.mktemp("data"))
    try:
        link = application.wait_for_link()
        yield Server(link, link.partition("/enter/")[0], application.data, application)
    finally:
        application.end()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@dataclass
class Problems:
    """What went wrong in the browser during a test: each entry fails it unless forgiven."""

    seen: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def forgive(self, pattern: str) -> None:
        """Expect a problem that matches the regular expression, for tests that provoke one."""
        self.forgiven.append(pattern)

    def left(self) -> list[str]:
        return [p for p in self.seen if not any(re.search(f, p) for f in self.forgiven)]

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"page error: {error}"))
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # Violations of the Content-Security-Policy arrive here too. Answers are judged below.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.seen.append(f"console: {message.text}")

    def _response(self, response: Response) -> None:
        is_part = response.request.resource_type in {"stylesheet", "script", "image", "font"}
        if response.status >= 500 or (response.status >= 400 and is_part):
            self.seen.append(f"HTTP {response.status}: {response.request.method} {response.url}")


@pytest.fixture
def problems() -> Problems:
    return Problems()


@pytest.fixture
def page(browser: Browser, server: Server, problems: Problems) -> Iterator[Page]:
    """A signed-in page at the list of projects, 1400 px wide; problems in it fail the test."""
    context = browser.new_context(
        base_url=server.url, viewport={"width": 1400, "height": 900}, accept_downloads=True
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    problems.watch(page)
    page.goto(server.link)
    yield page
    context.close()
    if problems.left():
        pytest.fail("in the browser:\n" + "\n".join(problems.left()))
