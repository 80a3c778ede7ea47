"""How fast a project of a million images is browsed, over HTTP, as its pages ask.

    python -m benchmarks.browsing [--images 1000000] [--requests 60] [--folder DATA_FOLDER]

A project made by `benchmarks.generate`, the real server, one client: what one person waits for.
Each figure is over at least `--requests` warm requests (one of each kind came before, unmeasured);
the kinds of a figure take turns. Places in the list are random. A filter's count is asked as pages
ask for it, in the state of the page, so it is never less than that.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import random
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import generate  # noqa: E402
from benchmarks.figures import say  # noqa: E402
from tests.running import Application  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL_MS = 150.0
SELECTED = 10_000
SORTS = ("name", "-name", "time", "-time", "label")
COOKIE = re.compile(r"(\w+)=([^;]*)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], prog="python -m benchmarks.browsing"
    )
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="Of a project generated before; it is kept.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = chosen.folder or Path(temporary) / "data"
        generate.set_up(folder)
        project = _project(chosen.images, fresh=not chosen.folder)
        with serving(folder) as client:
            measure(Browsing(client, project), chosen.requests)


def _project(images: int, *, fresh: bool) -> Any:
    from projects.models import Project

    return generate.generate(images).project if fresh else Project.objects.order_by("pk").first()


@contextmanager
def serving(folder: Path) -> Iterator[Client]:
    """The application as a person starts it, and a client that is signed in."""
    application = Application(folder)
    try:
        yield Client(application.wait_for_link(120))
    finally:
        application.end()


class Client:
    """One browser, as far as the server sees: one connection, kept open, and its cookies."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self.connection = http.client.HTTPConnection(parts.netloc, timeout=300)
        self.cookies: dict[str, str] = {}
        self.send("GET", parts.path, expect=302)

    def send(self, method: str, path: str, body: Any = None, *, expect: int = 200) -> bytes:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers["Accept"] = "application/json" if "?" in path or body is not None else "text/html"
        if method == "POST":
            headers["X-CSRFToken"] = self.cookies.get("labeling_csrf", "")
        data = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, data, headers | {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, value = COOKIE.match(line).groups()  # type: ignore[union-attr]
            self.cookies[name] = value
        if answer.status != expect:
            sys.exit(f"{method} {path} answered {answer.status}: {content[:500].decode()}")
        return content


class Browsing:
    """A generated project, its filters, and what its pages ask for."""

    def __init__(self, client: Client, project: Any) -> None:
        self.client = client
        self.project = project
        self.url = f"/projects/{project.pk}"
        self.rng = random.Random(3)
        labels = list(project.labels.order_by("position").values_list("pk", flat=True))
        self.filters = filters(labels)
        self.combined = combined(labels)
        self.client.send("GET", f"{self.url}/")

    def first_page(self, sort: str) -> None:
        self.client.send("GET", f"{self.url}/?sort={sort}")

    def tiles(self, query: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.client.send("GET", f"{self.url}/tiles?{query}"))
        return answer

    def state(self, query: str = "", labels_shown: str = "") -> dict[str, Any]:
        path = f"{self.url}/state?{query}&labels_shown={labels_shown}"
        answer: dict[str, Any] = json.loads(self.client.send("GET", path))
        return answer

    def act(self, path: str, body: Any) -> float:
        """Return the seconds of one act, which must have done something."""
        start = time.perf_counter()
        answer = json.loads(self.client.send("POST", f"{self.url}/{path}", body))
        taken = time.perf_counter() - start
        assert answer["act"], answer["message"]
        return taken

    def places(self, sort: str, number: int = 40) -> list[str]:
        """Return cursors as the server gives them, of images anywhere in the list."""
        from projects.models import Image
        from projects.services.selection import cursor_of

        ids = Image.objects.filter(project=self.project).order_by("pk")
        first, last = ids[:1].get().pk, ids.reverse()[:1].get().pk
        chosen = (self.rng.randint(first, last) for _ in range(number))
        return [cursor_of(Image.objects.get(pk=pk), sort) for pk in chosen]


def filters(labels: Sequence[int]) -> dict[str, str]:
    """Every field of the grid's filter by itself, with values that match much, little, nothing."""
    big, middle, small = labels[0], labels[len(labels) // 6], labels[-1]
    some = "&".join(f"label={pk}" for pk in labels[:3])
    return {
        "unlabeled": "show=unlabeled",
        "labeled": "show=labeled",
        "failed": "show=failed",
        "pending": "show=pending",
        "a big label": f"label={big}",
        "a middle label": f"label={middle}",
        "a small label": f"label={small}",
        "any of three": some,
        "all of two": f"label={labels[0]}&label={labels[1]}&match=all",
        "none of three": f"{some}&match=none",
        "a label by hand": f"label={big}&source=hand",
        "by hand": "source=hand",
        "suggested": "source=suggestion",
        "over the API": "source=api",
        "a common name": "name=IMG",
        "a rare name": "name=00042",
        "no such name": "name=nothing",
        "a year": "since=2024-01-01&until=2024-12-31",
        "a month": "since=2024-05-01&until=2024-05-31",
    }


def combined(labels: Sequence[int]) -> dict[str, str]:
    """Fields together, where no kept number helps."""
    return {
        "a big label, failed": f"label={labels[0]}&show=failed",
        "a big label by name": f"label={labels[0]}&name=0042",
        "unlabeled by name": "show=unlabeled&name=0042",
        "by hand in a month": "source=hand&since=2024-05-01&until=2024-05-31",
        "none of two, labeled": f"label={labels[0]}&label={labels[1]}&match=none&show=labeled",
    }


Taken = dict[str, list[float]]
"""Milliseconds by kind."""


def timed(kinds: dict[str, Callable[[], object]], requests: int) -> Taken:
    """Ask for every kind once, then for all in turns until there are enough."""
    taken: Taken = defaultdict(list)
    for round_number in range(1 + math.ceil(requests / len(kinds))):
        for name, ask in kinds.items():
            start = time.perf_counter()
            ask()
            if round_number:
                taken[name].append(1000 * (time.perf_counter() - start))
    return taken


def p95(values: Iterable[float]) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]


def everything(taken: Taken) -> list[float]:
    return [value for values in taken.values() for value in values]


def tell(name: str, taken: Taken, *, goal: float | None = GOAL_MS) -> float:
    """Say the 95th percentile over all kinds, and which kind was slowest."""
    slowest = max(taken, key=lambda kind: sorted(taken[kind])[len(taken[kind]) // 2])
    median = sorted(taken[slowest])[len(taken[slowest]) // 2]
    note = f"slowest: {slowest}, median {median:.0f} ms"
    print(f"# {name}: {note}", flush=True)
    value = p95(everything(taken))
    say(name, value, "ms", at_most=goal, note=note)
    return value


def measure(browsing: Browsing, requests: int) -> None:
    b = browsing
    b.project.refresh_from_db()
    shown = b.state()["label_list_version"]
    # The label list comes along as after an act of another person on it, else it is the page's.
    tell("workspace_state_p95_ms", timed({"poll": lambda: b.state("", shown)}, requests))
    tell("label_count_p95_ms", timed({"all labels": lambda: b.state()}, requests))
    first = timed({f"by {sort}": lambda s=sort: b.first_page(s) for sort in SORTS}, requests)
    tell("grid_first_page_p95_ms", first)
    places = every_place(b)
    tell("grid_page_p95_ms", timed(places, max(requests, 3 * len(places))))
    ends = {f"by {sort}": lambda s=sort: b.tiles(f"sort={s}&at=end") for sort in SORTS}
    starts = {f"by {sort}, first": lambda s=sort: b.tiles(f"sort={s}") for sort in SORTS}
    both = timed(ends | starts, 2 * requests)
    end = tell("grid_end_p95_ms", {kind: both[kind] for kind in ends})
    start = p95(everything({kind: both[kind] for kind in starts}))
    say("grid_end_vs_first", end / start, at_most=1.5, note=f"first chunk: {start:.0f} ms")
    counts = {name: lambda q=query: b.state(q, shown) for name, query in b.filters.items()}
    tell("filter_count_p95_ms", timed(counts, max(requests, 5 * len(counts))))
    mixed = {name: lambda q=query: b.state(q, shown) for name, query in b.combined.items()}
    tell("combined_filter_count_p95_ms", timed(mixed, requests), goal=None)
    label_and_undo(b, shown)


def every_place(b: Browsing) -> dict[str, Callable[[], object]]:
    """A page from a random place on for every sort and filter, in either direction."""
    asked: dict[str, Callable[[], object]] = {}
    for sort in SORTS:
        places = b.places(sort)
        for name, query in ({"all": ""} | b.filters | b.combined).items():

            def ask(
                query: str = f"{query}&sort={sort}", places: list[str] = places
            ) -> dict[str, Any]:
                side = b.rng.choice(["after", "before"])
                return b.tiles(f"{query}&{side}={b.rng.choice(places)}")

            asked[f"{name} by {sort}"] = ask
    return asked


def label_and_undo(b: Browsing, shown: str) -> None:
    """Label 10,000 selected images, and about as many that match a filter; undo it; five times."""
    found = json.loads(b.client.send("GET", f"{b.url}/ids?show=unlabeled"))["images"]
    ids = found[: min(SELECTED, len(found) // 2)]
    counts = {int(pk): number for pk, number in b.state()["label_counts"].items()}
    near = min(counts, key=lambda pk: abs(counts[pk] - SELECTED))
    label = next(pk for pk in reversed(counts) if pk != near)
    alive = {"show": ids[:720], "filter_shown": "", "labels_shown": shown}
    selected = {"images": ids, "label": label, "mode": "add", **alive}
    matching = {"all": True, "filter": f"label={near}", "except": []}
    for name, images, body in (
        ("", len(ids), selected),
        ("_matching", counts[near], {**selected, **matching}),
    ):
        note = f"{images:,} images, median of 5"
        taken = [(b.act("images/label", body), b.act("undo", alive)) for _ in range(5)]
        labeling, undoing = (sorted(each)[2] for each in zip(*taken, strict=True))
        say(f"label_10000{name}_s", labeling, "s", at_most=2, note=note)
        say(f"undo_10000{name}_s", undoing, "s", at_most=2, note=note)


if __name__ == "__main__":
    main()
