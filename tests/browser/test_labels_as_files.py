"""Downloading labels and reading them back in, in a real browser."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from playwright.sync_api import Page, expect

from .workspace import Seeder, Workspace, draw


def download(page: Page, choice: str, *, at: int = 0) -> str:
    page.locator("#download").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name=choice).nth(at).click()
    return Path(waiting.value.path()).read_text()


def read_in(page: Page, text: str) -> None:
    page.locator("#download").click()
    page.get_by_role("menuitem", name="Import").click()
    page.get_by_label("CSV file").set_input_files(
        {"name": "labels.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    page.get_by_role("button", name="Import").click()


def test_the_csv_has_every_image_and_can_be_read_back_in(workspace: Workspace) -> None:
    workspace.open(images=5, labels=["cat", "dog"], labeled={"cat": [0, 1], "dog": [2]})
    page = workspace.page
    before = download(page, "Labels as CSV")
    rows = list(csv.DictReader(io.StringIO(before)))
    assert [row["labels"] for row in rows] == ["cat", "cat", "dog", "", ""]

    workspace.tile(0).locator(".photo").click()
    page.keyboard.press("2")
    expect(workspace.chips(0)).to_have_text("dog")
    read_in(page, before)
    expect(page.locator(".toast", has_text="Imported: 1 image labeled.")).to_be_visible()
    expect(workspace.chips(0)).to_have_text("cat")


def test_an_import_says_which_lines_it_did_not_use(workspace: Workspace) -> None:
    workspace.open(images=2)
    read_in(workspace.page, "name,labels\nnowhere.jpg,cat\n")
    problem = workspace.page.get_by_text("Line 2: there is no image named “nowhere.jpg”.")
    expect(problem).to_be_visible()


def test_a_file_that_is_no_csv_of_labels_is_refused_with_what_to_do(workspace: Workspace) -> None:
    workspace.open(images=1)
    read_in(workspace.page, "a,b\n1,2\n")
    expect(workspace.page.get_by_text("The first line must name the columns")).to_be_visible()


def test_a_download_of_the_filtered_images_holds_just_those(workspace: Workspace) -> None:
    workspace.open(images=4, labels=["cat"], labeled={"cat": [3]})
    workspace.page.goto(f"{workspace.url}?show=labeled")
    workspace._wait()
    rows = json.loads(download(workspace.page, "Labels as JSON", at=1))
    assert [label["label"] for row in rows for label in row["labels"]] == ["cat"]


def test_the_menu_offers_a_split_and_asks_how_many_percent(page: Page, seeder: Seeder) -> None:
    groups = [("cat", "cat")] * 5 + [("dog", "dog")] * 5
    made = seeder.ask("make_duplicates", groups=groups)
    page.route("**/images/*/thumbnail", draw)
    page.goto(f"/projects/{made['project']}/")
    page.click("#download")
    page.get_by_role("menuitem", name="train/validation split").click()
    field = page.get_by_label("Percent for validation")
    expect(field).to_have_value("20")
    field.fill("60")
    page.get_by_role("button", name="Download CSV").click()
    expect(field, "60 is no percentage it takes").to_be_visible()
    field.fill("40")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text()
    sides = [row["split"] for row in csv.DictReader(io.StringIO(text))]
    assert (sides.count("train"), sides.count("validation")) == (12, 8)
