"""How much memory a web process holds with a project of 100,000 images open.

    python -m benchmarks.web_memory [--images 100000] [--labeled 90000]

The real application, started as a person starts it: the grid is opened, a review of 100 rows, its
slider is moved, similar images are asked for, and another review is opened when the graph that the
worker grew meanwhile is loaded. Told are, of the process that answered, what is
its own (`web_private_mb`: RssAnon and RssShmem) and what it maps from files and shares with every
other process and with the system's cache (`web_mapped_mb`: RssFile, of which 25 MB are libraries;
the rest is the collection, which the system takes back when it needs the memory), and the sum.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks import made
from benchmarks.figures import say
from benchmarks.slider import Page
from benchmarks.visitor import Visitor, visiting

AT_MOST_MB = 300.0
GROWING = 300.0
"""Seconds that a worker may take for a graph; 35 at 100,000 on an idle machine."""
LOADING = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--labeled", type=int, default=90_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as data:
        made.set_up(Path(data))
        project = made.project("Large", chosen.images, labeled=chosen.labeled)
        with visiting(Path(data)) as visitor:
            measure(visitor, project)


def wait_for_graph(project) -> None:
    """Wait until the worker has grown the graph of the labeled images, where it is to have one."""
    from projects.services import graphs

    deadline = time.monotonic() + GROWING
    while project.pk in graphs.behind() and time.monotonic() < deadline:
        time.sleep(1)


def measure(visitor: Visitor, project) -> None:
    wait_for_graph(project)
    told(visitor, "web_start", "nothing opened")
    visitor.get(f"/projects/{project.pk}")
    told(visitor, "web_grid", "the grid opened", at_most=AT_MOST_MB)
    page = Page(visitor, project)
    page.read_all()
    told(visitor, "web_review", "and a review of 100 rows")
    for threshold in range(20, 40):
        page.move(threshold=threshold)
    image = project.images.unlabeled().last()
    visitor.get(f"/projects/{project.pk}/similar?images={image.pk}")
    # A thread loads the graph once it was asked for; the next review searches through it.
    time.sleep(LOADING)
    Page(visitor, project).read_all()
    everything = told(visitor, "web", "grid, reviews, moved slider, similar images, graph")
    own = everything["RssAnon"] + everything["RssShmem"]
    say("web_private_mb", own, "MB", at_most=AT_MOST_MB, note="what is the process's own")
    say("web_peak_mb", everything["VmHWM"], "MB", note="the most it ever was")
    say("web_mapped_mb", everything["RssFile"], "MB", note="files it shares with others")


def told(
    visitor: Visitor, name: str, note: str, *, at_most: float | None = None
) -> dict[str, float]:
    memory = visitor.memory()
    if name == "web":
        at_most = AT_MOST_MB
    own = memory["RssAnon"] + memory["RssShmem"]
    said = f"{note}: {own:.0f} MB its own, {memory['RssFile']:.0f} MB mapped"
    say(f"{name}_memory_mb", memory["VmRSS"], "MB", at_most=at_most, note=said)
    print(f"  {said}")
    return memory


if __name__ == "__main__":
    main()
