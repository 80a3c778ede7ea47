"""The review page in a real browser: one test for each promise that it makes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .review_page import Review, review

__all__ = ["review"]


def test_each_row_shows_query_evidence_in_percent_and_scored_ticks(review: Review):
    r = review.open()
    expect(r.page.locator(".row")).to_have_count(9)
    expect(r.row(0).locator(".query img")).to_be_visible()
    expect(r.row(0).locator(".hit")).to_have_count(10)
    expect(r.row(0).locator(".hit").first).to_contain_text(re.compile(r"\d+ %\s*cat"))
    expect(r.tick(0, "cat")).to_have_attribute("aria-checked", "true")
    expect(r.tick(0, "cat")).to_contain_text("%")
    expect(r.page.locator("#k")).to_have_value("10")
    expect(r.page.locator("#threshold")).to_have_value("30")
    expect(r.page.get_by_label("Mark only top scoring label")).to_be_checked()
    expect(r.sums).to_contain_text("9 of 9 rows ticked")


def test_edits_are_pinned_marked_and_survive_controls_reload_and_another_browser(
    review: Review, page: Page
):
    r = review.open()
    r.tick(0, "cat").click()
    expect(r.row(0).locator(".mark")).to_have_text("edited")
    r.offer(1, "cat")
    for knob, value in [("threshold", "0"), ("k", "1"), ("threshold", "90"), ("k", "30")]:
        r.set(knob, value)
    r.expect_ticked(0)
    r.expect_ticked(1, "cat")
    r.page.reload()
    r.expect_ticked(0)
    r.expect_ticked(1, "cat")
    expect(r.row(1).locator(".mark")).to_be_visible()
    expect(r.sums).to_contain_text("2 edited")
    other = page.context.browser.new_context(
        storage_state=page.context.storage_state(), base_url=r.page.url.split("/projects")[0]
    )
    elsewhere = other.new_page()
    elsewhere.goto(r.url)
    expect(elsewhere.locator(".row .mark")).to_have_count(2)
    other.close()


def test_reset_returns_a_row_to_its_suggestion_and_reset_all_every_row(review: Review):
    r = review.open()
    for at in (0, 1, 2):
        r.tick(at, ["cat", "dog", "owl"][at]).click()
        expect(r.row(at).locator(".mark")).to_be_visible()
    r.row(0).locator('[data-act="reset"]').click()
    r.expect_ticked(0, "cat")
    expect(r.row(0).locator(".mark")).to_have_count(0)
    r.page.locator("[data-more-menu]").click()
    r.menu("Reset all rows (2 edited)").click()
    r.toast("Reset 2 rows")
    r.expect_ticked(1, "dog")
    expect(r.page.locator(".mark")).to_have_count(0)


def test_another_label_is_found_or_made_by_typing(review: Review):
    r = review.open()
    r.row(0).locator('[data-act="other"]').click()
    r.page.keyboard.type("ow")
    r.page.keyboard.press("Enter")
    r.expect_ticked(0, "owl")
    r.row(1).locator('[data-act="other"]').click()
    r.page.keyboard.type("Hoopoe")
    expect(r.page.locator(".label-picker li")).to_have_text(["Add “Hoopoe”"])
    r.page.keyboard.press("Enter")
    r.expect_ticked(1, "Hoopoe")
    expect(r.tick(1, "Hoopoe")).to_contain_text("by hand")
    r.row(2).locator('[data-act="other"]').click()
    expect(r.page.locator(".label-picker li", has_text="Hoopoe")).to_be_visible()


def test_several_ticks_where_images_have_several_labels(review: Review):
    r = review.open(multi_label=True)
    r.row(0).locator('[data-act="other"]').click()
    r.page.keyboard.type("Small")
    r.page.keyboard.press("Enter")
    r.expect_ticked(0, "cat", "Small")


def test_a_suggested_label_is_accepted_for_all_its_rows_and_taken_back(review: Review):
    r = review.open()
    r.set("threshold", "100")
    r.page.locator("[data-accept-menu]").click()
    r.menu("Accept all dog (3)").click()
    r.toast("Accepted dog in 3 rows")
    for at in (1, 4, 7):
        r.expect_ticked(at, "dog")
    expect(r.sums).to_contain_text("3 of 9 rows ticked · 3 edited")
    r.page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(r.sums).to_contain_text("0 of 9 rows ticked")


def test_everything_has_a_key(review: Review):
    r = review.open()
    press = r.page.keyboard.press
    press("j")
    expect(r.row(1)).to_be_focused()
    press("ArrowDown")
    press("k")
    expect(r.row(1)).to_be_focused()
    press("Space")
    r.expect_ticked(1)
    press("Enter")
    r.expect_ticked(1, "dog")
    press("3")
    r.expect_ticked(1, "owl")
    press("r")
    r.expect_ticked(1, "dog")
    press("Control+z")
    r.expect_ticked(1, "owl")
    press("Control+Shift+z")
    r.expect_ticked(1, "dog")
    press("a")
    r.toast("Accepted dog in 3 rows")
    press("l")
    r.page.keyboard.type("cat")
    press("Enter")
    r.expect_ticked(1, "cat")
    press("o")
    expect(r.page.locator("dialog.compare img")).to_have_count(1)
    press("Escape")
    press("ArrowRight")
    press("ArrowRight")
    expect(r.row(1).locator(".hit").nth(1)).to_be_focused()
    press("Enter")
    expect(r.page.locator("dialog.compare")).to_contain_text("2 of 10")
    press("ArrowRight")
    expect(r.page.locator("dialog.compare")).to_contain_text("3 of 10")
    press("Escape")
    press("?")
    keys = r.page.locator("dialog .keys-list")
    expect(keys.get_by_text("Accept all rows with this row's top suggestion")).to_be_visible()
    press("Escape")
    press("Control+Enter")
    expect(r.page.get_by_role("heading", name="9 added")).to_be_visible()


def test_undo_and_redo_survive_a_reload(review: Review):
    r = review.open()
    r.tick(0, "cat").click()
    expect(r.row(0).locator(".mark")).to_be_visible()
    r.tick(1, "dog").click()
    expect(r.row(1).locator(".mark")).to_be_visible()
    r.page.reload()
    r.page.keyboard.press("Control+z")
    r.expect_ticked(1, "dog")
    r.page.keyboard.press("Control+z")
    r.expect_ticked(0, "cat")
    r.page.reload()
    r.page.keyboard.press("Control+Shift+z")
    r.expect_ticked(0)


def test_a_wrong_label_of_a_neighbour_is_mended_and_the_rows_vote_again(review: Review):
    r = review.open()
    r.set("k", "1")
    neighbour = int(r.row(0).locator(".hit").first.get_attribute("data-image") or 0)
    r.row(0).locator(".hit").first.click()
    dialog = r.page.locator("dialog.compare")
    expect(dialog.locator("img")).to_have_count(2)
    expect(dialog).to_contain_text(re.compile(r"\d+ % similar"))
    dialog.get_by_role("button", name="Wrong label").click()
    r.page.keyboard.type("owl")
    r.page.keyboard.press("Enter")
    expect(dialog.locator(".chip")).to_have_text(["owl"])
    r.page.keyboard.press("Escape")
    r.expect_ticked(0, "owl")
    assert r.states()["labels"][str(neighbour)] == ["owl"]
    r.page.locator(".toast").get_by_role("button", name="Undo").click()
    r.expect_ticked(0, "cat")
    assert r.states()["labels"][str(neighbour)] == ["cat"]


def test_an_image_that_cannot_be_read_says_why_and_can_be_removed(review: Review):
    r = review.open(failed=1, kind="uploaded")
    expect(r.row(9)).to_contain_text("This image cannot be read: The file is cut off.")
    expect(r.row(9).get_by_role("button", name="Retry")).to_be_visible()
    r.row(9).get_by_role("button", name="Remove").click()
    expect(r.page.locator(".row")).to_have_count(9)
    r.toast("Removed")
    assert r.states()["images"][str(r.made["images"][9])] == "trash"
    expect(r.sums).to_contain_text("9 of 9 rows ticked")


def test_without_labeled_images_the_page_names_the_keys_of_the_labels(review: Review):
    r = review.open(labeled=0, rows=2)
    banner = r.page.locator("[data-no-labels]")
    expect(banner).to_contain_text("Label these by hand: press the key of a label")
    keys = r.page.locator("[data-label-keys] li")
    expect(keys).to_have_text(["1cat", "2dog", "3owl"])
    r.page.keyboard.press("l")
    r.page.keyboard.type("hoopoe")
    r.page.keyboard.press("Enter")
    r.expect_ticked(0, "hoopoe")
    expect(keys).to_have_text(["1cat", "2dog", "3owl", "4hoopoe"])


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (800, 900), (700, 450), (360, 700)])
def test_nothing_sticks_out_at_any_width(review: Review, width: int, height: int):
    r = review.make(
        classes=["a label with a long name that goes on and on and has no end at all", "b", "c"]
    )
    r.page.set_viewport_size({"width": width, "height": height})
    for url in (r.url, f"{r.project}similar?images={r.made['images'][0]}"):
        r.page.goto(url)
        assert r.page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_that_can_be_pressed_has_a_name(review: Review):
    r = review.open(waiting=1, failed=1)
    nameless = r.page.locator("button, a, input, select").evaluate_all(
        """all => all.filter(e => e.type !== 'hidden')
          .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length))
          .map(e => e.outerHTML)"""
    )
    assert nameless == []
