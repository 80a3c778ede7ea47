"""Labeling by hand in a real browser: one test for each promise."""

import re

from playwright.sync_api import expect

from .workspace import Workspace


def open_label_menu(w: Workspace, name: str, item: str) -> None:
    w.label(name).locator("[data-label-menu]").click()
    w.menu(item).click()


def test_a_key_gives_a_label_and_takes_it_when_all_carry_it(workspace: Workspace):
    w = workspace.open(images=10, labels=["cat", "dog"])
    w.tile(0).click()
    w.tile(2).click(modifiers=["Shift"])
    w.page.keyboard.press("1")
    w.toast("Labeled 3 images as cat")
    for index in range(3):
        expect(w.chips(index)).to_have_text(["cat"])
    expect(w.label("cat").locator(".count")).to_have_text("3")
    assert w.selected() == [0, 1, 2]
    w.page.keyboard.press("1")
    w.toast("Took cat from 3 images")
    expect(w.page.locator(".tile .chip")).to_have_count(0)


def test_thousands_of_images_are_labeled_in_one_request(workspace: Workspace):
    w = workspace.open(images=2000, labels=["cat"])
    sent = []
    w.page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    w.tile(0).click()
    w.page.keyboard.press("Control+a")
    w.page.keyboard.press("1")
    w.toast("Labeled 2,000 images as cat")
    assert len(sent) == 1
    expect(w.page.locator("[data-count=labeled]").first).to_have_text("2,000")
    expect(w.chips(40)).to_have_text(["cat"])


def test_the_panel_gives_and_takes_a_label(workspace: Workspace):
    w = workspace.open(images=5, labels=["cat", "dog"])
    w.tile(1).click()
    w.label("dog").locator("[data-give]").click()
    expect(w.chips(1)).to_have_text(["dog"])
    w.label("dog").locator("[data-give]").click()
    expect(w.chips(1)).to_have_count(0)


def test_the_context_menu_gives_and_takes_a_label(workspace: Workspace):
    w = workspace.open(images=5, labels=["cat"])
    w.tile(1).click(button="right")
    w.menu("cat").click()
    expect(w.chips(1)).to_have_text(["cat"])
    w.tile(1).click(button="right")
    expect(w.menu("✓ cat")).to_be_visible()
    w.menu("Take all labels").click()
    expect(w.chips(1)).to_have_count(0)


def test_a_label_is_chosen_by_typing_and_a_new_one_made(workspace: Workspace):
    names = [f"kind {number:02}" for number in range(40)]
    w = workspace.open(images=5, labels=names)
    w.tile(0).click()
    w.page.keyboard.press("l")
    w.page.keyboard.type("kind 33")
    w.page.keyboard.press("Enter")
    expect(w.chips(0)).to_have_text(["kind 33"])
    w.page.keyboard.press("/")
    w.page.keyboard.type("brand new")
    w.page.keyboard.press("Enter")
    w.toast("Labeled 1 image as brand new")
    expect(w.chips(0)).to_have_text(["brand new"])
    expect(w.page.locator("#label-rows [data-name='brand new'] .count")).to_have_text("1")


def test_undo_and_redo_by_keys_buttons_and_toast(workspace: Workspace):
    w = workspace.open(images=5, labels=["cat", "dog"])
    w.tile(0).click()
    w.page.keyboard.press("1")
    w.page.keyboard.press("2")
    expect(w.chips(0)).to_have_text(["dog"])
    w.page.keyboard.press("Control+z")
    expect(w.chips(0)).to_have_text(["cat"])
    w.page.keyboard.press("Control+Shift+z")
    expect(w.chips(0)).to_have_text(["dog"])
    w.page.keyboard.press("Control+z")
    expect(w.chips(0)).to_have_text(["cat"])
    w.page.keyboard.press("Control+y")
    expect(w.chips(0)).to_have_text(["dog"])
    undo = w.page.locator("#undo")
    expect(undo).to_have_attribute("title", "Undo: Labeled 1 image as dog (Ctrl+Z)")
    undo.click()
    expect(w.chips(0)).to_have_text(["cat"])
    w.page.locator("#redo").click()
    w.page.keyboard.press("2")
    w.toast("Took dog from 1 image").get_by_role("button", name="Undo").click()
    expect(w.chips(0)).to_have_text(["dog"])


def test_undo_survives_a_reload(workspace: Workspace):
    w = workspace.open(images=5, labels=["cat"])
    w.tile(0).click()
    w.page.keyboard.press("Control+a")
    w.page.keyboard.press("1")
    w.toast("Labeled 5 images as cat")
    w.reload()
    expect(w.page.locator(".tile .chip")).to_have_count(5)
    w.page.keyboard.press("Control+z")
    expect(w.page.locator(".tile .chip")).to_have_count(0)
    w.reload()
    w.page.keyboard.press("Control+Shift+z")
    expect(w.page.locator(".tile .chip")).to_have_count(5)
    expect(w.page.locator("#redo")).to_have_attribute("aria-disabled", "true")


def test_a_label_is_added_and_renamed(workspace: Workspace):
    w = workspace.open(images=3, labels=["cat"], labeled={"cat": [0]})
    w.page.get_by_label("Find or add a label").fill("bird")
    w.page.keyboard.press("Enter")
    expect(w.page.locator("#label-rows [data-name=bird]")).to_be_visible()
    open_label_menu(w, "cat", "Rename…")
    w.page.get_by_label("New name").fill("kitty")
    w.page.keyboard.press("Enter")
    w.toast("Renamed cat to kitty")
    expect(w.label("cat").locator(".name")).to_have_text("kitty")
    expect(w.chips(0)).to_have_text(["kitty"])


def test_deleting_a_label_says_how_many_lose_it_and_is_undone(workspace: Workspace):
    w = workspace.open(images=6, labels=["cat", "dog"], labeled={"cat": [0, 1, 2]})
    open_label_menu(w, "cat", "Delete…")
    expect(w.page.locator("dialog")).to_contain_text("3 images will lose it")
    w.page.get_by_role("button", name="Delete label").click()
    toast = w.toast("Deleted the label cat; 3 images lost it")
    expect(w.page.locator(".tile .chip")).to_have_count(0)
    expect(w.label("cat")).to_have_count(0)
    toast.get_by_role("button", name="Undo").click()
    expect(w.page.locator(".tile .chip")).to_have_count(3)
    expect(w.label("cat").locator(".count")).to_have_text("3")


def test_merging_labels_says_how_many_change_and_is_undone(workspace: Workspace):
    w = workspace.open(images=6, labels=["cat", "kitty"], labeled={"cat": [0], "kitty": [1, 2]})
    open_label_menu(w, "kitty", "Merge into…")
    w.page.keyboard.press("Enter")
    expect(w.page.locator("dialog")).to_contain_text("2 images labeled kitty will be labeled cat")
    w.page.get_by_role("button", name="Merge", exact=True).click()
    w.toast("Merged kitty into cat (2 images)")
    expect(w.label("cat").locator(".count")).to_have_text("3")
    expect(w.label("kitty")).to_have_count(0)
    w.page.keyboard.press("Control+z")
    expect(w.label("kitty").locator(".count")).to_have_text("2")


def test_keys_colors_and_order_are_chosen_in_the_menu(workspace: Workspace):
    w = workspace.open(images=3, labels=["cat", "dog"])
    open_label_menu(w, "dog", "Key…")
    w.page.locator(".menu [role=menuitem]", has_text="7").click()
    expect(w.label("dog")).to_have_attribute("data-key", "7")
    w.tile(0).click()
    w.page.keyboard.press("7")
    expect(w.chips(0)).to_have_text(["dog"])
    open_label_menu(w, "dog", "Color…")
    w.page.get_by_role("button", name="#8e4ec6").click()
    expect(w.label("dog")).to_have_attribute("data-color", "#8e4ec6")
    expect(w.tile(0).locator("circle")).to_have_attribute("fill", "#8e4ec6")
    open_label_menu(w, "dog", "Move up")
    expect(w.page.locator("#label-rows [data-label]").first).to_have_attribute("data-name", "dog")


def test_the_default_label_carries_a_star_and_can_be_changed(workspace: Workspace):
    w = workspace.open(
        images=3, multi_label=True, labels=["cat", "dog"], labeled={"cat": [0, 1], "dog": [0, 1]}
    )
    expect(w.chips(0).first).to_have_text(re.compile("cat★"))
    w.tile(0).click()
    w.tile(1).click(modifiers=["Control"])
    w.tile(1).click(button="right")
    w.menu("Default label…").click()
    w.menu("dog").click()
    w.toast("Made dog the default label of 2 images")
    expect(w.chips(0).first).to_have_text(re.compile("dog★"))
    w.page.keyboard.press("Space")
    w.page.get_by_role("button", name="Make cat the default label").click()
    expect(w.page.locator(".large-labels li").first.locator(".name")).to_have_text("cat")


def test_what_is_labeled_under_a_filter_stays_until_it_is_tidied_up(workspace: Workspace):
    w = workspace.open("?show=unlabeled", images=6, labels=["cat"])
    w.tile(0).click()
    w.page.keyboard.press("1")
    expect(w.chips(0)).to_have_text(["cat"])
    w.page.get_by_role("button", name="1 image no longer matches · Refresh").click()
    expect(w.page.locator(".tile")).to_have_count(5)


def test_deleted_images_come_back_with_undo(workspace: Workspace):
    w = workspace.open(images=6)
    w.tile(0).click()
    w.tile(2).click(modifiers=["Shift"])
    w.page.keyboard.press("Delete")
    w.toast("Deleted 3 images")
    expect(w.page.locator(".tile")).to_have_count(3)
    w.page.keyboard.press("Control+z")
    expect(w.page.locator(".tile")).to_have_count(6)


def test_deleted_images_come_back_to_their_place_in_a_long_grid(workspace: Workspace):
    w = workspace.open(images=600)
    w.tile(5).click()
    w.page.keyboard.press("Delete")
    w.toast("Deleted 1 image")
    expect(w.tile(5)).to_have_count(0)
    w.page.keyboard.press("Control+z")
    expect(w.tile(5)).to_be_visible()
    expect(w.page.locator(".tile").nth(5)).to_have_attribute("data-id", str(w.made["images"][5]))


def test_deleting_the_label_filtered_by_shows_all_again(workspace: Workspace):
    w = workspace.open(images=6, labels=["cat"], labeled={"cat": [0, 1]})
    w.label("cat").locator("[data-filter-label]").click()
    expect(w.page.locator(".tile")).to_have_count(2)
    open_label_menu(w, "cat", "Delete…")
    w.page.get_by_role("button", name="Delete label").click()
    expect(w.page.locator(".tile")).to_have_count(6)


def test_the_whole_job_by_keyboard_alone(workspace: Workspace):
    w = workspace.open(images=6)
    w.page.get_by_label("Find or add a label").focus()
    w.page.keyboard.type("cat")
    w.page.keyboard.press("Enter")
    w.toast("Added the label cat")
    for _ in range(30):
        w.page.keyboard.press("Tab")
        if w.page.evaluate("document.activeElement.id") == "grid":
            break
    w.page.keyboard.press("ArrowRight")
    w.page.keyboard.press("Shift+ArrowRight")
    w.page.keyboard.press("1")
    w.toast("Labeled 2 images as cat")
    w.page.keyboard.press("?")
    expect(w.page.locator("dialog")).to_contain_text("Choose a label by typing")


def test_a_refusal_is_read_out_and_changes_nothing(workspace: Workspace):
    w = workspace.open(images=3, labels=["cat", "dog"])
    open_label_menu(w, "dog", "Rename…")
    w.page.get_by_label("New name").fill("CAT")
    w.page.keyboard.press("Enter")
    w.toast("There is a label cat already")
    expect(w.label("dog").locator(".name")).to_have_text("dog")
