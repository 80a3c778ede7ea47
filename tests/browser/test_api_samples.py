"""Code for scripts: JavaScript on pages of other origins, and the page that shows all samples."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ..api.samples import FORMS, filled
from ..live import PHOTO, Live, Web
from .conftest import Problems

PAGE = """<!doctype html><meta charset="utf-8"><title>Somebody's page</title>
<input type="file" id="image"><pre id="answer"></pre>
<script src="{script}"></script>"""


@pytest.fixture
def reader(browser: Browser, live: Live, problems: Problems) -> Iterator[Page]:
    """A browser that is signed in to the live application."""
    context = browser.new_context(base_url=live.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live.url)
    page = context.new_page()
    problems.watch(page)
    page.goto(live.application.wait_for_link())
    yield page
    context.close()
    assert problems.left() == []


def answer_on(page: Page, form: str, folder: Path) -> object:
    """Do what the sample waits for, and return the answer it shows."""
    if form in {"octet-stream", "base64-text"}:
        (folder / "chosen.jpg").write_bytes(PHOTO)
        page.locator("#image").set_input_files(folder / "chosen.jpg")
    expect(page.locator("#answer")).to_contain_text("red circle", timeout=30_000)
    return json.loads(page.locator("#answer").inner_text())


@pytest.mark.parametrize("origin", ["another", "null"])
@pytest.mark.parametrize("form", FORMS)
def test_javascript(
    form: str, origin: str, browser: Browser, live: Live, web: Web, tmp_path: Path
) -> None:
    folder = web.folder if origin == "another" else tmp_path
    (folder / f"{form}.js").write_text(filled(form, "js", live, web))
    (folder / f"{form}.html").write_text(PAGE.format(script=f"{form}.js"))
    address = f"{web.url}/{form}.html" if origin == "another" else f"file://{folder}/{form}.html"
    page = browser.new_page()
    page.goto(address)
    body = {"imageName": "photo.jpg"}
    expected = live.ask("POST", f"/api/similarity-labels?project={live.project}", json=body)
    assert answer_on(page, form, tmp_path) == expected
    page.close()


def test_a_bad_token_is_shown_as_a_sentence(browser: Browser, live: Live, web: Web) -> None:
    (web.folder / "bad.js").write_text(filled("image-name", "js", live, web, token="wrong"))
    (web.folder / "bad.html").write_text(PAGE.format(script="bad.js"))
    page = browser.new_page()
    page.goto(f"{web.url}/bad.html")
    expect(page.locator("#answer")).to_contain_text("The token in X-Auth-token is not valid")
    page.close()


def open_samples(page: Page, live: Live, address: str = "") -> None:
    page.goto(f"/projects/{live.project}/api{address}")


def test_what_is_copied_with_the_token_runs(reader: Page, live: Live, tmp_path: Path) -> None:
    open_samples(reader, live)
    reader.get_by_role("textbox", name="Your token").fill(live.token)
    reader.get_by_role("tab", name="Python").click()
    reader.get_by_label("In the project").check()
    reader.get_by_role("button", name="Copy").click()
    expect(reader.locator(".toast")).to_contain_text("Copied.")
    code = reader.evaluate("navigator.clipboard.readText()")
    (tmp_path / "copied.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "copied.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.startswith("red circle "), done.stderr
    assert live.token not in reader.url


def test_the_token_is_forgotten_and_what_is_none_is_not_put_in(reader: Page, live: Live) -> None:
    open_samples(reader, live)
    token = reader.get_by_role("textbox", name="Your token")
    token.fill('x"; rm -rf ~; "')
    expect(reader.locator("#token-problem")).to_contain_text("letters, digits")
    assert "rm -rf" not in reader.locator("pre:visible").first.inner_text()
    token.fill(live.token)
    expect(reader.locator("#token-problem")).to_be_empty()
    expect(reader.locator("pre:visible").first).to_contain_text(live.token)
    reader.reload()
    expect(token).to_have_value("")
    kept = reader.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert live.token not in kept


def test_languages_are_chosen_by_arrow_keys_and_the_address_keeps_them(
    reader: Page, live: Live
) -> None:
    open_samples(reader, live)
    reader.get_by_role("tab", name="curl").focus()
    reader.keyboard.press("ArrowLeft")
    expect(reader.get_by_role("tab", name="C#")).to_be_focused()
    reader.keyboard.press("ArrowLeft")
    reader.get_by_label("On the web").check()
    assert reader.url.endswith("#java/url")
    reader.reload()
    expect(reader.get_by_role("tab", name="Java", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    expect(reader.locator("pre[data-form]:visible")).to_have_count(1)
    expect(reader.locator("pre[data-form]:visible")).to_contain_text("public class Url")


@pytest.mark.parametrize("width", [400, 800])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_narrow_windows_in_both_themes(
    reader: Page, live: Live, width: int, theme: str
) -> None:
    reader.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    reader.set_viewport_size({"width": width, "height": 900})
    for language in ("sh", "py", "js", "java", "cs"):
        open_samples(reader, live, f"#{language}/base64-text")
        assert reader.evaluate("document.documentElement.scrollWidth") <= width
    background = reader.evaluate(
        "getComputedStyle(document.querySelector('.code')).backgroundColor"
    )
    bright = sum(map(int, background.removeprefix("rgb(").removesuffix(")").split(","))) > 380
    assert bright == (theme == "light")


def test_the_project_leads_there(reader: Page, live: Live) -> None:
    reader.set_viewport_size({"width": 800, "height": 900})
    reader.goto(f"/projects/{live.project}/")
    reader.get_by_role("link", name="REST API for scripts").click()
    expect(reader.get_by_role("heading", level=1)).to_have_text("REST API")
