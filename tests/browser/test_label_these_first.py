"""A new project: upload, label the few photos that stand for the rest by keys, add, go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.drawings import KINDS, picture_bytes

from .review_page import Review, review
from .test_whole_job import upload
from .workspace import Seeder, draw

__all__ = ["review"]

EACH = 8
NUMBER = 20


class Many:
    """The page of a project with 25 photos of three kinds, none labeled."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page = page
        page.route("**/images/*/thumbnail", draw)
        made = seeder.ask("make_review", labeled=0, rows=25, begin=False)
        self.url = f"/projects/{made['project']}/"
        page.goto(self.url)
        expect(page.locator("#grid[aria-busy=false]")).to_be_attached()


@pytest.fixture
def many(page: Page, seeder: Seeder) -> Many:
    return Many(page, seeder)


def write_folder(folder: Path) -> dict[str, str]:
    """Write pictures whose names do not tell their kind; return the kind of each."""
    folder.mkdir()
    truth = {}
    for seed in range(EACH):
        for kind in KINDS:
            name = f"photo-{len(truth):03}.jpg"
            (folder / name).write_bytes(picture_bytes(kind, seed))
            truth[name] = kind
    return truth


def test_a_new_project_begins_with_the_photos_that_stand_for_the_rest(
    page: Page, tmp_path: Path
) -> None:
    truth = write_folder(tmp_path / "shelf")
    page.goto("/projects/new")
    page.get_by_label("Name").fill("Label these first")
    page.get_by_role("button", name="Create project").click()
    card = page.locator("[data-label-first]")
    expect(page.locator("#grid[aria-busy=false]")).to_be_attached()
    expect(card).to_be_hidden()
    upload(page, tmp_path / "shelf", len(truth))
    # Without a reload: the page has learned that the photos are ready.
    expect(card).to_be_visible()
    expect(card).to_contain_text(f"{NUMBER} photos that stand for the rest")
    expect(card.locator("[data-hide-at-zero]")).to_be_hidden()
    page.keyboard.press("Escape")
    card.get_by_role("button", name="Label these first").click()

    rows = page.locator("article.row:not(.unread)")
    expect(rows).to_have_count(NUMBER)
    names = rows.evaluate_all("rows => rows.map(row => row.ariaLabel)")
    assert {truth[name] for name in names} == set(KINDS)
    keys: dict[str, str] = {}
    for at, name in enumerate(names):
        expect(rows.nth(at)).to_have_class(re.compile(r"\bcurrent\b"))
        kind = truth[name]
        if kind in keys:
            page.keyboard.press(keys[kind])
        else:
            page.keyboard.press("l")
            page.keyboard.type(kind)
            page.keyboard.press("Enter")
            keys[kind] = str(len(keys) + 1)
        ticks = rows.nth(at).locator('.tick[aria-checked="true"] .text')
        expect(ticks).to_have_text([kind])
    expect(page.locator("[data-label-keys] li")).to_have_count(len(KINDS))
    page.keyboard.press("Control+Enter")
    expect(page.locator(".headline h1")).to_contain_text(f"{NUMBER} added")

    page.get_by_role("button", name="Next batch").click()
    expect(rows).to_have_count(NUMBER)  # as many as last time
    tops = rows.evaluate_all(
        "rows => rows.map(row => [row.ariaLabel, row.querySelector('.tick .text')?.textContent])"
    )
    right = sum(truth[name] == top for name, top in tops)
    assert right >= 0.9 * len(tops), tops


def test_an_open_batch_is_offered_instead_and_discarding_it_brings_the_offer_back(
    many: Many,
) -> None:
    page = many.page
    card = page.locator("[data-label-first]")
    expect(card).to_be_visible()
    card.get_by_label("How many").fill("10")
    card.get_by_role("button", name="Label these first").click()
    expect(page.locator("article.row")).to_have_count(10)
    page.goto(many.url)
    expect(page.locator("[data-open-batches]")).to_contain_text("open batch of 10")
    expect(card).to_be_hidden()
    page.locator("[data-open-batches]").get_by_role("button", name="Discard").click()
    page.locator("dialog").get_by_role("button", name="Discard").click()
    expect(card).to_be_visible()


def test_labeling_one_photo_takes_the_offer_away_and_undo_brings_it_back(
    many: Many,
) -> None:
    page = many.page
    card = page.locator("[data-label-first]")
    expect(card).to_be_visible()
    page.locator(".tile .photo").first.click()
    page.keyboard.press("1")
    expect(page.locator(".tile .chip")).to_have_count(1)
    expect(card).to_be_hidden()
    page.keyboard.press("Control+z")
    expect(page.locator(".tile .chip")).to_have_count(0)
    expect(card).to_be_visible()


def test_where_nothing_is_suggested_a_label_goes_on_to_the_next_row(review: Review):
    r = review.open(labeled=0, rows=4)
    current = r.page.locator(".row.current")
    for at, key, name in ((0, "1", "cat"), (1, "3", "owl"), (2, "2", "dog")):
        expect(current).to_have_id(f"row-{r.made['items'][at]}")
        r.page.keyboard.press(key)
        r.expect_ticked(at, name)
    expect(current).to_have_id(f"row-{r.made['items'][3]}")
    expect(r.row(3)).to_be_focused()
    # Back to correct the one before: another label goes on again, taking one away stays.
    r.page.keyboard.press("ArrowUp")
    r.page.keyboard.press("1")
    r.expect_ticked(2, "cat")
    expect(current).to_have_id(f"row-{r.made['items'][3]}")
    r.page.keyboard.press("ArrowUp")
    r.page.keyboard.press("1")
    r.expect_ticked(2)
    expect(current).to_have_id(f"row-{r.made['items'][2]}")
    r.page.keyboard.press("l")
    r.page.keyboard.type("owl")
    r.page.keyboard.press("Enter")
    r.expect_ticked(2, "owl")
    expect(current).to_have_id(f"row-{r.made['items'][3]}")
    r.page.keyboard.press("2")  # the last row stays
    r.expect_ticked(3, "dog")
    expect(current).to_have_id(f"row-{r.made['items'][3]}")


def test_where_a_label_is_suggested_or_several_are_possible_keys_stay_in_the_row(review: Review):
    r = review.open(rows=3)
    current = r.page.locator(".row.current")
    r.page.keyboard.press("2")
    r.expect_ticked(0, "dog")
    expect(current).to_have_id(f"row-{r.made['items'][0]}")
    r = review.open(labeled=0, rows=2, multi_label=True)
    r.page.keyboard.press("1")
    r.page.keyboard.press("2")
    r.expect_ticked(0, "cat", "dog")
    expect(current).to_have_id(f"row-{r.made['items'][0]}")


def test_the_next_batch_asks_which_images_and_remembers_it(review: Review):
    r = review.make(begin=False, rows=25)
    r.page.goto(r.project)
    r.page.locator("[data-similarity-menu]").click()
    r.menu("Next batch of unlabeled").click()
    expect(r.page.get_by_label("Which ones")).to_have_value("mixed")
    r.page.get_by_label("Which ones").select_option("Least certain, spread out")
    r.page.get_by_label("How many unlabeled images").fill("10")
    r.page.locator("dialog").get_by_role("button", name="Next batch").click()
    expect(r.page.locator(".row")).to_have_count(10)
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(r.page.get_by_label("Which ones")).to_have_value("uncertain")
    r.page.get_by_label("Which ones").select_option("Typical and spread out first")
    r.page.get_by_role("button", name="Next batch").click()
    expect(r.page.locator(".row")).to_have_count(10)
    r.page.goto(r.project)
    r.page.locator("[data-similarity-menu]").click()
    r.menu("Next batch of unlabeled").click()
    expect(r.page.get_by_label("Which ones")).to_have_value("typical")
