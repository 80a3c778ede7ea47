"""The link of the start command, in a real browser."""

from playwright.sync_api import Page, expect

from .conftest import Server
from .workspace import Workspace


def test_the_link_leads_to_the_projects(page: Page, server: Server):
    assert page.url == f"{server.url}/"
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_an_old_link_says_where_the_right_one_is(page: Page):
    page.context.clear_cookies()
    page.goto("/enter/of-yesterday/")
    expect(page.get_by_role("alert")).to_contain_text("earlier start")


def test_after_signing_in_again_in_another_tab_this_one_goes_on(
    workspace: Workspace, server: Server
):
    w = workspace.open(images=2, labels=["cat"])
    w.tile(0).click()
    w.page.context.clear_cookies(name="labeling_session")
    w.page.keyboard.press("1")
    w.toast("Sign in again in another tab")
    other = w.page.context.new_page()
    other.goto(server.link)
    w.page.keyboard.press("1")
    expect(w.chips(0)).to_have_text(["cat"])
