"""What a person does before a page's scripts have arrived is done when they have."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from .workspace import Seeder, draw


@pytest.fixture
def slow(page: Page) -> Callable[[str, str], Callable[[], None]]:
    """Open a page whose script stays away until the returned function is called."""

    def open_without(script: str, url: str) -> Callable[[], None]:
        page.route("**/images/*/thumbnail", draw)
        kept: list[Route] = []
        page.route(f"**/js/{script}", lambda route: kept.append(route))
        page.goto(url, wait_until="commit")

        def let_come() -> None:
            while not kept:
                page.wait_for_timeout(20)
            kept.pop().continue_()

        return let_come

    return open_without


def test_ticks_sorts_and_keys_of_a_review_wait_for_its_script(page: Page, slow, seeder: Seeder):
    made = seeder.ask("make_review")
    let_come = slow("review.js", f"/projects/{made['project']}/batches/{made['batch']}/")
    first, second = (page.locator(f"#row-{item}") for item in made["items"][:2])
    expect(first.locator(".tick").first).to_have_attribute("aria-checked", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    first.locator(".tick").first.click()
    let_come()
    expect(first.locator(".tick").first).to_have_attribute("aria-checked", "false")
    expect(second.locator(".tick").first).to_have_attribute("aria-checked", "false")

    let_come = slow("review.js", page.url)
    page.get_by_label("Sort").select_option("Suggested label")
    let_come()
    expect(page).to_have_url(re.compile("sort=label"))


def test_a_name_typed_into_the_grids_filter_filters(page: Page, slow, seeder: Seeder):
    made = seeder.ask("make_review", rows=12)
    let_come = slow("workspace.js", f"/projects/{made['project']}/")
    page.get_by_placeholder("Name contains").fill("no such name")
    page.get_by_role("button", name="Upload", exact=True).click()
    let_come()
    expect(page).to_have_url(re.compile("name=no"))
    expect(page.locator(".chip", has_text="no such name")).to_be_visible()
