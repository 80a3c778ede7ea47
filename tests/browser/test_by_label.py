"""Review by label, by click and by key: marks, corrections, accepting, undo, new labels."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from .workspace import Seeder, draw


class ByLabel:
    """The page of a project made for this test."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page, self.seeder = page, seeder
        self.press = page.keyboard.press
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def open(self, query: str = "", **knobs: Any) -> ByLabel:
        self.made = self.seeder.ask("make_by_label", **knobs)
        self.url = f"/projects/{self.made['project']}/"
        self.page.goto(f"{self.url}by-label{query}")
        self.settled()
        return self

    def settled(self) -> None:
        expect(self.page.locator("[data-sheet][aria-busy=false]")).to_be_attached()

    @property
    def tiles(self) -> Locator:
        return self.page.locator(".tile:not([hidden])")

    def ids(self) -> list[int]:
        return [int(each) for each in self.tiles.evaluate_all("all => all.map(t => t.dataset.id)")]

    def tile(self, pk: int) -> Locator:
        return self.page.locator(f"#tile-{pk}")

    def marked(self) -> set[int]:
        chosen = self.page.locator('.tile:not([hidden])[aria-selected="true"]')
        return {int(each) for each in chosen.evaluate_all("all => all.map(t => t.dataset.id)")}

    def point_at(self, pk: int) -> None:
        self.tile(pk).hover()
        expect(self.tile(pk)).to_have_class(re.compile(r"\bcurrent\b"))

    def section(self, name: str) -> Locator:
        return self.page.locator(
            "[data-section]:not([hidden])", has=self.page.get_by_role("heading", name=name)
        )

    def stored(self) -> dict[int, str]:
        """Label by image, once everything sent is answered."""
        self.settled()
        carried = self.seeder.ask("states", project=self.made["project"])["labels"]
        ours = {*self.made["images"], *self.made["new"]}
        return {int(pk): "+".join(names) for pk, names in carried.items() if int(pk) in ours}

    def suggested(self, pk: int) -> str:
        label = int(self.tile(pk).get_attribute("data-suggested") or 0)
        return next(name for name, each in self.made["labels"].items() if each == label)

    def toast(self, text: str) -> Locator:
        toast = self.page.locator(".toast", has_text=text)
        expect(toast).to_be_visible()
        return toast

    @property
    def bar(self) -> Locator:
        return self.page.locator("[data-will]")


@pytest.fixture
def sheet(page: Page, seeder: Seeder) -> ByLabel:
    # A page with corrections asks before it goes.
    page.on("dialog", lambda dialog: dialog.accept())
    return ByLabel(page, seeder)


def test_the_projects_menu_leads_there(sheet: ByLabel) -> None:
    s = sheet.open()
    s.page.goto(s.url)
    s.page.click("[data-similarity-menu]")
    s.page.get_by_role("menuitem", name="Review by label").click()
    expect(s.page.get_by_role("heading", name="Review by label")).to_be_visible()
    expect(s.tiles).to_have_count(12)


def test_one_wrong_photo_costs_one_act(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    right = {pk: s.suggested(pk) for pk in ids[:6]}
    wrong = "owl" if s.suggested(ids[6]) != "owl" else "cat"
    s.point_at(ids[6])
    expect(s.bar).to_contain_text("gives this photo its label and accepts the 6 before it")
    s.press({"cat": "1", "owl": "3"}[wrong])
    s.toast("Accepted 6 suggestions, corrected 1")
    expect(s.tiles).to_have_count(5)
    assert s.stored() == right | {ids[6]: wrong}
    s.press("Control+z")
    s.toast("Undid: Accepted 6 suggestions, corrected 1")
    expect(s.tiles).to_have_count(12)
    assert s.stored() == {}
    s.press("Control+Shift+z")
    expect(s.tiles).to_have_count(5)
    assert s.stored() == right | {ids[6]: wrong}


def test_everything_before_this_one_is_right(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.point_at(ids[0])
    s.press("e")
    s.toast("Nothing stands before this photo")
    s.point_at(ids[5])
    expect(s.tile(ids[4])).to_have_class(re.compile(r"\bbefore\b"))
    s.press("e")
    s.toast("Accepted 5 suggestions").get_by_role("button", name="Undo").click()
    expect(s.tiles).to_have_count(12)
    assert s.stored() == {}
    s.tile(ids[5]).click(button="right")
    s.page.get_by_role("menuitem", name="Everything before this one is right (5)").click()
    s.toast("Accepted 5 suggestions")
    expect(s.tiles).to_have_count(7)
    assert set(s.stored()) == set(ids[:5])


def test_the_next_sheet_is_looked_at_from_its_beginning(sheet: ByLabel) -> None:
    s = sheet.open(unlabeled=75)
    ids = s.ids()
    assert len(ids) == 60
    s.point_at(ids[55])
    top = "scroller => scroller.scrollTop"
    scroller = s.page.locator("[data-scroller]")
    assert scroller.evaluate(top) > 100
    s.press("e")
    s.toast("Accepted 55 suggestions")
    s.settled()
    expect(s.tiles).to_have_count(20)
    assert scroller.evaluate(top) == 0


def test_marks_before_it_are_kept_out_of_what_is_right(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.tile(ids[1]).click()
    s.tile(ids[2]).click()
    s.press("2" if s.suggested(ids[1]) != "dog" else "3")
    assert s.marked() == set()
    s.tile(ids[3]).click()
    s.point_at(ids[5])
    expect(s.bar).to_contain_text("E accepts the 2 before it, corrects 2, rejects 1")
    s.press("e")
    s.toast("Accepted 2 suggestions, corrected 2, rejected 1")
    assert set(s.stored()) == {ids[0], ids[1], ids[2], ids[4]}
    expect(s.tile(ids[3]), "it comes back under its next label").to_be_visible()


def test_the_same_label_may_be_pressed_to_accept_up_to_here(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.point_at(ids[2])
    s.press({"cat": "1", "dog": "2", "owl": "3"}[s.suggested(ids[2])])
    s.toast("Accepted 3 suggestions")
    assert set(s.stored()) == set(ids[:3])


def test_without_the_habit_a_key_only_notes_and_shift_does_both(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.page.get_by_label("Correct and accept what stands before").uncheck()
    s.point_at(ids[3])
    s.press("1")
    expect(s.tile(ids[3]).locator(".chip")).to_have_text("cat")
    expect(s.bar).to_contain_text("1 corrected, not saved yet")
    assert s.stored() == {}
    s.press("Control+z")
    expect(s.tile(ids[3]).locator(".chip")).to_have_count(0)
    s.press("Control+Shift+z")
    expect(s.tile(ids[3]).locator(".chip")).to_have_text("cat")
    s.press("Escape")
    expect(s.tile(ids[3]).locator(".chip")).to_have_count(0)
    s.page.reload()
    s.settled()
    expect(s.page.get_by_label("Correct and accept what stands before")).not_to_be_checked()
    s.point_at(ids[3])
    s.press("Shift+Digit3")
    s.toast("ccepted 3 suggestions")
    assert s.stored()[ids[3]] == "owl"
    assert set(s.stored()) == set(ids[:4])


def test_clicks_mark_one_a_range_and_a_rectangle(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.tile(ids[0]).click()
    assert s.marked() == {ids[0]}
    s.tile(ids[2]).click(modifiers=["Shift"])
    assert s.marked() == set(ids[:3])
    s.tile(ids[1]).click()
    assert s.marked() == {ids[0], ids[2]}
    s.press("Escape")
    assert s.marked() == set()
    first, second = (s.tile(pk).bounding_box() for pk in ids[:2])
    assert first
    assert second
    s.page.mouse.move(first["x"] + 20, first["y"] + 20)
    s.page.mouse.down()
    s.page.mouse.move(second["x"] + 30, second["y"] + 60, steps=4)
    s.page.mouse.up()
    assert s.marked() == set(ids[:2])


def test_arrows_and_space_do_all_of_it(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.press("ArrowRight")
    s.press("ArrowRight")
    s.press("Space")
    assert s.marked() == {ids[1]}
    s.press("Shift+ArrowRight")
    assert s.marked() == set(ids[1:3])
    expect(s.page.locator(".grid:focus")).to_have_attribute(
        "aria-activedescendant", f"tile-{ids[2]}"
    )
    s.press("End")
    s.press("ArrowUp")
    s.press("Home")
    expect(s.tile(ids[0])).to_have_class(re.compile(r"\bcurrent\b"))
    s.press("Space")
    s.press("Space")
    assert s.marked() == set(ids[1:3])
    s.press("End")
    s.press("e")
    s.toast("rejected 2")
    assert set(s.stored()) == set(ids[:-1]) - set(ids[1:3])


def test_the_rest_of_a_label_is_accepted_and_the_marked_not_suggested_as_it_again(
    sheet: ByLabel,
) -> None:
    s = sheet.open()
    ids = s.ids()
    name = s.suggested(ids[0])
    s.tile(ids[1]).click()
    expect(s.section(name).locator("[data-accept-section]")).to_have_text("Accept the other 3")
    s.press("a")
    s.toast("Accepted 3 suggestions, rejected 1")
    expect(s.tile(ids[1])).to_be_visible()
    expect(s.tile(ids[1])).to_have_attribute("aria-selected", "false")
    assert s.suggested(ids[1]) != name
    assert set(s.stored()) == {ids[0], ids[2], ids[3]}


def test_the_whole_sheet_is_accepted_once_however_often_it_is_pressed(sheet: ByLabel) -> None:
    s = sheet.open(unlabeled=9)
    button = s.page.locator("[data-accept-all]")
    expect(button).to_have_text("Accept all 9")
    button.dblclick()
    s.toast("Accepted 9 suggestions")
    expect(s.page.get_by_role("heading", name="Every image has a label")).to_be_visible()
    expect(s.page.get_by_role("link", name="Find wrong labels")).to_be_visible()
    expect(s.page.locator(".toast.error")).to_have_count(0)
    s.press("Control+z")
    expect(s.tiles).to_have_count(9)
    s.press("Control+Enter")
    s.press("Control+Enter")
    expect(s.tiles).to_have_count(0)
    assert len(s.stored()) == 9


def test_a_label_is_typed_and_a_new_one_made(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.tile(ids[0]).click()
    s.tile(ids[4]).click()
    s.press("l")
    expect(s.page.locator(".label-picker")).to_contain_text("Label 2 marked photos")
    s.page.keyboard.type("newt")
    s.press("Enter")
    expect(s.tile(ids[4]).locator(".chip")).to_have_text("newt")
    s.page.locator("[data-accept-all]").click()
    s.toast("Accepted 10 suggestions, corrected 2")
    assert [s.stored()[pk] for pk in (ids[0], ids[4])] == ["newt", "newt"]
    s.press("Control+z")
    expect(s.tiles).to_have_count(12)
    expect(s.page.locator("[data-label-rows]")).to_contain_text("newt")


def test_a_label_of_the_panel_is_given_by_click(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    give = s.page.locator(f"[data-give='{s.made['labels']['owl']}']")
    s.tile(ids[5]).click()
    give.click()
    expect(s.tile(ids[5]).locator(".chip")).to_have_text("owl")
    s.point_at(ids[2])
    give.click(modifiers=["Alt"])
    s.toast("ccepted 2 suggestions")
    assert {s.stored()[pk] for pk in (ids[2], ids[5])} == {"owl"}
    assert len(s.stored()) == 4


def test_with_more_labels_than_keys_the_digits_are_the_likeliest_of_the_photo(
    sheet: ByLabel,
) -> None:
    s = sheet.open(classes=12, labeled=4, unlabeled=24)
    ids = s.ids()
    s.point_at(ids[3])
    rows = s.page.locator("[data-key-rows] .name")
    expect(rows).to_have_count(9)
    names = rows.all_inner_texts()
    assert names[0] == s.suggested(ids[3])
    s.press("4")
    s.toast("corrected 1")
    assert s.stored()[ids[3]] == names[3]
    assert len(s.stored()) == 4


def test_what_is_new_is_said_to_be_and_labeled_at_once(sheet: ByLabel) -> None:
    s = sheet.open(new=3)
    expect(s.section("New?").locator(".new-badge")).to_have_count(3)
    s.page.locator("[data-accept-all]").click()
    s.toast("Accepted 12 suggestions")
    expect(s.tiles, "what is new is not accepted by itself").to_have_count(3)
    s.page.get_by_role("link", name="New?").click()
    expect(s.page).to_have_url(re.compile("new=1"))
    s.settled()
    s.tile(s.made["new"][0]).click()
    s.tile(s.made["new"][2]).click()
    s.press("l")
    s.page.keyboard.type("newt")
    s.press("Enter")
    s.toast("corrected 2")
    assert {s.stored()[s.made["new"][at]] for at in (0, 2)} == {"newt"}


def test_one_label_alone_stands_in_the_address(sheet: ByLabel) -> None:
    s = sheet.open()
    s.page.locator("[data-label-rows] a.pick", has_text="dog").click()
    expect(s.tiles).to_have_count(4)
    expect(s.page).to_have_url(re.compile(f"label={s.made['labels']['dog']}"))
    s.page.reload()
    expect(s.tiles).to_have_count(4)
    s.page.get_by_label("Method").select_option("neighbours")
    expect(s.page).to_have_url(re.compile("method=neighbours"))
    expect(s.page.locator("[data-reason]")).to_have_text("Neighbours, from 24 labeled images.")
    s.page.go_back()
    s.page.locator("[data-accept-all]").click()
    expect(s.page.get_by_role("heading", name="Nothing is suggested as dog")).to_be_visible()
    s.page.get_by_role("link", name="All labels").last.click()
    expect(s.tiles).to_have_count(8)


def test_a_photo_is_left_out_for_now_and_shown_again(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.point_at(ids[2])
    s.press("n")
    expect(s.tile(ids[2])).to_be_hidden()
    s.point_at(ids[4])
    s.press("e")
    s.toast("Accepted 3 suggestions")
    expect(s.tiles).to_have_count(8)
    assert ids[2] not in s.stored()
    s.page.get_by_role("button", name="1 photo left out · Show again").click()
    expect(s.tile(ids[2])).to_be_visible()


def test_large_with_what_speaks_for_it(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.point_at(ids[1])
    s.press("o")
    dialog = s.page.get_by_role("dialog")
    expect(dialog.locator(".evidence")).to_have_count(2)
    expect(dialog.locator(".evidence").first).to_contain_text(s.suggested(ids[1]))
    s.press("ArrowRight")
    expect(s.tile(ids[2])).to_have_class(re.compile(r"\bcurrent\b"))
    s.press("Space")
    expect(dialog).to_contain_text("Marked as wrong")
    s.press("Space")
    s.press("e")
    s.toast("Accepted 2 suggestions")
    expect(dialog, "the photo itself was not decided").to_be_visible()
    s.press("Escape")
    expect(dialog).to_be_hidden()


def test_a_failed_request_brings_the_tiles_back_and_says_why(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    s.page.route("**/by-label/decide", lambda route: route.abort())
    s.tile(ids[1]).click()
    s.point_at(ids[3])
    s.press("e")
    s.toast("The server cannot be reached")
    expect(s.tiles).to_have_count(12)
    assert s.marked() == {ids[1]}
    assert s.stored() == {}
    s.page.unroute("**/by-label/decide")
    s.settled()
    s.point_at(ids[3])
    s.press("e")
    s.toast("Accepted 2 suggestions, rejected 1")


def test_another_tab_that_was_slower_is_told_and_goes_on(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    other = s.page.context.new_page()
    other.route("**/images/*/thumbnail", draw)
    other.goto(s.page.url)
    s.point_at(ids[3])
    s.press("e")
    s.toast("Accepted 3 suggestions")
    other.bring_to_front()
    other.locator(f"#tile-{ids[3]}").hover()
    other.keyboard.press("e")
    expect(other.locator(".toast.error", has_text="decided meanwhile")).to_be_visible()
    expect(other.locator(".tile:not([hidden])")).to_have_count(9)
    other.close()
    assert len(s.stored()) == 3


def test_acts_pressed_fast_wait_for_each_other(sheet: ByLabel) -> None:
    s = sheet.open()
    ids = s.ids()
    at_once = []
    running: set[Request] = set()

    def begins(request: Request) -> None:
        if request.url.endswith("/by-label/decide"):
            running.add(request)
            at_once.append(len(running))

    s.page.on("request", begins)
    s.page.on("requestfinished", lambda request: running.discard(request))
    s.point_at(ids[2])
    s.press("e")
    s.press("ArrowRight")
    s.press("e")
    expect(s.tiles).to_have_count(9)
    assert set(s.stored()) == set(ids[:3])
    assert at_once == [1, 1]


def test_the_list_of_keys_names_them_all(sheet: ByLabel) -> None:
    s = sheet.open()
    s.press("?")
    dialog = s.page.get_by_role("dialog")
    for words in (
        "Everything before the current photo is right",
        "Leave the current photo out",
        "Mark it as wrong",
    ):
        expect(dialog).to_contain_text(words)


def test_without_labels_it_says_what_to_do_first(sheet: ByLabel) -> None:
    s = sheet.open(labeled=0)
    expect(s.page.get_by_role("heading", name="Label these first")).to_be_visible()
    s.page.get_by_role("link", name="Choose photos to label first").click()
    expect(s.page).to_have_url(re.compile(f"{s.url}$"))
