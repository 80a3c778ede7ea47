"""The page of all calls of the API: from local files, under the strict policy, with a token."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect


def test_a_token_from_the_profile_makes_a_call_from_the_page_of_all_calls(page: Page):
    page.goto("/profile")
    page.get_by_label("What it is for").fill("trying out")
    page.get_by_role("button", name="Create token").click()
    token = page.get_by_label("Token", exact=True).input_value()
    page.get_by_role("link", name="All calls, to try out").click()
    expect(page.get_by_text("/api/similarity-labels", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-api-key", exact=False).or_(page.locator("input[type=text]")).first.fill(
        token
    )
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").click()
    page.locator("#operations-Projects-projects_list").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    answer = page.locator("#operations-Projects-projects_list .live-responses-table")
    expect(answer.locator(".response-col_status").last).to_have_text(re.compile("200"))


def test_nothing_of_the_page_comes_from_elsewhere(page: Page):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    own = page.evaluate("location.origin")
    assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []
