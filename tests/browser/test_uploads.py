"""Uploading in a real browser: one test for each promise."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Response, Route, expect

from tests.drawings import picture_bytes

from .workspace import Workspace

LONG = 60_000  # milliseconds: the worker starts, and other tests may use the same two cores


class Uploads:
    """A project's page, and what a person uploads to it."""

    def __init__(self, page: Page, workspace: Workspace) -> None:
        self.page = page
        # Real thumbnails, unlike in the grid's tests.
        page.unroute("**/images/*/thumbnail")
        page.unroute("**/images/*/large")
        self.workspace = workspace
        self.wait_until_ready()
        self.sent: list[Response] = []
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.request.method == "POST" and response.url.endswith("/files"):
            self.sent.append(response)

    def wait_until_ready(self) -> None:
        """upload.js puts its overlay into the page last; before that nobody hears the button."""
        expect(self.page.locator(".drop-overlay")).to_be_attached()

    def choose(self, kind: str, path: str | Path | list[Path]) -> Locator:
        """Choose in the browser's file dialog, and return our dialog."""
        self.page.set_input_files(f'[data-upload-input="{kind}"]', path)
        dialog = self.page.locator(".upload-dialog")
        expect(dialog).to_be_visible()
        return dialog

    def start(self) -> Locator:
        """Press Start and return the panel."""
        self.page.locator(".upload-dialog").get_by_role("button", name="Start").click()
        return self.page.locator(".upload-panel").last

    def finish(self, text: str) -> Locator:
        panel = self.start()
        expect(panel.locator("h2")).to_have_text(text, timeout=LONG)
        return panel

    def drop(self, *files: tuple[str, bytes]) -> None:
        """Drag files over the page and let go."""
        handle = self.page.evaluate_handle(
            """files => {
              const data = new DataTransfer();
              for (const [name, bytes] of files) {
                data.items.add(new File([new Uint8Array(bytes)], name));
              }
              return data;
            }""",
            [[name, list(content)] for name, content in files],
        )
        for event in ("dragenter", "dragover"):
            self.page.dispatch_event("#grid", event, {"dataTransfer": handle})
        expect(self.page.locator(".drop-overlay")).to_be_visible()
        self.page.dispatch_event("#grid", "drop", {"dataTransfer": handle})
        expect(self.page.locator(".drop-overlay")).to_be_hidden()


@pytest.fixture
def uploads(page: Page, workspace: Workspace) -> Uploads:
    workspace.open()
    return Uploads(page, workspace)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """photos/red/deep/{0,1,2}.jpg, photos/blue/{0,1,2}.jpg, and one at the top."""
    photos = tmp_path / "photos"
    for kind, place in (("red circle", "red/deep"), ("blue square", "blue")):
        (photos / place).mkdir(parents=True)
        for seed in range(3):
            (photos / place / f"{seed}.jpg").write_bytes(picture_bytes(kind, seed))
    (photos / "top.jpg").write_bytes(picture_bytes("black ring"))
    (photos / ".DS_Store").write_bytes(b"x")
    return photos


def test_a_folder_keeps_its_paths_and_labels_by_folder_name(uploads: Uploads, folder: Path):
    dialog = uploads.choose("folder", folder)
    expect(dialog).to_contain_text("7 files in 3 folders")
    dialog.get_by_label("Label by folder name").check()
    panel = uploads.finish("Uploaded 7 files")
    expect(panel).to_contain_text("7 added")
    expect(uploads.page.locator("#label-rows li")).to_have_count(3)
    names = uploads.page.locator("#label-rows li .name").all_inner_texts()
    assert sorted(names) == ["blue", "deep", "photos"]
    panel.get_by_role("button", name="7 added").click()
    expect(panel.locator(".results")).to_contain_text("photos/red/deep/0.jpg")


def test_the_grid_fills_and_the_strip_tells_how_far_the_reading_is(uploads: Uploads, folder: Path):
    uploads.choose("folder", folder)
    uploads.finish("Uploaded 7 files")
    strip = uploads.page.locator("#progress-strip")
    expect(uploads.page.locator("#grid .tile")).to_have_count(7, timeout=LONG)
    expect(uploads.page.locator("#grid .tile img")).to_have_count(7, timeout=LONG)
    expect(strip).to_be_hidden(timeout=LONG)


def test_a_zip_is_unpacked_and_its_bad_members_are_told(uploads: Uploads, tmp_path: Path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for seed in range(3):
            archive.writestr(f"set/red/{seed}.jpg", picture_bytes("red circle", seed))
        archive.writestr("set/notes.txt", "Hello")
        archive.writestr("__MACOSX/x", "")
    dialog = uploads.choose("zip", path)
    expect(dialog).to_contain_text("1 zip file")
    dialog.get_by_label("Label by folder name").check()
    panel = uploads.finish("Uploaded 4 files")
    expect(panel).to_contain_text("3 added")
    expect(panel.locator(".results")).to_contain_text("set/notes.txt")
    expect(panel.locator(".results")).to_contain_text("not an image")
    expect(uploads.page.locator("#label-rows li .name")).to_have_text(["red"])


def test_files_dropped_anywhere_are_offered_and_uploaded(uploads: Uploads):
    uploads.drop(("a.jpg", picture_bytes("red circle")), ("b.jpg", picture_bytes("blue square")))
    expect(uploads.page.locator(".upload-dialog")).to_contain_text("2 files")
    uploads.drop(("c.jpg", picture_bytes("black ring")))
    expect(uploads.page.locator(".upload-dialog")).to_contain_text("3 files")
    uploads.finish("Uploaded 3 files")


def test_dropped_folders_are_walked_to_the_end_however_many_files_they_hold(uploads: Uploads):
    """Browsers list a folder a hundred entries at a time; nothing can drop a real one in a test."""
    found = uploads.page.evaluate(
        """async () => {
          const { fromDrop } = await import("/static/js/upload-collect.js");
          const last = (path) => path.split("/").pop();
          const file = (path) => ({ isFile: true, name: last(path), fullPath: path,
            file: (done) => done(new File(["x"], last(path))) });
          const folder = (path, entries) => ({ isFile: false, name: last(path), fullPath: path,
            createReader: () => {
              const left = [...entries];
              return { readEntries: (done) => setTimeout(() => done(left.splice(0, 100))) };
            } });
          const many = Array.from({ length: 250 }, (_, n) => file(`/set/red/${n}.jpg`));
          const top = folder("/set", [
            folder("/set/red", many), file("/set/inner.zip"), file("/set/.DS_Store"),
            folder("/set/__MACOSX", [file("/set/__MACOSX/a.jpg")]),
          ]);
          const item = (entry) => ({ kind: "file", webkitGetAsEntry: () => entry });
          const { files, zips } = await fromDrop({ items: [item(top), item(file("/a.zip"))] });
          return { files: files.map(({ path }) => path), zips: zips.map(({ name }) => name) };
        }"""
    )
    assert found["zips"] == ["a.zip"]
    assert len(found["files"]) == 251
    assert {"set/red/0.jpg", "set/red/249.jpg", "set/inner.zip"} <= set(found["files"])


def test_duplicates_and_refused_files_are_listed_with_reasons(uploads: Uploads, tmp_path: Path):
    files = {
        "a.jpg": picture_bytes("red circle"),
        "same.jpg": picture_bytes("red circle"),
        "text.jpg": b"Hello",
        "<b>bold<b>.jpg": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    uploads.choose("files", [tmp_path / name for name in files])
    panel = uploads.finish("Uploaded 4 files")
    expect(panel.locator(".results li")).to_have_count(2)
    expect(panel.locator(".results")).to_contain_text("<b>bold<b>.jpg The file is empty.")
    panel.get_by_role("button", name="1 duplicate").click()
    expect(panel.locator(".results")).to_contain_text("in this upload as “a.jpg”")


def test_the_same_folder_again_sends_only_what_is_missing(uploads: Uploads, folder: Path):
    uploads.choose("folder", folder)
    uploads.finish("Uploaded 7 files")
    uploads.page.reload()
    uploads.wait_until_ready()
    (folder / "red" / "new.jpg").write_bytes(picture_bytes("green triangle"))
    uploads.sent.clear()
    uploads.choose("folder", folder)
    panel = uploads.finish("Uploaded 8 files")
    expect(panel).to_contain_text("1 added")
    panel.get_by_role("button", name="7 duplicates").click()
    expect(panel.locator(".results")).to_contain_text("You uploaded this file before.")
    assert [len(answer.json()["results"]) for answer in uploads.sent] == [1]


def test_labels_are_suggested_and_given_to_the_whole_upload(
    page: Page, workspace: Workspace, folder: Path
):
    workspace.open(labels=["cat", "dog"], multi_label=True)
    uploads = Uploads(page, workspace)
    dialog = uploads.choose("folder", folder)
    field = dialog.get_by_role("combobox")
    field.press_sequentially("ca")
    field.press("ArrowDown")
    field.press("Enter")
    field.press_sequentially("new one")
    expect(field).to_have_value("cat, new one")
    uploads.finish("Uploaded 7 files")
    expect(page.locator("#label-rows li")).to_have_count(3)
    expect(workspace.label("cat")).to_contain_text("7")


def test_in_a_single_label_project_a_second_label_is_refused_before_anything_is_sent(
    uploads: Uploads, folder: Path
):
    dialog = uploads.choose("folder", folder)
    dialog.get_by_role("combobox").fill("cat, dog")
    expect(dialog.get_by_role("alert")).to_contain_text("one label")
    expect(dialog.get_by_role("button", name="Start")).to_be_disabled()


def test_a_lost_connection_is_tried_again_and_then_waits_for_resume(
    uploads: Uploads, folder: Path, problems
):
    problems.forgive("Failed to fetch|net::")
    page = uploads.page
    page.clock.install()
    down = True

    def maybe(route: Route) -> None:
        if down:
            route.abort()
        else:
            route.continue_()

    page.route("**/files", maybe)
    uploads.choose("folder", folder)
    panel = uploads.start()
    for _ in range(8):
        page.clock.run_for(8_000)
        page.wait_for_timeout(100)
    expect(panel.locator("h2")).to_have_text("The upload waits")
    expect(panel).to_contain_text("cannot be reached")
    down = False
    panel.get_by_role("button", name="Resume").click()
    for _ in range(5):
        page.clock.run_for(1_000)
        page.wait_for_timeout(100)
    expect(panel.locator("h2")).to_have_text("Uploaded 7 files")


def test_an_upload_can_be_cancelled_and_what_arrived_stays(uploads: Uploads, folder: Path):
    uploads.page.route("**/files", lambda route: None)  # never answers
    uploads.choose("folder", folder)
    panel = uploads.start()
    expect(panel).to_contain_text("0 of 7")
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.locator("h2")).to_have_text("Cancelled after 0 files")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


def test_images_that_could_not_be_read_are_listed_retried_and_removed(
    uploads: Uploads, tmp_path: Path
):
    whole = picture_bytes("red circle")
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "shorter.jpg").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "good.jpg").write_bytes(whole)
    uploads.choose("files", sorted(tmp_path.iterdir()))
    uploads.finish("Uploaded 3 files")
    page = uploads.page
    page.get_by_role("button", name="2 could not be read — show").click(timeout=LONG)
    dialog = page.get_by_role("dialog", name="Images that could not be read")
    expect(dialog).to_contain_text("cut.jpg")
    expect(dialog).to_contain_text("cut off")
    dialog.get_by_role("button", name="Remove shorter.jpg").click()
    toast = page.locator(".toast", has_text="Removed 1 image")
    toast.get_by_role("button", name="Close this message").click()
    expect(dialog).not_to_contain_text("shorter.jpg")
    dialog.get_by_role("button", name="Retry", exact=True).click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="1 could not be read — show").click(timeout=LONG)
    dialog.get_by_role("button", name="Remove cut.jpg").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#grid .tile")).to_have_count(1)


def test_the_menu_offers_files_folder_and_zip_by_keyboard(uploads: Uploads):
    page = uploads.page
    # Listened for from the start: what opens before Playwright listens is lost.
    page.on("filechooser", lambda _: None)
    page.get_by_role("button", name=re.compile("a folder or a zip")).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem").nth(1)).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    assert chooser.value.element.get_attribute("data-upload-input") == "folder"


def test_an_upload_for_review_goes_to_the_review_and_not_to_the_dataset(
    page: Page, workspace: Workspace, folder: Path
):
    workspace.open(images=2, labels=["cat"], labeled={"cat": [0]})
    uploads = Uploads(page, workspace)
    page.get_by_role("button", name="Image similarity").click()
    workspace.menu("Label by similarity").first.click()
    dialog = page.locator(".upload-dialog")
    expect(dialog).to_contain_text("join the dataset only when")
    expect(dialog.get_by_role("combobox")).to_have_count(0)
    uploads.choose("folder", folder)
    expect(dialog).to_contain_text("7 files")
    uploads.start()
    page.wait_for_url(re.compile(r"/batches/\d+/"))
    expect(page.locator("article.row")).to_have_count(7, timeout=LONG)
    page.goto(workspace.url)
    expect(page.locator("#counts")).to_contain_text("2 images")
