"""The page of wrong labels by click and by key, undo included."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from .workspace import Seeder, draw


class WrongLabels:
    """The page of a project made for this test."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page, self.seeder = page, seeder
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def open(self, *wrong: tuple[int, int]) -> WrongLabels:
        self.made = self.seeder.ask("make_wrong_labels", wrong=wrong)
        self.url = f"/projects/{self.made['project']}/"
        self.page.goto(f"{self.url}wrong-labels")
        return self

    def card(self, index: int) -> Locator:
        return self.page.locator(f".suspect[data-image='{self.made['wrong'][index]}']")

    def labels(self) -> list[str]:
        carried = self.seeder.ask("states", project=self.made["project"])["labels"]
        return ["".join(carried.get(str(image), [])) for image in self.made["wrong"]]

    def toast(self, text: str) -> Locator:
        toast = self.page.locator(".toast", has_text=text)
        expect(toast).to_be_visible()
        return toast


@pytest.fixture
def wrong(page: Page, seeder: Seeder) -> WrongLabels:
    return WrongLabels(page, seeder)


def test_a_flipped_label_is_first_enter_corrects_it_and_undo_brings_it_back(
    wrong: WrongLabels,
) -> None:
    w = wrong.open((0, 1))
    w.page.goto(w.url)
    w.page.click("[data-similarity-menu]")
    w.page.get_by_role("menuitem", name="Find wrong labels").click()
    first = w.page.locator(".suspect").first
    expect(first).to_have_attribute("data-image", str(w.made["wrong"][0]))
    expect(first.locator(".given")).to_have_text("dog")
    expect(first.locator(".suggested")).to_have_text("cat")
    w.page.keyboard.press("ArrowRight")
    expect(first).to_be_focused()
    w.page.keyboard.press("Enter")
    w.toast("Corrected the label of 1 image to cat")
    expect(w.card(0)).to_be_hidden()
    assert w.labels() == ["cat"]
    w.page.keyboard.press("Control+z")
    w.toast("Undid: Corrected the label")
    expect(w.card(0)).to_be_visible()
    assert w.labels() == ["dog"]


def test_enter_again_and_again_walks_down_the_list(wrong: WrongLabels) -> None:
    w = wrong.open((0, 1), (1, 2), (2, 0))
    w.page.keyboard.press("ArrowRight")
    for _ in range(3):
        w.page.keyboard.press("Enter")
    for index in range(3):
        expect(w.card(index)).to_be_hidden()
    w.toast("Corrected the label of 1 image")
    expect(w.page.locator("[data-undo-button]")).to_have_attribute("aria-disabled", "false")
    assert w.labels() == ["cat", "dog", "owl"]


def test_several_are_selected_and_corrected_with_one_act(wrong: WrongLabels) -> None:
    w = wrong.open((0, 1), (1, 2), (2, 0))
    w.card(0).locator(".name").click()
    w.card(1).locator(".name").click(modifiers=["Control"])
    expect(w.page.locator("[data-selected]")).to_have_text("2 selected")
    expect(w.card(1).get_by_role("checkbox")).to_be_checked()
    w.card(1).get_by_role("button", name="dog", exact=True).click()
    w.toast("Corrected the labels of 2 images").get_by_role("button", name="Undo").click()
    expect(w.card(0)).to_be_visible()
    expect(w.card(1)).to_be_visible()
    assert w.labels() == ["dog", "owl", "cat"]


def test_a_label_that_is_right_stays_away_after_a_reload(wrong: WrongLabels) -> None:
    w = wrong.open((0, 1), (1, 2))
    w.card(0).locator(".name").click()
    w.page.keyboard.press("r")
    w.toast("Confirmed the label of 1 image")
    w.page.reload()
    expect(w.card(1)).to_be_visible()
    expect(w.card(0)).to_have_count(0)
    w.page.keyboard.press("Control+z")
    w.toast("Undid")
    assert w.labels() == ["dog", "owl"]
    w.page.reload()
    expect(w.card(0)).to_be_visible()


def test_another_label_by_its_key_or_by_typing_and_the_trash(wrong: WrongLabels) -> None:
    w = wrong.open((0, 1), (0, 2), (1, 2))
    w.card(0).locator(".name").click()
    w.page.keyboard.press("3")
    w.toast("Corrected the label of 1 image to owl")
    w.card(1).locator(".name").click()
    w.page.keyboard.press("l")
    w.page.keyboard.type("newt")
    w.page.keyboard.press("Enter")
    w.toast("Corrected the label of 1 image to newt")
    w.card(2).locator(".name").click()
    w.page.keyboard.press("Delete")
    w.toast("Deleted 1 image")
    expect(w.card(2)).to_be_hidden()
    assert w.labels()[:2] == ["owl", "newt"]


def test_an_image_is_looked_at_beside_its_neighbours(wrong: WrongLabels) -> None:
    w = wrong.open((0, 1))
    w.card(0).locator("[data-hit]").nth(4).click()
    dialog = w.page.locator("dialog.compare")
    expect(dialog).to_contain_text("Labeled dog")
    expect(dialog).to_contain_text("5 of 6")
    w.page.keyboard.press("Escape")
    expect(w.card(0), "Enter then means the card again").to_be_focused()
    w.page.keyboard.press("o")
    expect(dialog).to_contain_text("1 of 6")
