"""Changing a project's encoder in a real browser, with the real worker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from similarity.encoders.torchvision_ops import declare_missing_operators
from tests.drawings import picture_bytes

from .workspace import Workspace

LONG = 120_000
"""Milliseconds in which the worker imports torch and loads a model while other tests run."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the smallest model that open_clip knows: random, half as precise for half the
    size."""
    declare_missing_operators()
    import open_clip
    import torch

    torch.manual_seed(0)
    state = open_clip.create_model("ViT-S-32").state_dict()
    path = tmp_path_factory.mktemp("weights") / "vit-s-32.pt"
    torch.save({name: tensor.half() for name, tensor in state.items()}, path)
    return path


def make_project(page: Page, folder: Path) -> str:
    """Upload six pictures into a new project; return its address."""
    for seed in range(6):
        (folder / f"{seed}.jpg").write_bytes(picture_bytes("red circle", 500 + seed))
    page.goto("/projects/new")
    page.get_by_label("Name").fill("Better encoder")
    page.get_by_role("button", name="Create project").click()
    expect(page).to_have_url(re.compile(r"/projects/\d+/$"))
    address = page.url
    expect(page.locator(".drop-overlay")).to_be_attached()
    page.set_input_files('[data-upload-input="folder"]', folder)
    page.locator(".upload-dialog").get_by_role("button", name="Start").click()
    expect(page.locator(".upload-panel h2")).to_have_text("Uploaded 6 files", timeout=LONG)
    page.wait_for_function(
        """async () => {
            const answer = await fetch("progress", {headers: {Accept: "application/json"}});
            return (await answer.json()).embedded === 6;
        }""",
        timeout=LONG,
    )
    return address


def test_the_encoder_is_changed_on_the_settings_page_and_changed_back(
    page: Page, weights: Path, tmp_path: Path
) -> None:
    address = make_project(page, tmp_path)
    page.goto(f"{address}settings")
    section = page.locator("#encoder")
    expect(section).to_contain_text("This project uses efficientnet-lite0-int8")
    name = f"open_clip:ViT-S-32/{weights}"
    page.get_by_label("Model and weights").fill(name)
    expect(page.get_by_role("radio", name="An open_clip model")).to_be_checked()
    page.get_by_label("Model and weights").press("Enter")

    expect(section.get_by_role("button", name="Cancel re-embedding")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Typed meanwhile")
    expect(section).to_contain_text(f"This project uses {name}", timeout=LONG)
    expect(section.locator("li")).to_contain_text("changed, 6 images")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Typed meanwhile")

    section.locator("input[value='efficientnet-lite0-int8']").check()
    section.get_by_role("button", name="Change encoder").click()
    expect(section).to_contain_text("This project uses efficientnet-lite0-int8", timeout=LONG)
    expect(section.locator("li")).to_have_count(2)


def test_an_encoder_that_cannot_be_loaded_is_said_and_changes_nothing(
    page: Page, workspace: Workspace
) -> None:
    workspace.open(images=3, encoder="efficientnet-lite0", encoder_version="1")
    page.goto(f"{workspace.url}settings")
    page.get_by_label("Model and weights").fill("open_clip:ViT-S-32/no/such/file.pt")
    page.get_by_role("button", name="Change encoder").click()
    said = page.locator("#encoder .banner", has_text="nor an existing file")
    expect(said).to_be_visible(timeout=LONG)
    expect(page.locator("#encoder")).to_contain_text("This project uses efficientnet-lite0")


def test_a_running_one_is_a_strip_on_the_projects_page_and_is_cancelled_in_the_settings(
    page: Page, workspace: Workspace
) -> None:
    workspace.open(images=10, encoder="efficientnet-lite0", encoder_version="1")
    strip = page.locator("#reembedding-strip")
    expect(strip).to_be_hidden()
    name = "open_clip:ViT-B-32/openai"
    knobs = {"project": workspace.made["project"], "encoder": name, "done": 4}
    workspace.seeder.ask("start_reembedding", **knobs)
    workspace.reload()
    expect(strip).to_contain_text(f"Re-embedding with {name}: 4 of 10")
    expect(strip.locator("progress")).to_have_attribute("max", "10")
    strip.get_by_role("link", name="Settings").click()
    section = page.locator("#encoder")
    expect(section).to_contain_text(f"Re-embedding with {name}: 4 of 10")
    section.get_by_role("button", name="Cancel re-embedding").click()
    expect(section).to_contain_text("cancelled at 4 images")
    expect(section.get_by_label(name)).to_be_visible()
