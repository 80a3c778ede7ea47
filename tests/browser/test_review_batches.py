"""Where a review begins and ends: batches opened, added, discarded, and in two tabs at once."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from .review_page import Review, review
from .workspace import draw

__all__ = ["review"]


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


def test_rows_that_are_not_ready_stay_open_when_the_others_are_added(review: Review):
    r = review.open(waiting=2, kind="uploaded")
    r.page.get_by_role("button", name="Add to dataset").click()
    expect(r.page.locator("dialog")).to_contain_text("2 images are not ready yet")
    r.page.get_by_role("button", name="Add the others").click()
    expect(r.page.get_by_role("heading", name="9 added")).to_be_visible()
    r.page.get_by_role("link", name="Continue with them").click()
    expect(r.page.locator(".row")).to_have_count(2)


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
