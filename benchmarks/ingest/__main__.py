"""How near the machine's own limit photos become rows, thumbnails and vectors.

    python -m benchmarks.ingest [--photos FOLDER] [--large FOLDER] [--only 500 large http memory]

The real application is started in a data folder of its own; from its disk, as a zip and as a folder
over HTTP it is given files, and the time runs until the last one has its vector. Measured in turns
with it: the limit (nothing but decoding and the encoder, see `limit`) and the usual loop in torch.
Photos are the shared ones where they lie beside the checkout, else pictures with grain are drawn.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import say
from benchmarks.ingest.limit import limit
from benchmarks.ingest.photos import shared, write_500, write_large
from benchmarks.ingest.running import Application, Ingest, cpu_seconds, started, worker_mb
from benchmarks.ingest.usual import usual_loop

PARTS = ("500", "large", "http", "memory")
ENCODERS = Path(sys.prefix) / "share" / "labeling" / "encoders"
OF_LIMIT = 4
"""The limit and the usual loop run on every so-manyth file: they do not change with the number."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ingest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--photos", type=Path, default=shared("clothing"), help="made smaller to 500 px"
    )
    parser.add_argument("--large", type=Path, default=shared("large_photos"), help="taken as is")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--images", type=int, default=3000, help="of 500 px (default 3,000)")
    parser.add_argument("--large-images", type=int, default=600, help="(default 600)")
    parser.add_argument("--memory-images", type=int, default=10_000, help="(default 10,000)")
    parser.add_argument("--rounds", type=int, default=3, help="of everything, in turns")
    run(parser.parse_args())


def run(chosen: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        root = Path(folder)
        with started(root / "data") as application:
            ingest = Ingest(application)
            small = write_500(root / "500", chosen.images, chosen.photos)
            ingest.from_disk(small[:100])  # the worker loads its encoder now
            if "500" in chosen.only:
                against_limit(ingest, small, "500", chosen.rounds)
            if "large" in chosen.only:
                large = write_large(root / "large", chosen.large_images, chosen.large)
                against_limit(ingest, large, "large", chosen.rounds)
            if "http" in chosen.only:
                over_http(ingest, small, chosen.rounds)
            if "memory" in chosen.only:
                many = write_500(root / "many", chosen.memory_images, chosen.photos)
                memory(ingest, application, many)


def against_limit(ingest: Ingest, paths: Sequence[Path], name: str, rounds: int) -> None:
    """Say how fast files come in from disk, beside the limit and the usual loop."""
    rates, limits, usual, to_limit, to_usual, cpus = [], [], [], [], [], []
    some = paths[::OF_LIMIT]
    for _ in range(rounds):
        most = limit(some, ENCODERS)
        limits.append(max(most.by_processes, most.by_threads))
        before = cpu_seconds(ingest.application)
        rates.append(len(paths) / ingest.from_disk(paths))
        cpus.append(most.cpu * len(paths) / (cpu_seconds(ingest.application) - before))
        usual.append(usual_loop(some[: len(some) // 2]))
        to_limit.append(rates[-1] / limits[-1])
        to_usual.append(rates[-1] / usual[-1])
        print(
            f"  {name}: {rates[-1]:.0f} images/s; limit by processes {most.by_processes:.0f}, by "
            f"threads {most.by_threads:.0f}; torch {usual[-1]:.1f}"
        )
    middle = statistics.median
    say(f"ingest_images_s_{name}", middle(rates), "images/s")
    say(f"ingest_limit_images_s_{name}", middle(limits), "images/s", note="decoding and encoder")
    say(f"ingest_vs_limit_{name}", middle(to_limit), at_least=0.85)
    say(
        f"ingest_vs_limit_cpu_{name}",
        middle(cpus),
        note="the same in processor time, which other load moves less",
    )
    say(f"ingest_vs_torch_{name}", middle(to_usual), at_least=3)


def over_http(ingest: Ingest, paths: Sequence[Path], rounds: int) -> None:
    """Say how fast the same files come in as a zip and as a folder, against the disk."""
    zips, folders = [], []
    for _ in range(rounds):
        disk = ingest.from_disk(paths)
        as_zip, as_folder = ingest.as_zip(paths), ingest.as_folder(paths)
        print(f"  disk {disk:.1f} s, zip {as_zip:.1f} s, folder {as_folder:.1f} s")
        zips.append(disk / as_zip)
        folders.append(disk / as_folder)
    say("zip_vs_disk", statistics.median(zips), at_least=0.7)
    say("folder_vs_disk", statistics.median(folders), at_least=0.7)


def memory(ingest: Ingest, application: Application, paths: Sequence[Path]) -> None:
    """Say how much memory the worker takes at most, and how much more at the end of many images."""
    with sampled(application) as samples:
        ingest.from_disk(paths)
    tenth = max(1, len(samples) // 10)
    early, late = samples[tenth : 2 * tenth] or samples, samples[-tenth:]
    say("worker_memory_mb", max(samples), "MB", at_most=700)
    growth = statistics.median(late) - statistics.median(early)
    say("worker_memory_growth_mb", growth, "MB", at_most=50, note=f"over {len(paths):,} images")


@contextmanager
def sampled(application: Application) -> Iterator[list[float]]:
    """Look at the worker's memory twice a second while the block runs."""
    samples: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            samples.append(worker_mb(application))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    main()
