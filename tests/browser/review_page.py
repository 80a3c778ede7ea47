"""A review as a person handles it, for the tests of what one does there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .workspace import Seeder, draw


class Review:
    """A review as a person handles it."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page, self.seeder = page, seeder
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def make(self, **knobs: Any) -> Review:
        self.made = self.seeder.ask("make_review", **knobs)
        self.project = f"/projects/{self.made['project']}/"
        self.url = f"{self.project}batches/{self.made['batch']}/"
        return self

    def open(self, query: str = "", **knobs: Any) -> Review:
        self.make(**knobs)
        self.page.goto(self.url + query)
        return self

    def row(self, at: int) -> Locator:
        return self.page.locator(f"#row-{self.made['items'][at]}")

    def tick(self, at: int, name: str) -> Locator:
        return self.row(at).get_by_role("checkbox", name=re.compile(rf"^{re.escape(name)}\b"))

    def ticked(self, at: int) -> list[str]:
        return self.row(at).locator('.tick[aria-checked="true"] .text').all_inner_texts()

    def order(self) -> list[int]:
        ids = self.page.locator(".row").evaluate_all(
            "rows => rows.map(r => Number(r.dataset.item))"
        )
        return [self.made["items"].index(pk) for pk in ids]

    def expect_ticked(self, at: int, *names: str) -> None:
        expect(self.row(at).locator('.tick[aria-checked="true"] .text')).to_have_text(list(names))

    def set(self, control: str, value: str) -> None:
        with self.page.expect_response("**/controls"):
            self.page.locator(f"#{control}").fill(value)

    @property
    def sums(self) -> Locator:
        return self.page.locator("[data-sums]")

    @property
    def changed(self) -> Locator:
        return self.page.locator("[data-changed]")

    def offer(self, at: int, name: str) -> None:
        """Tick a label by typing its name."""
        self.row(at).locator('[data-act="other"]').click()
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        self.expect_ticked(at, name)

    def edit_is_saved(self) -> None:
        self.page.wait_for_load_state("networkidle")

    def states(self) -> dict[str, Any]:
        return self.seeder.ask("states", project=self.made["project"])

    def toast(self, text: str) -> None:
        expect(self.page.locator(".toast", has_text=text)).to_be_visible()

    def menu(self, text: str) -> Locator:
        return self.page.locator('.menu [role="menuitem"]', has_text=text)


@pytest.fixture
def review(page: Page, seeder: Seeder) -> Review:
    return Review(page, seeder)
