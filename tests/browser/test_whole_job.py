"""The whole job as a person does it: from a folder of pictures to a CSV, with the real worker."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.drawings import KINDS, picture_bytes

LONG = 60_000  # milliseconds: other tests may use the same two cores

BY_HAND = 2
EACH = 6


def write_folder(folder: Path) -> dict[str, str]:
    """Write `EACH` pictures of every kind; return the kind of each file."""
    truth = {}
    for kind in KINDS:
        place = folder / "shelf" / kind
        place.mkdir(parents=True)
        for seed in range(EACH):
            name = f"{kind.replace(' ', '-')}-{seed}.jpg"
            (place / name).write_bytes(picture_bytes(kind, seed))
            truth[name] = kind
    return truth


def upload(page: Page, folder: Path, images: int) -> None:
    expect(page.locator(".drop-overlay")).to_be_attached()
    page.set_input_files('[data-upload-input="folder"]', folder)
    page.locator(".upload-dialog").get_by_role("button", name="Start").click()
    expect(page.locator(".upload-panel h2")).to_have_text(f"Uploaded {images} files", timeout=LONG)
    page.wait_for_function(
        """async images => {
            const answer = await fetch("progress", {headers: {Accept: "application/json"}});
            return (await answer.json()).embedded === images;
        }""",
        arg=images,
        timeout=LONG,
    )


def label_by_hand(page: Page) -> None:
    for number, kind in enumerate(KINDS, start=1):
        page.locator("#add-label input").fill(kind)
        page.keyboard.press("Enter")
        expect(page.locator(".label-row")).to_have_count(number)
        page.get_by_placeholder("Name contains").fill(kind.replace(" ", "-"))
        tiles = page.locator(".tile", has_text=kind.replace(" ", "-"))
        expect(tiles).to_have_count(EACH)
        tiles.nth(0).locator(".photo").click()
        tiles.nth(BY_HAND - 1).locator(".photo").click(modifiers=["Shift"])
        page.keyboard.press(str(number))
        expect(page.locator(".tile .chip", has_text=kind)).to_have_count(BY_HAND)


def test_from_a_folder_of_pictures_to_a_csv_of_labels(page: Page, tmp_path: Path) -> None:
    truth = write_folder(tmp_path)
    page.goto("/projects/new")
    page.get_by_label("Name").fill("Whole job")
    page.get_by_role("button", name="Create project").click()
    expect(page).to_have_url(re.compile(r"/projects/\d+/$"))
    address = page.url
    upload(page, tmp_path / "shelf", len(truth))
    page.goto(address)
    label_by_hand(page)

    page.goto(address)
    page.locator("[data-similarity-menu]").click()
    page.get_by_role("menuitem", name="Next batch").click()
    page.get_by_role("button", name="Next batch").click()
    rows = page.locator("article.row:not(.unread)")
    expect(rows).to_have_count(len(truth) - BY_HAND * len(KINDS))
    for at in range(rows.count()):
        correct(page, rows.nth(at).get_attribute("data-item"), truth)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".headline h1")).to_contain_text("24 added")
    expect(page.get_by_text("Every image of this project has a label.")).to_be_visible()

    page.goto(address)
    page.locator("#download").click()
    with page.expect_download() as waiting:
        page.get_by_role("menuitem", name="Labels as CSV").first.click()
    rows_of_csv = csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text()))
    assert {row["name"]: row["labels"] for row in rows_of_csv} == truth


def correct(page: Page, item: str | None, truth: dict[str, str]) -> None:
    """Tick the true label of a row where the suggestion is not it."""
    row = page.locator(f"#row-{item}")
    kind = truth[row.get_attribute("aria-label") or ""]
    tick = row.locator(".tick", has_text=kind)
    if not tick.count():
        row.get_by_role("button", name="label").click()
        page.keyboard.type(kind)
        page.keyboard.press("Enter")
    elif tick.get_attribute("aria-checked") == "false":
        tick.click()
    expect(tick).to_have_attribute("aria-checked", "true")
