"""The page of progress in a browser: it comes at once, compares, and says whether one can stop."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import Problems
from .workspace import Seeder, draw


@pytest.fixture
def made(page: Page, seeder: Seeder) -> str:
    """Address of a project of which one can stop under 5 %."""
    page.route("**/images/*/thumbnail", draw)
    project = seeder.ask("make_standing", batches=3, labeled=135, left=60, wrong=0)["project"]
    return f"/projects/{project}/"


def test_the_workspace_leads_there_by_key_and_the_page_compares(page: Page, made: str) -> None:
    page.goto(made)
    link = page.locator(".standing-link")
    expect(link.locator("progress")).to_have_attribute("value", "165")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Progress", exact=True)).to_be_visible()
    expect(page.locator("[data-verdict]")).to_be_visible()
    expect(page.locator("[data-ask]")).to_have_count(0)
    expect(page.get_by_text("165 of 225 images labeled, 60 left")).to_be_visible()
    expect(page.locator(".batch-chart .dot")).to_have_count(3)


def test_another_allowed_error_gets_another_answer_and_is_remembered(page: Page, made: str) -> None:
    page.goto(f"{made}standing")
    expect(page.locator("[data-verdict=not-yet]")).to_be_visible()
    page.get_by_role("link", name="5 %").click()
    expect(page.locator("[data-verdict=stop]")).to_be_visible()
    expect(page.get_by_role("heading", name="You can stop")).to_be_visible()
    page.goto(f"{made}standing")
    expect(page.locator("[data-verdict=stop]")).to_be_visible()
    expect(page.get_by_role("link", name="Look at what would be accepted")).to_have_attribute(
        "href", f"{made}accept?allowed=5"
    )


def test_while_it_compares_the_counts_are_there_and_a_failure_can_be_tried_again(
    page: Page, made: str, problems: Problems
) -> None:
    problems.forgive("HTTP 500")
    waiting: list[Route] = []
    page.route("**/standing/part?*", lambda route: waiting.append(route))
    page.goto(f"{made}standing")
    expect(page.get_by_text("Comparing 60 images")).to_be_visible()
    expect(page.get_by_text("165 of 225 images labeled, 60 left")).to_be_visible()
    expect(page.locator(".spinner")).to_be_visible()
    waiting[0].fulfill(status=500, content_type="application/json", body='{"error": "No."}')
    expect(page.get_by_role("heading", name="Not compared")).to_be_visible()
    page.unroute("**/standing/part?*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("[data-verdict]")).to_be_visible()


def test_marks_of_the_chart_say_what_they_are(page: Page, made: str) -> None:
    page.goto(f"{made}standing")
    expect(page.locator("[data-verdict]")).to_be_visible()
    title = page.locator(".batch-chart .mark title").first
    expect(title).to_contain_text("Batch 1")
    expect(title).to_contain_text("of 10 suggestions right")
    expect(page.locator(".chart-table tbody tr")).to_have_count(3)


def test_it_fits_a_telephone(page: Page, made: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{made}standing")
    expect(page.locator("[data-verdict]")).to_be_visible()
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0


def test_labeling_moves_the_strip_of_the_workspace(page: Page, seeder: Seeder) -> None:
    page.route("**/images/*/thumbnail", draw)
    made = seeder.ask("make_project", images=4, labels=["cat"], labeled={"cat": [0]})
    page.goto(f"/projects/{made['project']}/")
    expect(page.locator("#grid[aria-busy=false]")).to_be_attached()
    strip = page.locator("[data-labeled-share]")
    expect(strip).to_have_js_property("value", 1)
    page.locator(".tile").nth(1).click()
    page.keyboard.press("l")
    page.keyboard.type("cat")
    page.keyboard.press("Enter")
    expect(strip).to_have_js_property("value", 2)
    page.keyboard.press("Control+z")
    expect(strip).to_have_js_property("value", 1)
