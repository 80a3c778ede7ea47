"""What is read on a control is part of what a screen reader or a voice command calls it."""

import pytest
from playwright.sync_api import Page, expect

from .workspace import Workspace


def test_a_button_of_the_label_panel_is_called_by_its_key_too(workspace: Workspace):
    w = workspace.open(images=1, labels=["cat"])
    expect(w.label("cat").locator("[data-give]")).to_have_accessible_name(
        "1 Give cat to the selected images, or take it"
    )


@pytest.mark.parametrize("path", ["/projects/999999/", "/nowhere"])
def test_a_page_that_is_not_there_has_a_heading(page: Page, path: str):
    page.goto(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
