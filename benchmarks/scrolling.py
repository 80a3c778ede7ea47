"""How a grid of 100,000 images scrolls in Chromium: longest task, nodes, and the jump to its end.

    python -m benchmarks.scrolling [--images 100000] [--seconds 30] [--folder DATA_FOLDER]

A project made by `benchmarks.generate`, the real server, and a real Chromium with a window of
1,400 x 900 pixels. Wheel events and Page Down come through the browser's own input, down and up,
slow and fast, from the start and from the end. What is measured: the longest task of the main
thread, from the browser's trace (what the page's own `longtask` observer saw is printed beside
it); nodes at every frame; and the images that went through the
window, since a scroll that loads nothing proves nothing.

The jump is a press of End until the last image's tile is in the window, against opening the list
anew from its start (a changed sort) until the first one's is; both take turns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import generate  # noqa: E402
from benchmarks.figures import say  # noqa: E402
from tests.browser.conftest import CHROMIUM_FLAGS, CHROMIUM_NAMES  # noqa: E402
from tests.running import Application  # noqa: E402

WINDOW = {"width": 1400, "height": 900}
GOAL_TASK_MS, GOAL_NODES = 100.0, 3000.0
JUMPS = 10
TASKS = ("RunTask", "ThreadControllerImpl::RunTask")
PAUSE_MS = 16
"""One wheel event a frame: what a mouse or a touchpad sends at most."""


@dataclass(frozen=True)
class Stretch:
    """A way to scroll: pixels a wheel event, or a key; from the end of the list or its start."""

    name: str
    pixels: int = 0
    key: str = ""
    share: float = 1.0
    begins: str = ""


STRETCHES = (
    Stretch("down, slow", 60),
    Stretch("down, fast", 400),
    Stretch("up, fast", -400),
    Stretch("down, very fast", 1600),
    Stretch("page down", key="PageDown"),
    Stretch("up from the end, slow", -60, begins="End"),
    Stretch("up from the end, fast", -400),
    Stretch("down to the end again", 400, share=0.5),
    Stretch("page up", key="PageUp"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], prog="python -m benchmarks.scrolling"
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--folder", type=Path, help="Of a project generated before; it is kept.")
    parser.add_argument("--trace", type=Path, help="Write the browser's trace here, as JSON.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = chosen.folder or Path(temporary) / "data"
        project = _project(folder, chosen.images, fresh=not chosen.folder)
        with opened(folder, project) as page:
            tell_jumps(page)
        with opened(folder, project) as page:
            tell_scrolling(page, chosen.seconds, chosen.trace)


def _project(folder: Path, images: int, *, fresh: bool) -> int:
    generate.set_up(folder)
    from projects.models import Project

    if fresh:
        return int(generate.generate(images).project.pk)
    found = Project.objects.order_by("pk").first()
    assert found
    return int(found.pk)


@contextmanager
def opened(folder: Path, project: int) -> Iterator[Page]:
    """The project's page in a Chromium of its own, from a server of its own."""
    application = Application(folder)
    try:
        link = application.wait_for_link(120)
        with sync_playwright() as playwright:
            path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
            if path is None:
                sys.exit("There is no Chromium: install the system's package `chromium`.")
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
            yield _page(browser, link, project)
            browser.close()
    finally:
        application.end()


def _page(browser: Browser, link: str, project: int) -> Page:
    page = browser.new_context(viewport=WINDOW).new_page()
    page.goto(link)
    page.goto(f"{link.partition('/enter/')[0]}/projects/{project}/")
    page.wait_for_selector("#grid[aria-busy=false]")
    page.evaluate("document.fonts.ready")
    page.locator("#grid").focus()
    return page


# --- the jump ------------------------------------------------------------------------------------


def tell_jumps(page: Page) -> None:
    ends, firsts = [], []
    total = page.evaluate("JSON.parse(document.querySelector('#main').dataset.counts).matching")
    page.evaluate(ARRIVED)
    for turn in range(JUMPS + 1):
        sort = ("-name", "name")[turn % 2]
        first = _timed(page, lambda sort=sort: _sort(page, sort), 1)
        page.locator("#grid").focus()
        end = _timed(page, lambda: page.keyboard.press("End"), total)
        if turn:  # the first of each warms up
            firsts.append(first)
            ends.append(end)
    median = statistics.median(ends)
    ratio = statistics.median(end / first for end, first in zip(ends, firsts, strict=True))
    say("jump_to_end_ms", median, "ms", note=f"End pressed, last of {total:,} seen; of {JUMPS}")
    say("jump_to_end_vs_first_page", ratio, at_most=1.25, note="first chunk of another sort")


def _sort(page: Page, sort: str) -> None:
    page.locator("#filter select[name=sort]").select_option(sort)


def _timed(page: Page, act: Callable[[], None], place: int) -> float:
    """Milliseconds from the event in the page until another tile of this place is in the window."""
    page.evaluate("window.arrived(0)")
    waiting = page.evaluate_handle("place => { window.coming = window.arrived(place) }", place)
    act()
    taken = page.evaluate("window.coming")
    waiting.dispose()
    return float(taken)


ARRIVED = """() => {
  let began = 0;
  for (const event of ['keydown', 'input']) {
    addEventListener(event, () => { began = performance.now(); }, { capture: true });
  }
  const at = (place) => document.querySelector(`.tile[aria-posinset="${place}"]`);
  const isSeen = (tile) => {
    const box = tile.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  };
  window.arrived = async (place) => {
    const old = at(place);
    for (;;) {
      await new Promise(requestAnimationFrame);
      const tile = at(place);
      if (place === 0 || (tile && tile !== old && isSeen(tile))) return performance.now() - began;
    }
  };
}"""

# --- scrolling -----------------------------------------------------------------------------------


def tell_scrolling(page: Page, seconds: float, trace: Path | None) -> None:
    page.evaluate(WATCH)
    browser_session = page.context.new_cdp_session(page)
    tracing = Trace(page)
    shares = sum(stretch.share for stretch in STRETCHES)
    tracing.start()
    for stretch in STRETCHES:
        scroll(page, browser_session, stretch, seconds * stretch.share / shares)
    events = tracing.end(trace)
    seen = page.evaluate("window.watched()")
    tasks = list(_tasks(events))
    for name, goal in (("ms", GOAL_TASK_MS), ("cpu_ms", None)):
        longest = sorted((getattr(task, name) for task in tasks), reverse=True)
        note = f"{len(tasks):,} tasks; the next {', '.join(f'{ms:.0f}' for ms in longest[1:6])}"
        say(f"scroll_longest_task_{name}", longest[0], "ms", at_most=goal, note=note)
    worst = max(seen["longtasks"], default=0)
    say("scroll_longtasks", len(seen["longtasks"]), note=f"of 50 ms and more; {worst:.0f} ms")
    say("scroll_nodes_most", seen["nodes"], at_most=GOAL_NODES, note=f"{seen['frames']} frames")
    say("scroll_images_passed", seen["images"], note=f"{seen['images'] / seconds:.0f} a second")
    say("scroll_blank_share", seen["blanks"], note="tiles in the window not there yet, of all")


def scroll(page: Page, session: CDPSession, stretch: Stretch, seconds: float) -> None:
    if stretch.begins:
        page.keyboard.press(stretch.begins)
        page.wait_for_timeout(500)
    end = time.monotonic() + seconds
    before = page.evaluate("window.watched().images")
    while time.monotonic() < end:
        if stretch.key:
            page.keyboard.press(stretch.key)
        else:
            wheel = {"type": "mouseWheel", "x": 800, "y": 500, "deltaX": 0}
            session.send("Input.dispatchMouseEvent", wheel | {"deltaY": stretch.pixels})
        page.wait_for_timeout(PAUSE_MS)
    passed = page.evaluate("window.watched().images") - before
    print(f"  {stretch.name}: {passed / seconds:,.0f} images a second", flush=True)


WATCH = """() => {
  const seen = { nodes: 0, frames: 0, images: 0, longtasks: [], blank: 0, all: 0 };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) seen.longtasks.push(entry.duration);
  }).observe({ type: 'longtask' });
  const scroller = document.querySelector('#images');
  let window_ = new Set();
  const look = () => {
    seen.frames += 1;
    seen.nodes = Math.max(seen.nodes, document.querySelectorAll('*').length);
    const box = scroller.getBoundingClientRect();
    const now = new Set();
    for (const tile of document.querySelectorAll('#grid .tile, #grid .blank')) {
      const { top, bottom } = tile.getBoundingClientRect();
      if (bottom <= box.top || top >= box.bottom) continue;
      seen.all += 1;
      if (!tile.dataset.id) seen.blank += 1;
      else now.add(tile.dataset.id);
    }
    for (const id of now) if (!window_.has(id)) seen.images += 1;
    window_ = now;
    requestAnimationFrame(look);
  };
  look();
  window.watched = () => ({ ...seen, blanks: seen.blank / seen.all });
}"""


class Trace:
    """What the browser's main thread does, from its own trace."""

    def __init__(self, page: Page) -> None:
        browser = page.context.browser
        assert browser
        self._browser = browser
        self._page = page

    def start(self) -> None:
        categories = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
        self._browser.start_tracing(page=self._page, categories=categories)

    def end(self, path: Path | None) -> list[dict[str, Any]]:
        content = self._browser.stop_tracing()
        if path:
            path.write_bytes(content)
        found: list[dict[str, Any]] = json.loads(content)["traceEvents"]
        return found


class Task(NamedTuple):
    """Milliseconds of one task by the clock, and those that the processor worked for it."""

    ms: float
    cpu_ms: float


def _tasks(events: list[dict[str, Any]]) -> list[Task]:
    """Return the tasks of the page's main thread: of the busiest one, Chromium has others too."""
    main = {
        (each["pid"], each["tid"])
        for each in events
        if each.get("name") == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    tasks = defaultdict(list)
    for each in events:
        thread = each.get("pid"), each.get("tid")
        if each.get("name") in TASKS and thread in main and "dur" in each:
            tasks[thread].append(Task(each["dur"] / 1000, each.get("tdur", 0) / 1000))
    return max(tasks.values(), key=lambda of: sum(task.ms for task in of))


if __name__ == "__main__":
    main()
