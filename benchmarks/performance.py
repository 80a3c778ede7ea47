"""Run every benchmark that has figures, and write them into docs/performance.md.

    python -m benchmarks.performance [--only NAME ...] [--without NAME ...]

What each module says (see `benchmarks.figures`) is kept in docs/performance.json with the date, the
machine and the versions it was measured on, so that one module can be measured again without the
others; the tables of docs/performance.md are made from that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.figures import Figure, heard, rounded

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
KEPT = ROOT / "docs" / "performance.json"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"

CLAIMS = {
    "ingest": "Ingest",
    "suggest": "Suggestions",
    "slider": "A moved slider",
    "index": "hnswlib against exact search",
    "pgvector": "pgvector against exact search",
    "web_memory": "Memory of the web process",
    "browsing": "Browsing and labeling at 1,000,000 images",
    "scrolling": "Scrolling in Chromium at 100,000 images",
    "growth": "Growth from 1,000 to 1,000,000 images",
    "label_studio": "Side by side with Label Studio",
    "api_latency": "One request of a script",
}
"""The modules in the order they are run, and what their table is called."""
LIBRARIES = ("Django", "numpy", "onnxruntime", "pillow", "hnswlib", "torch")


@dataclass(frozen=True)
class Run:
    """What one module measured, and when on what."""

    figures: list[Figure]
    day: str
    minutes: float
    failed: str = ""
    """Why there are no figures, or not all."""
    machine: str = field(default_factory=lambda: machine())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.performance", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--only", nargs="*", default=list(CLAIMS), choices=CLAIMS, metavar="NAME")
    parser.add_argument("--without", nargs="*", default=[], choices=CLAIMS, metavar="NAME")
    chosen = parser.parse_args()
    runs = read_runs(KEPT)
    for name in [name for name in chosen.only if name not in chosen.without]:
        print(f"# {CLAIMS[name]} (python -m benchmarks.{name})", flush=True)
        runs[name] = run(name)
        write(runs)  # after each, so that stopping it in the middle loses nothing
    write(runs)
    missed = [
        figure.name for each in runs.values() for figure in each.figures if not figure.is_reached
    ]
    print(f"# goals not reached: {', '.join(missed) or 'none'}", flush=True)


def write(runs: Mapping[str, Run]) -> None:
    """Keep the runs, and put them into the page."""
    KEPT.write_text(
        json.dumps({name: asdict(each) for name, each in runs.items()}, indent=1) + "\n"
    )
    PAGE.write_text(with_tables(PAGE.read_text(), tables(runs)))


def run(name: str) -> Run:
    """Run one module in a process of its own; its lines go to our output as they come."""
    with tempfile.TemporaryDirectory(prefix="figures-") as folder:
        listener = Path(folder) / "figures.jsonl"
        started = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=ROOT,
            env=os.environ | {"BENCH_FIGURES": str(listener)},
            check=False,
        )
        failed = f"It ended with exit code {ended.returncode}." if ended.returncode else ""
        minutes = (time.monotonic() - started) / 60
        return Run(heard(listener), f"{datetime.now(UTC):%Y-%m-%d}", round(minutes, 1), failed)


def machine() -> str:
    """Return the processor, its cores, the memory and the versions of what does the work."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {libraries}"
    )


def processor() -> str:
    """Return what the processor calls itself, else its kind."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def read_runs(kept: Path) -> dict[str, Run]:
    """Return the runs that were kept, by module."""
    if not kept.exists():
        return {}
    stored = json.loads(kept.read_text())
    return {name: as_run(values) for name, values in stored.items() if name in CLAIMS}


def as_run(values: Mapping[str, object]) -> Run:
    figures = [Figure(**each) for each in values["figures"]]  # type: ignore[attr-defined]
    return Run(**{**values, "figures": figures})  # type: ignore[arg-type]


def tables(runs: Mapping[str, Run]) -> str:
    """Return the tables of all runs as Markdown, in the order of `CLAIMS`."""
    machines = {run.machine for run in runs.values()}
    is_one = len(machines) == 1
    above = [f"Measured on {machines.pop()}."] if is_one else []
    parts = [table(name, runs[name], tell_machine=not is_one) for name in CLAIMS if name in runs]
    return "\n\n".join(above + parts)


def table(name: str, run: Run, *, tell_machine: bool) -> str:
    """Return one table, with where its figures come from above."""
    where = f" on {run.machine}" if tell_machine else ""
    head = [
        f"### {CLAIMS[name]}",
        "",
        f"`python -m benchmarks.{name}`, {run.day}, {run.minutes:g} min{where}."
        + (f" **{run.failed}**" if run.failed else ""),
        "",
        "| figure | measured | goal | | how |",
        "|---|---|---|---|---|",
    ]
    return "\n".join(head + [row(figure) for figure in run.figures])


def row(figure: Figure) -> str:
    measured = f"{rounded(figure.value)} {figure.unit}".strip()
    said = "" if not figure.goal else "reached" if figure.is_reached else "**not reached**"
    note = figure.note.replace("|", "\\|")
    return f"| `{figure.name}` | {measured} | {figure.goal} | {said} | {note} |"


def with_tables(page: str, made: str) -> str:
    """Return the page with what stands between its two marks replaced.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/performance.md needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


if __name__ == "__main__":
    main()
