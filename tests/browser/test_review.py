"""The review page in a real browser: one test for each promise that it makes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from .workspace import Seeder, draw


class Review:
    """A review as a person handles it."""

    def __init__(self, page: Page, seeder: Seeder) -> None:
        self.page, self.seeder = page, seeder
        page.route("**/images/*/thumbnail", draw)
        page.route("**/images/*/large", draw)

    def make(self, **knobs: Any) -> Review:
        self.made = self.seeder.ask("make_review", **knobs)
        self.project = f"/projects/{self.made['project']}/"
        self.url = f"{self.project}batches/{self.made['batch']}/"
        return self

    def open(self, query: str = "", **knobs: Any) -> Review:
        self.make(**knobs)
        self.page.goto(self.url + query)
        return self

    def row(self, at: int) -> Locator:
        return self.page.locator(f"#row-{self.made['items'][at]}")

    def tick(self, at: int, name: str) -> Locator:
        return self.row(at).get_by_role("checkbox", name=re.compile(rf"^{re.escape(name)}\b"))

    def ticked(self, at: int) -> list[str]:
        return self.row(at).locator('.tick[aria-checked="true"] .text').all_inner_texts()

    def order(self) -> list[int]:
        ids = self.page.locator(".row").evaluate_all(
            "rows => rows.map(r => Number(r.dataset.item))"
        )
        return [self.made["items"].index(pk) for pk in ids]

    def expect_ticked(self, at: int, *names: str) -> None:
        expect(self.row(at).locator('.tick[aria-checked="true"] .text')).to_have_text(list(names))

    def set(self, control: str, value: str) -> None:
        with self.page.expect_response("**/controls"):
            self.page.locator(f"#{control}").fill(value)

    @property
    def sums(self) -> Locator:
        return self.page.locator("[data-sums]")

    @property
    def changed(self) -> Locator:
        return self.page.locator("[data-changed]")

    def offer(self, at: int, name: str) -> None:
        """Tick a label by typing its name."""
        self.row(at).locator('[data-act="other"]').click()
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        self.expect_ticked(at, name)

    def edit_is_saved(self) -> None:
        self.page.wait_for_load_state("networkidle")

    def states(self) -> dict[str, Any]:
        return self.seeder.ask("states", project=self.made["project"])

    def toast(self, text: str) -> None:
        expect(self.page.locator(".toast", has_text=text)).to_be_visible()

    def menu(self, text: str) -> Locator:
        return self.page.locator('.menu [role="menuitem"]', has_text=text)


@pytest.fixture
def review(page: Page, seeder: Seeder) -> Review:
    return Review(page, seeder)


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


def test_add_to_dataset_saves_counts_and_can_be_undone(review: Review):
    r = review.open(kind="uploaded")
    r.tick(0, "cat").click()
    expect(r.row(0).locator(".mark")).to_be_visible()
    r.offer(1, "cat")
    r.page.get_by_role("button", name="Add to dataset").click()
    result = r.page.get_by_role("heading", name="9 added · 7 of 9 suggestions right (78 %)")
    expect(result).to_be_visible()
    after = r.states()
    assert set(after["images"].values()) == {"dataset"}
    assert str(r.made["images"][0]) not in after["labels"]
    assert after["labels"][str(r.made["images"][2])] == ["owl"]
    r.page.get_by_role("button", name="Undo").click()
    expect(r.page.locator(".row")).to_have_count(9)
    r.expect_ticked(0)
    back = r.states()
    assert [back["images"][str(pk)] for pk in r.made["images"]] == ["staged"] * 9
    assert str(r.made["images"][2]) not in back["labels"]


def test_discard_asks_and_removes_the_uploaded_images(review: Review):
    r = review.open(kind="uploaded")
    r.page.get_by_role("button", name="Discard").click()
    dialog = r.page.locator("dialog")
    expect(dialog).to_contain_text("9 images uploaded for it are removed")
    dialog.get_by_role("button", name="Cancel").click()
    assert r.states()["batches"] == ["open"]
    r.page.get_by_role("button", name="Discard").click()
    dialog.get_by_role("button", name="Discard").click()
    expect(r.page.locator("#grid[aria-busy='false']")).to_be_attached()
    states = r.states()
    assert states["batches"] == ["discarded"]
    assert {states["images"][str(pk)] for pk in r.made["images"]} == {"trash"}
    r.page.keyboard.press("Control+z")
    r.toast("Undid: Discarded")
    expect(r.page.locator("[data-open-batches]")).to_contain_text("an open batch of 9")
    assert r.states()["batches"] == ["open"]


def test_an_open_batch_is_offered_on_the_project_page(review: Review):
    r = review.open()
    r.tick(0, "cat").click()
    expect(r.row(0).locator(".mark")).to_be_visible()
    r.page.goto(r.project)
    offer = r.page.locator("[data-open-batches]")
    expect(offer).to_contain_text("You have an open batch of 9 (1 edited).")
    offer.get_by_role("link", name="Continue").click()
    r.expect_ticked(0)


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


def test_rows_that_are_not_ready_stay_open_when_the_others_are_added(review: Review):
    r = review.open(waiting=2, kind="uploaded")
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(r.page.locator("dialog")).to_contain_text("2 images are not ready yet")
    r.page.get_by_role("button", name="Add the others").click()
    expect(r.page.get_by_role("heading", name="9 added")).to_be_visible()
    r.page.get_by_role("link", name="Continue with them").click()
    expect(r.page.locator(".row")).to_have_count(2)


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


def test_selected_images_are_labeled_by_similarity_from_the_context_menu(review: Review):
    r = review.make(begin=False)
    r.page.goto(r.project)
    first, second = (r.page.locator(f"#tile-{pk}") for pk in r.made["images"][:2])
    first.click()
    second.click(modifiers=["Control"])
    second.click(button="right")
    expect(r.page.locator(".menu .heading", has_text="AI tools")).to_be_visible()
    r.menu("Label by similarity").click()
    expect(r.page.locator(".row")).to_have_count(2)
    expect(r.sums).to_contain_text("2 of 2 rows ticked")


def test_find_similar_shows_the_nearest_images_and_labels_them(review: Review):
    r = review.make(begin=False)
    r.page.goto(r.project)
    tile = r.page.locator(f"#tile-{r.made['images'][0]}")
    tile.click()
    tile.click(button="right")
    r.menu("Find similar").click()
    found = r.page.locator(".similar-tile")
    expect(found).to_have_count(26)
    expect(found.first).to_contain_text("%")
    nearest = {int(found.nth(at).get_attribute("data-image") or 0) for at in range(8)}
    cats = {*r.made["labeled"][:6], *r.made["images"][3:9:3]}
    assert nearest == cats
    unlabeled = r.page.locator(f"#found-{r.made['images'][3]}")
    unlabeled.click()
    r.page.keyboard.press("1")
    expect(unlabeled.locator(".chip")).to_have_text(["cat"])
    assert r.states()["labels"][str(r.made["images"][3])] == ["cat"]
    unlabeled.dblclick()
    expect(r.page.locator("dialog.compare img")).to_have_count(2)


def test_next_batch_takes_unlabeled_images_and_remembers_the_number(review: Review):
    r = review.make(begin=False, rows=25)
    r.page.goto(r.project)
    r.page.locator("[data-similarity-menu]").click()
    r.menu("Next batch of unlabeled").click()
    r.page.get_by_label("How many unlabeled images").fill("10")
    r.page.locator("dialog").get_by_role("button", name="Next batch").click()
    expect(r.page.locator(".row")).to_have_count(10)
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(r.page.get_by_role("heading", name="10 added · 10 of 10 suggestions")).to_be_visible()
    expect(r.page.get_by_label("of", exact=True)).to_have_value("10")
    r.page.get_by_role("button", name="Next batch").click()
    expect(r.page.locator(".row")).to_have_count(10)
    r.page.locator(".tick").first.click()
    expect(r.page.locator(".mark")).to_have_count(1)
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(
        r.page.get_by_role("heading", name="9 added · 9 of 10 suggestions right (90 %)")
    ).to_be_visible()
    expect(r.page.locator(".figures")).to_contain_text("95 % 19 of 20")
    expect(r.page.locator(".result tbody tr")).to_have_count(2)
    r.page.get_by_role("button", name="Next batch").click()
    expect(r.page.locator(".row")).to_have_count(6)


def test_a_second_tab_is_told_that_the_batch_was_added(review: Review, page: Page):
    r = review.open()
    other: BrowserContext = page.context
    second = other.new_page()
    second.route("**/images/*/thumbnail", draw)
    second.goto(r.url)
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(r.page.get_by_role("heading", name="9 added")).to_be_visible()
    second.get_by_role("button", name="Add to dataset").click()
    toast = second.locator(".toast.error")
    expect(toast).to_contain_text("already added to the dataset")
    toast.get_by_role("button", name="Reload").click()
    expect(second.get_by_role("heading", name="9 added")).to_be_visible()
    assert r.states()["batches"] == ["committed"]


def test_what_another_tab_changed_is_shown_before_it_is_added(review: Review, page: Page):
    r = review.open()
    second = page.context.new_page()
    second.route("**/images/*/thumbnail", draw)
    second.goto(r.url)
    r.tick(0, "cat").click()
    expect(r.row(0).locator(".mark")).to_be_visible()
    second.get_by_role("button", name="Add to dataset").click()
    expect(second.locator(".toast.error")).to_contain_text("look again")
    expect(second.locator(".row").first.locator(".mark")).to_be_visible()
    second.get_by_role("button", name="Add to dataset").click()
    expect(second.get_by_role("heading", name="8 added · 8 of 9")).to_be_visible()


def test_a_tab_that_is_looked_at_again_shows_ticks_and_controls_as_they_are(
    review: Review, page: Page
):
    r = review.open()
    second = page.context.new_page()
    second.route("**/images/*/thumbnail", draw)
    second.goto(r.url)
    expect(second.locator("#threshold")).to_have_value("30")
    r.tick(0, "cat").click()
    r.set("threshold", "55")
    second.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(second.locator("#threshold")).to_have_value("55")
    expect(second.locator(".row").first.locator(".mark")).to_be_visible()


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
