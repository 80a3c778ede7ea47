"""A threshold for each label and absent labels, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .review_page import Review
from .workspace import Seeder, Workspace


@pytest.fixture
def review(page: Page, seeder: Seeder) -> Review:
    return Review(page, seeder)


def test_thresholds_per_label_tick_say_from_what_and_are_added_to_the_dataset(review: Review):
    r = review.open(multi_label=True)
    checkbox = r.page.get_by_label("Threshold per label")
    r.set("threshold", "100")
    expect(r.sums).to_contain_text("0 of 9 rows ticked")
    with r.page.expect_response("**/controls"):
        checkbox.check()
    expect(r.changed).to_contain_text("ticks changed")
    expect(r.sums).to_contain_text("9 of 9 rows ticked")
    expect(r.page.locator("#threshold")).to_be_disabled()
    expect(r.page.locator("#threshold-slider")).to_be_disabled()
    expect(r.tick(0, "cat")).to_have_attribute("title", re.compile(r"ticked from \d+\.\d %"))
    summary = r.page.locator("[data-thresholds-from]")
    expect(summary).to_have_text("from 18 images")
    summary.focus()
    r.page.keyboard.press("Enter")
    panel = r.page.locator(".thresholds-panel")
    expect(panel).to_contain_text("From 18 labeled images. Nobody has said yet")
    expect(panel.locator("tbody tr")).to_have_count(3)
    expect(panel.locator("tbody tr").first).to_contain_text(re.compile(r"cat\d+\.\d %6"))
    r.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(summary).to_be_focused()
    r.page.reload()
    expect(checkbox).to_be_checked()
    expect(r.sums).to_contain_text("9 of 9 rows ticked")
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(r.page.get_by_role("heading", level=1)).to_contain_text("9")
    labels = r.states()["labels"]
    assert labels[str(r.made["images"][0])] == ["cat"]
    assert r.states()["absent"][str(r.made["images"][0])] == ["dog", "owl"]


def test_off_brings_the_one_threshold_back(review: Review):
    r = review.open(multi_label=True)
    checkbox = r.page.get_by_label("Threshold per label")
    r.set("threshold", "100")
    with r.page.expect_response("**/controls"):
        checkbox.check()
    expect(r.sums).to_contain_text("9 of 9 rows ticked")
    with r.page.expect_response("**/controls"):
        checkbox.uncheck()
    expect(r.sums).to_contain_text("0 of 9 rows ticked")
    expect(r.page.locator("#threshold")).to_be_enabled()
    expect(r.page.locator("#threshold")).to_have_value("100")
    expect(r.page.locator("[data-thresholds]")).to_be_hidden()


def test_with_few_labeled_images_the_checkbox_rests_and_says_why(review: Review):
    r = review.open(multi_label=True, labeled=3)
    expect(r.page.get_by_label("Threshold per label")).to_be_disabled()
    expect(r.page.locator(".check", has_text="Threshold per label")).to_have_attribute(
        "title", re.compile("at least 10 labeled images")
    )


def test_a_project_of_one_label_an_image_has_no_such_checkbox(review: Review):
    r = review.open()
    expect(r.row(0)).to_be_visible()
    expect(r.page.get_by_label("Threshold per label")).to_have_count(0)


def test_the_rest_is_marked_as_absent_in_the_grid_and_undone(workspace: Workspace):
    w = workspace.open(images=3, labels=["cat", "dog"], labeled={"cat": [0]}, multi_label=True)
    w.tile(0).click()
    w.tile(0).click(button="right")
    w.menu("Mark the rest as absent").click()
    w.toast("Marked the rest of the labels as absent on 1 image")
    w.page.keyboard.press("Space")
    expect(w.page.locator(".large-absent")).to_have_text("Not on it: dog")
    w.page.keyboard.press("Escape")
    w.page.keyboard.press("Control+z")
    w.toast("Undid: Marked the rest of the labels as absent")
    w.page.keyboard.press("Space")
    expect(w.page.locator(".large-name")).to_be_visible()
    expect(w.page.locator(".large-absent")).to_have_count(0)
