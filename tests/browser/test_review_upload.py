"""Label by similarity of uploaded images, with the real encoder and worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.drawings import picture_bytes, write_pictures

from .test_uploads import LONG, Uploads
from .workspace import Workspace

KINDS = ("red circle", "blue square", "green triangle")


@pytest.fixture
def uploads(page: Page, workspace: Workspace) -> Uploads:
    workspace.open()
    return Uploads(page, workspace)


def test_uploaded_queries_join_the_dataset_only_when_they_are_added(
    uploads: Uploads, page: Page, tmp_path: Path
):
    labeled = write_pictures(tmp_path / "labeled", kinds=KINDS, each=4)
    uploads.choose("folder", labeled).get_by_label("Label by folder name").check()
    uploads.finish("Uploaded 12 files")
    queries = []
    for kind in KINDS:
        path = tmp_path / f"query {kind}.jpg"
        path.write_bytes(picture_bytes(kind, 77))
        queries.append(path)
    page.reload()
    uploads.wait_until_ready()
    page.locator("[data-similarity-menu]").click()
    page.locator('.menu [role="menuitem"]', has_text="Label by similarity").click()
    dialog = page.locator(".upload-dialog")
    expect(dialog).to_contain_text("only when you press Add to dataset")
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="files").first.click()
    chooser.value.set_files(queries)
    dialog.get_by_role("button", name="Start").click()
    expect(page.locator(".row")).to_have_count(3, timeout=LONG)
    for kind in KINDS:
        row = page.get_by_role("article", name=f"query {kind}.jpg")
        ticked = row.locator('.tick[aria-checked="true"] .text')
        expect(ticked).to_have_text(kind, timeout=LONG)
    review = page.url
    page.goto(f"{uploads.workspace.url}?show=unlabeled")
    expect(page.locator("#grid .tile")).to_have_count(0)
    page.goto(review)
    page.get_by_role("button", name="Add to dataset").click()
    expect(page.get_by_role("heading", name="3 added · 3 of 3 suggestions right")).to_be_visible()
    page.goto(uploads.workspace.url)
    expect(page.locator("#grid .tile")).to_have_count(15)
