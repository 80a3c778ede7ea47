"""Methods of the review page, and how sure it is, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .review_page import Review
from .workspace import Seeder


@pytest.fixture
def review(page: Page, seeder: Seeder) -> Review:
    return Review(page, seeder)


def choose(review: Review, method: str) -> None:
    with review.page.expect_response("**/controls"):
        review.page.get_by_label("Method").select_option(label=method)


def reason(review: Review):
    return review.page.locator("[data-reason]")


def test_another_method_scores_anew_says_why_and_keeps_what_was_edited(review: Review):
    r = review.open(labeled=12)
    expect(reason(r)).to_be_hidden()
    r.offer(1, "owl")
    before = r.tick(0, "cat").locator(".score").inner_text()
    choose(r, "Head")
    expect(reason(r)).to_have_text("Head, from 36 labeled images.")
    expect(r.tick(0, "cat").locator(".score")).not_to_have_text(before)
    r.expect_ticked(0, "cat")
    r.expect_ticked(1, "owl")
    expect(r.row(0).locator(".hit:not([data-like])")).to_have_count(10)
    r.page.reload()
    expect(r.page.get_by_label("Method")).to_have_value("head")
    r.expect_ticked(1, "owl")
    choose(r, "Automatic")
    expect(reason(r)).to_contain_text("from 36 labeled images.")
    choose(r, "Neighbours")
    expect(reason(r)).to_be_hidden()
    expect(r.tick(0, "cat").locator(".score")).to_have_text(before)
    r.expect_ticked(1, "owl")


def test_the_method_is_chosen_by_keyboard_and_the_rows_stay(review: Review):
    r = review.open(labeled=8)
    r.page.get_by_label("Method").focus()
    with r.page.expect_response("**/controls"):
        r.page.keyboard.press("End")
    expect(r.page.get_by_label("Method")).to_have_value("graph")
    expect(r.page.get_by_label("Method")).to_be_focused()
    expect(r.page.locator(".row.current")).to_have_attribute("id", f"row-{r.made['items'][0]}")


def test_what_k_means_is_told_by_its_tooltip(review: Review):
    r = review.open(labeled=8)
    expect(r.page.locator("#k")).to_have_attribute("title", re.compile("vote, and stand beside"))
    choose(r, "Class means")
    expect(r.page.locator("#k")).to_have_attribute("title", re.compile("does not let them vote"))


def test_a_threshold_acts_on_the_methods_scores_and_counts_from_the_method_before(review: Review):
    r = review.open(labeled=12)
    r.set("threshold", "100")
    expect(r.sums).to_contain_text("0 of 9 rows ticked")
    choose(r, "Head")
    expect(r.sums).to_contain_text("3 of 9 rows ticked")
    expect(r.changed).to_have_text("3 ticks changed")
    choose(r, "Class means")
    expect(r.changed).to_have_text("3 ticks changed")
    expect(r.sums).to_contain_text("0 of 9 rows ticked")


def test_each_row_says_how_sure_it_is_and_the_foot_how_many_are_wrong(review: Review):
    r = review.open(labeled=12)
    sure = r.row(0).locator(".sure")
    expect(sure).to_have_text(re.compile(r"^\d\d % sure$"))
    expect(sure).to_have_attribute("title", re.compile("How likely cat is right"))
    expect(r.tick(0, "cat")).to_have_attribute("title", re.compile(r"\d\d % sure"))
    expect(r.sums).to_have_text("9 of 9 rows ticked · fewer than 1 wrong expected")
    r.set("threshold", "100")
    expect(r.sums).to_have_text("0 of 9 rows ticked")


def test_with_few_labeled_images_nothing_is_said_of_it(review: Review):
    r = review.open(labeled=5)
    expect(r.row(0).locator(".hit").first).to_be_visible()
    expect(r.page.locator(".sure")).to_have_count(0)
    expect(r.sums).to_have_text("9 of 9 rows ticked")


def test_the_runner_up_stands_beside_the_first_hits_and_opens_large(review: Review):
    r = review.open(labeled=12)
    r.set("k", "5")
    choose(r, "Head")
    likes = r.row(0).locator(".likes")
    expect(likes).to_have_count(1)
    expect(likes).to_contain_text(re.compile(r"like (dog|owl) \(2nd\)"))
    expect(likes.locator(".hit")).to_have_count(2)
    likes.locator(".hit").last.click()
    expect(r.page.locator("dialog")).to_contain_text("7 of 7")
    r.page.keyboard.press("Escape")
    expect(likes.locator(".hit").last).to_be_focused()
