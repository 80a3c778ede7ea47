"""Takes the pictures of README and docs/ by driving the running application.

    python -m scripts.screenshots [FOLDER]

FOLDER holds a folder of photos for each label; without it the demo's photos are fetched. It must
hold photos that may be shown: the pictures are committed.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.conftest import CHROMIUM_FLAGS, CHROMIUM_NAMES
from tests.running import ROOT, Application, clean_environment, wait_until

TARGET = ROOT / "docs" / "images"
SIZE = {"width": 1400, "height": 860}
EMBEDDING_SECONDS = 600


class Studio:
    """The running application with one project of real photos, seen by a signed-in browser."""

    def __init__(self, application: Application, browser: Browser, project: str) -> None:
        self.application, self.browser, self.project = application, browser, project
        self.link = application.wait_for_link()

    def page(self, scheme: str = "light") -> Page:
        context: BrowserContext = self.browser.new_context(color_scheme=scheme, viewport=SIZE)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(self.link)
        page.get_by_role("link", name=self.project, exact=True).click()
        page.wait_for_load_state("load")  # the modules have run by then
        return page

    def wait_until_embedded(self) -> None:
        page = self.page()
        ask = "() => fetch('progress', {headers: {Accept: 'application/json'}}).then(r => r.json())"
        wait_until(lambda: page.evaluate(ask)["pending"] == 0, seconds=EMBEDDING_SECONDS)
        page.context.close()


def take(page: Page, name: str) -> None:
    """Save what the page shows as docs/images/NAME.webp, a third of the size of a PNG."""
    page.wait_for_load_state("networkidle")
    shot = Image.open(io.BytesIO(page.screenshot()))
    shot.save(TARGET / f"{name}.webp", quality=88, method=6)
    print(f"docs/images/{name}.webp", file=sys.stderr)
    page.context.close()


def grid(studio: Studio) -> None:
    page = studio.page()
    tiles = page.locator(".tile .photo")
    for at in (1, 2, 8):
        tiles.nth(at).click(modifiers=["Control"] if at > 1 else [])
    tiles.nth(2).click(button="right")
    take(page, "grid")


def upload(studio: Studio, photos: Path) -> None:
    page = studio.page()
    page.set_input_files('[data-upload-input="folder"]', str(photos))
    page.wait_for_selector("dialog.upload-dialog .summary")
    take(page, "upload")


def review(studio: Studio) -> None:
    page = studio.page()
    page.click("[data-similarity-menu]")
    page.get_by_role("menuitem", name="Next batch").click()
    page.locator('dialog[open] input[type="number"], #batch-size').first.fill("24")
    page.locator("dialog[open] button.primary").click()
    page.wait_for_selector("article.row:not(.unread)")
    address = page.url
    page.wait_for_load_state("networkidle")
    first = telling_rows(page)
    doubtful = page.locator("article.row:not(.unread)").nth(first + 1)
    doubtful.locator(".tick").first.click()
    doubtful.locator(".mark").wait_for()
    show_row(page, first)
    take(page, "review-light")
    page = studio.page("dark")
    page.goto(address)
    page.wait_for_selector("article.row:not(.unread)")
    show_row(page, first)
    take(page, "review-dark")


def telling_rows(page: Page) -> int:
    """Where a ticked row, one without a tick and another ticked one stand below each other."""
    ticked = page.locator("article.row:not(.unread)").evaluate_all(
        "rows => rows.map(row => row.dataset.ticked !== '')"
    )
    telling = (at for at in range(len(ticked) - 2) if ticked[at : at + 3] == [True, False, True])
    return next(telling, 0)


def show_row(page: Page, number: int) -> None:
    page.locator("article.row").nth(number).evaluate(
        "row => window.scrollBy(0, row.getBoundingClientRect().top"
        " - document.querySelector('form.controls').getBoundingClientRect().bottom - 12)"
    )


def by_label(studio: Studio) -> None:
    """A sheet with the pointer on a photo that others stand before."""
    page = studio.page()
    page.click("[data-similarity-menu]")
    page.get_by_role("menuitem", name="Review by label").click()
    page.locator("[data-sheet][aria-busy=false] .tile").nth(8).hover()
    take(page, "by-label")


def batch_done(studio: Studio) -> None:
    page = studio.page()
    page.get_by_role("link", name="Continue").first.click()
    page.wait_for_selector("article.row:not(.unread)")
    page.click("[data-commit]")
    page.wait_for_selector(".headline")
    take(page, "batch-done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder
    chromium = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if chromium is None:
        sys.exit("There is no Chromium: install the system's package `chromium`.")
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        name = load(Path(data), folder)
        application = Application(Path(data))
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        try:
            studio = Studio(application, browser, name)
            studio.wait_until_embedded()
            shots: list[Callable[[], None]] = [
                lambda: grid(studio),
                lambda: upload(studio, folder or Path(data) / "demo"),
                lambda: review(studio),
                lambda: by_label(studio),
                lambda: batch_done(studio),
            ]
            for shot in shots:
                shot()
        finally:
            browser.close()
            application.end()


def load(data: Path, folder: Path | None) -> str:
    """Load the photos half labeled, as `make demo` does, and return the project's name."""
    name = folder.name.capitalize() if folder else "Demo: foods"
    arguments = [str(folder), "--name", name] if folder else []
    environment = clean_environment(LABELING_DATA=data)
    for command in (["migrate", "-v0"], ["load_demo", *arguments]):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True
        )
    return name


if __name__ == "__main__":
    main()
