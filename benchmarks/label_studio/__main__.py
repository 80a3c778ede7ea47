"""Side by side with Label Studio: what each takes for the same work, in one run.

    python -m benchmarks.label_studio [--photos 2000] [--source FOLDER] [--venv FOLDER]

Both are started by the command their documentation gives (`label-studio start`, `manage.py start`),
each with SQLite in a new data folder, bound to this machine. Label Studio is installed from PyPI
into a virtual environment of its own, which is kept for the next run; its error reports, telemetry
and look for updates are switched off. Both get the same JPEGs of 500 pixels over one kept
connection, from this one process. Ratios are Label Studio's seconds over ours: above 1, ours is
faster.

What is asked of each, and why that is fair:

- Import. Label Studio: its documented way for files, `POST /api/projects/{id}/import`, 100 files a
  request, which is its default limit; 25 a request took 25 ms a file, 50 took 16 and 100 took 19,
  within the noise of each other. Ours: `POST /api/v1/projects/{id}/uploads`, 100 files a request.
  The clock runs until each says that it has all images. Ours goes on to make thumbnails and
  embeddings, and does so during the import, on the same two cores; Label Studio makes neither, so
  the time until ours is through with that is a figure of its own, without a goal.
- Pages. Label Studio's page was watched in a browser: opened for the first time, it makes a tab
  with most columns hidden and asks `GET /api/tasks?page=1&page_size=30&view=...&project=...`. That
  one request is timed here, with that tab, but in the size of our grid's pages, 240, so that both
  show as many images; what it takes in its own size is in the note. Its other requests (project,
  columns, views, users, version) are left out. Ours is the request of the grid, `tiles`, which
  answers with finished HTML where Label Studio's is JSON that the browser still renders. The page
  at the end is the last one of both; the grid's cursor for it is looked up beforehand.
- Labels. Label Studio's page submits one annotation at a time, `POST /api/tasks/{id}/annotations/`,
  and then loads the next task, which is left out. For tasks that it has, its community edition has
  one bulk way: `POST /api/projects/{id}/import/predictions`, then the data manager's action
  `predictions_to_annotations`; both requests are counted. ("Propagate annotations" is experimental
  and off by default.) Ours is the grid's own request, which also answers with the page's new counts
  and tiles, and can be undone. One by one is 100 requests in both.

Pages and labels are repeated in turns, ours and theirs, who is first changing each time; medians.
Every block of labeled images is new to both, and what each says it has labeled is compared at the
end. Where Label Studio cannot be installed or started, says why and ends with exit code 3.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.label_studio.figures import say_imports, say_labels, say_pages
from benchmarks.label_studio.ours import Ours
from benchmarks.label_studio.peer import TOKEN, VERSION, LabelStudio, NoPeer, install
from benchmarks.label_studio.photos import write_photos
from benchmarks.label_studio.theirs import Theirs
from tests.running import ROOT, Application

EXIT_WITHOUT_PEER = 3


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.label_studio",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=int, default=2000, help="so many (default 2000)")
    parser.add_argument("--source", type=Path, default=real_photos(), help="folder of photos")
    parser.add_argument("--venv", type=Path, default=ROOT / "var" / "label-studio")
    parser.add_argument("--imports", type=int, default=1, help="of all photos (default 1)")
    parser.add_argument("--rounds", type=int, default=15, help="of each page (default 15)")
    parser.add_argument("--labeled", type=int, default=100, help="images labeled at a time")
    parser.add_argument("--label-rounds", type=int, default=3, help="of labeling (default 3)")
    chosen = parser.parse_args(given)
    if chosen.source and not chosen.source.is_dir():
        parser.error(f"there is no folder {chosen.source}")
    if min(chosen.photos, chosen.imports, chosen.rounds, chosen.labeled, chosen.label_rounds) < 1:
        parser.error("every number must be at least 1")
    if 2 * (chosen.label_rounds + 1) * chosen.labeled > chosen.photos:
        parser.error("too few photos: each round of labeling needs images of its own")
    return chosen


def real_photos() -> Path | None:
    """The folder of real photos beside the checkout, as the tests find it; else drawn ones do."""
    folder = Path(os.environ.get("LABELING_SHARED_DATA") or ROOT.parent / "shared" / "data")
    return folder / "clothing" if (folder / "clothing").is_dir() else None


def main() -> None:
    chosen = arguments()
    try:
        program = install(chosen.venv.absolute())
        with tempfile.TemporaryDirectory(prefix="side-by-side-") as data:
            measure(chosen, program, Path(data))
    except NoPeer as problem:
        print(f"Label Studio {VERSION} cannot be measured: {problem}", file=sys.stderr)
        sys.exit(EXIT_WITHOUT_PEER)


def measure(chosen: argparse.Namespace, program: Path, data: Path) -> None:
    photos = write_photos(data / "photos", chosen.photos, chosen.source)
    with their_server(program, data / "theirs") as url, our_server(data / "ours") as link:
        ours, theirs = Ours(link), Theirs(url, TOKEN)
        say_imports(ours, theirs, photos, rounds=chosen.imports)
        say_pages(ours, theirs, len(photos), rounds=chosen.rounds)
        say_labels(ours, theirs, len(photos), size=chosen.labeled, rounds=chosen.label_rounds)


@contextmanager
def their_server(program: Path, data: Path) -> Iterator[str]:
    """Give the address of a Label Studio that answers."""
    peer = LabelStudio(program, data)
    try:
        peer.wait()
        yield peer.url
    finally:
        peer.end()


@contextmanager
def our_server(data: Path) -> Iterator[str]:
    """Give the link that signs in to our application."""
    application = Application(data)
    try:
        yield application.wait_for_link()
    finally:
        application.end()


if __name__ == "__main__":
    main()
