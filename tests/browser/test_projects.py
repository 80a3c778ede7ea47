"""Projects in a real browser: made, renamed, deleted by name, brought back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

LONG_NAME = "W" * 200


def make(page: Page, name: str, kind: str = "One label an image") -> None:
    page.goto("/projects/new")
    page.get_by_label("Name").fill(name)
    page.get_by_text(kind, exact=True).click()
    page.get_by_role("button", name="Create project").click()
    expect(page).to_have_url(re.compile(r"/projects/\d+/$"))


def settings(page: Page, name: str, choice: str) -> None:
    page.goto("/")
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=choice).click()


def test_a_project_is_made_renamed_and_found_in_the_list(page: Page) -> None:
    make(page, "Beetles of the north")
    settings(page, "Beetles of the north", "Rename")
    page.get_by_label("Name").fill("Beetles of the south")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toast", has_text="Settings saved.")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("link", name="Beetles of the south")).to_be_visible()


def test_a_project_is_deleted_by_typing_its_name_and_restored(page: Page) -> None:
    make(page, "Short lived", "Several labels an image")
    settings(page, "Short lived", "Delete")
    page.get_by_label("Type Short lived to confirm").fill("something else")
    page.get_by_role("button", name="Delete project").click()
    expect(page.get_by_text("That is not the project's name.")).to_be_visible()
    page.get_by_label("Type Short lived to confirm").fill("Short lived")
    page.get_by_role("button", name="Delete project").click()
    expect(page.get_by_role("link", name="Short lived")).to_have_count(0)
    row = page.get_by_role("row", name=re.compile("Short lived"))
    row.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("link", name="Short lived")).to_be_visible()


def test_the_longest_name_breaks_no_page(page: Page) -> None:
    make(page, LONG_NAME)
    for path in ("/", page.url, f"{page.url}settings"):
        page.goto(path)
        too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(too_wide), path


def test_the_colors_can_be_switched_and_stay(page: Page) -> None:
    page.goto("/")
    button = page.get_by_role("button", name=re.compile("^Colors"))
    button.click()
    button.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_list_of_keys_opens_with_a_question_mark(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
