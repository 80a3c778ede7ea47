"""Accepting suggestions unseen, checking a sample of them, and undoing it, by click and by key."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .workspace import Seeder, draw


class Acceptance:
    """The pages of a project made for this test."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page, self.seeder = page, seeder
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def open(self, **knobs: int) -> Acceptance:
        self.made = self.seeder.ask("make_sure", **knobs)
        self.url = f"/projects/{self.made['project']}/"
        self.page.goto(self.url)
        return self

    def accept(self) -> None:
        self.page.goto(f"{self.url}accept?allowed=1")
        self.page.get_by_role("button", name="Accept 300 suggestions").click()
        expect(self.tiles).to_have_count(30)

    @property
    def tiles(self) -> Locator:
        return self.page.locator(".look")

    def labeled(self) -> int:
        carried = self.seeder.ask("states", project=self.made["project"])["labels"]
        return sum(str(image) in carried for image in self.made["images"])

    def label_of(self, image: str | None) -> list[str]:
        carried = self.seeder.ask("states", project=self.made["project"])["labels"]
        return list(carried.get(image, []))

    def toast(self, text: str) -> None:
        expect(self.page.locator(".toast", has_text=text)).to_be_visible()


@pytest.fixture
def acceptance(page: Page, seeder: Seeder) -> Acceptance:
    return Acceptance(page, seeder)


def test_from_the_menu_to_the_report_and_back(acceptance: Acceptance) -> None:
    a = acceptance.open()
    a.page.click("[data-similarity-menu]")
    a.page.get_by_role("menuitem", name="Accept suggestions…").click()
    expect(a.page).to_have_url(re.compile(r"/accept\?allowed=1$"))
    expect(a.page.get_by_role("heading", name="300 of 300 suggestions")).to_be_visible()
    a.page.get_by_role("button", name="Accept 300 suggestions").click()
    a.toast("Accepted 300 suggestions")
    expect(a.tiles).to_have_count(30)
    assert a.labeled() == 300

    save = a.page.locator("[data-save]")
    expect(save).to_have_text("All 30 are right")
    a.tiles.nth(0).locator("[data-mark]").click()
    expect(a.tiles.nth(0)).to_have_class(re.compile("wrong"))
    expect(save).to_have_text("The other 29 are right")
    expect(a.page.locator("[data-sums]")).to_contain_text("1 image loses its label")
    a.page.keyboard.press("2")
    expect(a.tiles.nth(0).locator("[data-right]")).to_have_text("Right: dog")
    a.page.keyboard.press("ArrowRight")
    a.page.keyboard.press("l")
    a.page.keyboard.type("newt")
    a.page.keyboard.press("Enter")
    expect(a.tiles.nth(1).locator("[data-right]")).to_have_text("Right: newt")
    first, second = (a.tiles.nth(at).get_attribute("data-image") for at in (0, 1))
    expect(save).to_have_text("The other 28 are right")
    save.click()
    expect(a.page.locator("[data-report]")).to_have_text(
        "2 of 30 wrong: 6.7 % measured (1.8 to 21 % with 95 % confidence), 1 % was allowed"
    )
    a.toast("Checked 30 accepted suggestions, 2 of them wrong")
    assert (a.label_of(first), a.label_of(second)) == (["dog"], ["newt"])

    a.page.keyboard.press("Control+z")
    expect(a.tiles).to_have_count(30)
    assert a.label_of(first) == ["cat"]
    a.page.keyboard.press("Control+z")
    expect(a.page.get_by_role("heading", name="This acceptance was undone")).to_be_visible()
    assert a.labeled() == 0
    a.page.locator("[data-redo-button]").click()
    expect(a.tiles).to_have_count(30)
    assert a.labeled() == 300


def test_a_mark_is_taken_back_by_a_second_click_and_by_the_accepted_label(
    acceptance: Acceptance,
) -> None:
    a = acceptance.open()
    a.accept()
    mark = a.tiles.nth(0).locator("[data-mark]")
    mark.click()
    expect(mark).to_have_attribute("aria-pressed", "true")
    a.page.keyboard.press("Space")
    expect(mark).to_have_attribute("aria-pressed", "false")
    a.page.keyboard.press("3")
    expect(mark).to_have_attribute("aria-pressed", "true")
    a.page.keyboard.press("1")
    expect(mark, "cat was accepted").to_have_attribute("aria-pressed", "false")
    expect(a.page.locator("[data-save]")).to_have_text("All 30 are right")


def test_too_wrong_a_sample_leads_to_all_of_them_or_takes_them_back(
    acceptance: Acceptance,
) -> None:
    a = acceptance.open()
    a.accept()
    for at in range(3):
        a.tiles.nth(at).locator("[data-mark]").click()
    a.page.keyboard.press("Control+Enter")
    expect(a.page.locator(".banner.warn")).to_contain_text("not by chance")
    a.page.get_by_role("link", name="Look at the other 270, least certain first").click()
    expect(a.tiles).to_have_count(60)
    a.page.keyboard.press("Control+Enter")
    expect(a.page.locator(".report")).to_contain_text("you looked at 60 more, 0 of them wrong")
    expect(a.tiles).to_have_count(60)
    a.page.get_by_role("button", name="Take back 210 labels").click()
    a.toast("Took back 210 accepted suggestions")
    expect(a.page.get_by_role("heading", name="This acceptance was undone")).to_be_visible()
    assert a.labeled() == 87


def test_an_image_is_compared_with_its_evidence(acceptance: Acceptance) -> None:
    a = acceptance.open()
    a.accept()
    a.tiles.nth(4).locator("[data-evidence]").click()
    dialog = a.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Beside the nearest of its label")
    expect(dialog.locator("figure")).to_have_count(2)
    a.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_project_offers_the_check_until_it_is_done(acceptance: Acceptance) -> None:
    a = acceptance.open()
    a.accept()
    a.page.goto(a.url)
    banner = a.page.locator(".open-batches .banner")
    expect(banner).to_contain_text("300 suggestions were accepted; 30 of them wait")
    banner.get_by_role("link", name="Check").click()
    a.page.get_by_role("button", name="All 30 are right").click()
    expect(a.page.locator("[data-report]")).to_contain_text("0 of 30 wrong")
    a.page.goto(a.url)
    expect(banner).to_have_count(0)


def test_another_allowed_error_is_one_click_away(acceptance: Acceptance) -> None:
    a = acceptance.open(labeled=60)
    a.page.goto(f"{a.url}accept?allowed=1")
    expect(a.page.get_by_role("heading", name="Nothing can be accepted at 1 % yet")).to_be_visible()
    a.page.get_by_role("link", name="10 % 300 images").click()
    expect(a.page.get_by_role("button", name="Accept 300 suggestions")).to_be_visible()
    a.page.goto(f"{a.url}accept")
    expect(a.page).to_have_url(re.compile(r"allowed=10$"))


def test_a_review_offers_what_can_be_accepted(acceptance: Acceptance) -> None:
    a = acceptance.open(unlabeled=450)
    a.page.evaluate("document.querySelector('[data-next-batch]').submit()")
    a.page.wait_for_url("**/batches/*/")
    link = a.page.get_by_role("link", name=re.compile(r"Accept \d+ suggestions, about"))
    expect(link).to_be_visible()
    link.click()
    expect(a.page.get_by_role("heading", name="Accept suggestions")).to_be_visible()
