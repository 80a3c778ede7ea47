"""The page of near-duplicates by click and by key, undo included."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from .workspace import Seeder, draw


class Duplicates:
    """The page of a project made for this test."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page, self.seeder = page, seeder
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def open(self, *groups: Sequence[str], number: int = 0) -> Duplicates:
        self.made = self.seeder.ask("make_duplicates", groups=groups, number=number)
        self.url = f"/projects/{self.made['project']}/"
        self.page.goto(f"{self.url}duplicates")
        return self

    def card(self, index: int) -> Locator:
        return self.page.locator(f"[data-group='{min(self.made['groups'][index])}']")

    def expect_labels(self, index: int, *labels: str) -> None:
        """Wait until the images of a group, in the order of their making, carry these labels."""
        for image, label in zip(self.made["groups"][index], labels, strict=True):
            chips = self.card(index).locator(f"[data-image='{image}'] .chip")
            expect(chips).to_have_text([label] if label else [])

    def stored(self, index: int) -> list[str]:
        carried = self.seeder.ask("states", project=self.made["project"])["labels"]
        return ["".join(carried.get(str(image), [])) for image in self.made["groups"][index]]

    def toast(self, text: str) -> Locator:
        toast = self.page.locator(".toast", has_text=text)
        expect(toast).to_be_visible()
        return toast


@pytest.fixture
def duplicates(page: Page, seeder: Seeder) -> Duplicates:
    return Duplicates(page, seeder)


def test_the_projects_menu_leads_there(duplicates: Duplicates) -> None:
    d = duplicates.open(("", ""))
    d.page.goto(d.url)
    d.page.click("[data-similarity-menu]")
    d.page.get_by_role("menuitem", name="Near-duplicates").click()
    expect(d.page.get_by_role("heading", name="Near-duplicates")).to_be_visible()
    expect(d.page.locator(".group")).to_have_count(1)


def test_a_key_labels_the_whole_group_and_undo_takes_it_back(duplicates: Duplicates) -> None:
    d = duplicates.open(("", "", ""), ("", ""))
    d.page.keyboard.press("ArrowDown")
    expect(d.card(0)).to_be_focused()
    d.page.keyboard.press("2")
    d.toast("Labeled 3 images as dog")
    d.expect_labels(0, "dog", "dog", "dog")
    expect(d.card(0)).to_contain_text("Labeled alike")
    expect(d.card(0), "the keyboard stays where it was").to_be_focused()
    d.page.keyboard.press("ArrowDown")
    d.page.keyboard.press("1")
    d.expect_labels(1, "cat", "cat")
    d.page.keyboard.press("Control+z")
    d.expect_labels(1, "", "")
    d.page.keyboard.press("Control+z")
    d.expect_labels(0, "", "", "")
    d.page.keyboard.press("Control+Shift+z")
    d.expect_labels(0, "dog", "dog", "dog")
    assert d.stored(0) == ["dog"] * 3


def test_a_label_is_chosen_by_typing_and_a_new_one_made(duplicates: Duplicates) -> None:
    d = duplicates.open(("", ""))
    d.card(0).locator("[data-label-group]").click()
    d.page.keyboard.type("newt")
    d.page.keyboard.press("Enter")
    d.toast("Labeled 2 images as newt")
    d.expect_labels(0, "newt", "newt")
    d.card(0).locator("[data-label-group]").click()
    expect(d.page.locator(".label-picker li", has_text="newt")).to_be_visible()


def test_a_group_is_labeled_like_its_labeled_image(duplicates: Duplicates) -> None:
    d = duplicates.open(("", "owl", ""))
    d.card(0).get_by_role("button", name="Label all like the labeled one").click()
    d.toast("Labeled 2 images like another one").get_by_role("button", name="Undo").click()
    d.expect_labels(0, "", "owl", "")
    d.page.keyboard.press("a")
    d.expect_labels(0, "owl", "owl", "owl")


def test_where_labels_differ_the_right_one_is_chosen_in_its_menu(duplicates: Duplicates) -> None:
    d = duplicates.open(("cat", "dog", ""))
    expect(d.card(0)).to_contain_text("Labels differ")
    right = d.card(0).locator(f"[data-image='{d.made['groups'][0][1]}']")
    right.locator("[data-copy-menu]").click()
    d.page.get_by_role("menuitem", name="Label all like this one").click()
    d.expect_labels(0, "dog", "dog", "dog")


def test_all_groups_are_labeled_at_once_and_taken_back_at_once(duplicates: Duplicates) -> None:
    d = duplicates.open(("cat", ""), ("", "dog", ""), ("cat", "dog"), ("", ""))
    button = d.page.locator("[data-like-all]")
    expect(button).to_have_text("Label all 2 groups like their labeled images (3 images)")
    button.click()
    d.toast("Labeled 3 images like their near-duplicates")
    d.expect_labels(0, "cat", "cat")
    d.expect_labels(1, "dog", "dog", "dog")
    d.expect_labels(2, "cat", "dog")
    d.expect_labels(3, "", "")
    expect(button).to_be_hidden()
    d.page.keyboard.press("Control+z")
    d.expect_labels(0, "cat", "")
    d.expect_labels(1, "", "dog", "")
    expect(button).to_have_text("Label all 2 groups like their labeled images (3 images)")


def test_extra_copies_go_to_the_trash_and_come_back(duplicates: Duplicates) -> None:
    d = duplicates.open(("", "cat", ""), ("", ""))
    d.card(0).get_by_role("button", name="Delete 2 extra copies").click()
    d.toast("Deleted 2 images")
    expect(d.card(0)).to_be_hidden()
    expect(d.page.locator("[data-sums]")).to_have_text("1 group, 2 images")
    states = d.seeder.ask("states", project=d.made["project"])["images"]
    first, labeled, third = (states[str(image)] for image in d.made["groups"][0])
    assert (first, labeled, third) == ("trash", "dataset", "trash")
    d.page.keyboard.press("Control+z")
    expect(d.card(0)).to_be_visible()
    expect(d.page.locator(".group").first).to_have_attribute(
        "data-group", str(d.made["groups"][0][0])
    )


def test_two_of_a_group_are_compared_large(duplicates: Duplicates) -> None:
    d = duplicates.open(("", "", ""))
    d.card(0).locator("[data-open]").nth(2).click()
    dialog = d.page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 of 2")
    d.page.keyboard.press("ArrowLeft")
    expect(dialog).to_contain_text("1 of 2")
    d.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_how_alike_stands_in_the_address(duplicates: Duplicates) -> None:
    d = duplicates.open(("", ""))
    d.page.get_by_role("link", name="Loose").click()
    expect(d.page).to_have_url(f"{d.page.url.partition('?')[0]}?alike=90")
    d.page.locator("#alike").focus()
    d.page.keyboard.press("ArrowRight")
    d.page.wait_for_url("**/duplicates?alike=91")
    expect(d.page.locator("output")).to_have_text("91 %")


def test_more_groups_are_shown_on_demand(duplicates: Duplicates) -> None:
    d = duplicates.open(("", ""), number=54)
    expect(d.page.locator(".group")).to_have_count(50)
    d.page.get_by_role("button", name="Show more").click()
    expect(d.page.locator(".group")).to_have_count(55)
    expect(d.page.get_by_role("button", name="Show more")).to_be_hidden()
