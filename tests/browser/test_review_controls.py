"""Controls of a review: each move votes again; what is near the window is drawn at once."""

from __future__ import annotations

import re
from itertools import pairwise

from playwright.sync_api import expect

from .review_page import Review, review

__all__ = ["review"]


def test_a_control_votes_again_at_once_and_says_how_many_ticks_changed(review: Review):
    r = review.open()
    asked: list[str] = []
    r.page.on("request", lambda request: asked.append(request.url.split("/")[-1]))
    r.set("threshold", "100")
    expect(r.changed).to_have_text("9 ticks changed")
    expect(r.sums).to_contain_text("0 of 9 rows ticked")
    r.set("threshold", "30")
    expect(r.sums).to_contain_text("9 of 9 rows ticked")
    r.set("k", "3")
    expect(r.row(0).locator(".hit")).to_have_count(3)
    expect(r.changed).to_contain_text("tick")
    assert set(asked) - {"thumbnail", "favicon.svg"} == {"controls"}


def test_the_slider_moves_with_arrow_keys_and_the_rows_stay(review: Review):
    r = review.open()
    r.page.locator("#threshold-slider").focus()
    with r.page.expect_response("**/controls"):
        r.page.keyboard.press("ArrowRight")
    expect(r.page.locator("#threshold")).to_have_value("31")
    expect(r.page.locator("#threshold-slider")).to_be_focused()


def test_a_bad_number_is_said_and_not_sent(review: Review):
    r = review.open()
    r.page.locator("#k").fill("101")
    expect(r.changed).to_have_text("1 to 100 results")
    r.page.locator("#k").blur()
    expect(r.page.locator("#k")).to_have_value("10")


def test_top_label_only_is_a_choice_where_images_have_several(review: Review):
    r = review.open(multi_label=True)
    box = r.page.get_by_label("Mark only top scoring label")
    expect(box).not_to_be_checked()
    r.set("threshold", "0")
    before = len(r.ticked(0))
    assert before > 1
    with r.page.expect_response("**/controls"):
        box.check()
    r.expect_ticked(0, "cat")
    r.page.reload()
    expect(box).to_be_checked()


def test_sorts_and_filters_stand_in_the_address(review: Review):
    r = review.open()
    r.tick(4, "dog").click()
    r.edit_is_saved()
    r.page.get_by_label("Sort").select_option("Suggested label")
    expect(r.page).to_have_url(re.compile("sort=label"))
    assert [at % 3 for at in r.order()] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    r.page.get_by_label("Show").select_option("No tick")
    expect(r.page).to_have_url(re.compile("show=unticked"))
    assert r.order() == [4]
    r.page.reload()
    assert r.order() == [4]
    r.page.get_by_label("Show").select_option("Not readable")
    expect(r.page.get_by_text("No row matches")).to_be_visible()
    r.page.get_by_role("link", name="Show all rows").click()
    expect(r.page.locator(".row")).to_have_count(9)
    r.page.get_by_label("Sort").select_option("Least certain first")
    expect(r.page).to_have_url(re.compile("sort=uncertain"))
    margins = r.page.locator(".row").evaluate_all(
        """rows => rows.map(row => {
          const scores = [...row.querySelectorAll('.score')].map(s => parseFloat(s.textContent));
          return scores[0] - (scores[1] ?? 0);
        })"""
    )
    assert all(one <= other + 1.01 for one, other in pairwise(margins))


def test_a_row_that_waits_fills_in_by_itself_and_keeps_what_was_done(review: Review):
    r = review.open(waiting=2)
    expect(r.row(9)).to_contain_text("Suggestions come by themselves")
    expect(r.page.locator("[data-progress]")).to_contain_text("There is no such encoder.")
    r.row(10).locator('[data-act="other"]').click()
    r.page.keyboard.type("dog")
    r.page.keyboard.press("Enter")
    r.expect_ticked(10, "dog")
    r.row(9).focus()
    r.seeder.ask("give_vectors", images=r.made["images"][9:], seed=0)
    r.expect_ticked(9, "cat")
    expect(r.row(9).locator(".hit:not([data-like])")).to_have_count(10)
    expect(r.row(9)).to_be_focused()
    r.expect_ticked(10, "dog")
    expect(r.page.locator("[data-progress]")).to_be_hidden()


def test_two_hundred_rows_are_drawn_as_they_come_into_view(review: Review):
    r = review.open(rows=200)
    expect(r.page.locator(".row")).to_have_count(200)
    expect(r.page.locator(".row.unread")).not_to_have_count(0)
    r.row(199).scroll_into_view_if_needed()
    expect(r.row(199).locator(".hit")).to_have_count(10)
    expect(r.sums).to_contain_text("200 of 200 rows ticked")


def test_all_neighbours_are_shown_on_demand(review: Review):
    r = review.open(labeled=12)
    r.set("k", "36")
    expect(r.row(0).locator(".hit")).to_have_count(19)
    r.row(0).get_by_role("button", name="17 more").click()
    expect(r.row(0).locator(".hit")).to_have_count(36)


def test_rows_far_from_the_window_are_drawn_when_they_come_into_view(review: Review):
    r = review.make()
    r.page.set_viewport_size({"width": 1280, "height": 300})
    r.page.goto(r.url)
    last = r.row(8)
    last.scroll_into_view_if_needed()
    expect(last.locator(".hit")).to_have_count(10)
    expect(last).not_to_have_attribute("data-version", "")
    r.row(0).scroll_into_view_if_needed()
    r.set("k", "3")
    expect(r.row(0).locator(".hit")).to_have_count(3)
    assert last.get_attribute("data-version") == ""
    expect(last.locator(".hit")).to_have_count(10)
    last.scroll_into_view_if_needed()
    expect(last.locator(".hit")).to_have_count(3)
    expect(last).not_to_have_attribute("data-version", "")
