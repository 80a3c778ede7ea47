"""The figures: importing, looking at pages, labeling, each as Label Studio's seconds over ours."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.figures import rounded, say
from benchmarks.label_studio.compare import (
    LABELS,
    LOOK_EVERY,
    PAGE,
    WARM_UPS,
    Times,
    all_images,
    blocks,
    compare_labeling,
    compare_page,
    import_all,
    last_page,
    seconds,
)
from benchmarks.label_studio.ours import Ours
from benchmarks.label_studio.peer import VERSION
from benchmarks.label_studio.theirs import ITS_PAGE, Theirs


def say_imports(ours: Ours, theirs: Theirs, photos: Sequence[Path], *, rounds: int) -> None:
    """Import all photos into new projects of both, one after the other; the last ones are kept."""
    shown, embedded = Times(), Times()
    for _ in range(rounds):
        theirs.make_project(LABELS)
        spent = seconds(partial(import_all, theirs, photos))
        shown.theirs.append(spent)
        embedded.theirs.append(spent)
        ours.make_project(LABELS)
        start = time.perf_counter()
        shown.ours.append(seconds(partial(import_all, ours, photos)))
        wait_until_embedded(ours)
        embedded.ours.append(time.perf_counter() - start)
    name = f"import_{len(photos)}"
    say_ratio(name, shown, "over HTTP until all are shown; ours embeds meanwhile")
    how = f"{embedded.told}; until ours has all thumbnails and embeddings; Label Studio makes none"
    say(f"{name}_embedded_vs_label_studio", embedded.ratio, "x", note=how)


def wait_until_embedded(ours: Ours) -> None:
    while ours.is_embedding():
        time.sleep(LOOK_EVERY)


def say_pages(ours: Ours, theirs: Theirs, count: int, *, rounds: int) -> None:
    """Time the first page and the last one."""
    own = [seconds(theirs.its_own_page) for _ in range(WARM_UPS + rounds)][WARM_UPS:]
    times = compare_page(ours, theirs, 1, rounds=rounds)
    how = f"{min(PAGE, count)} images; Label Studio's own page of {ITS_PAGE}: "
    say_ratio("first_page", times, f"{how}{rounded(statistics.median(own))} s")
    last = last_page(count)
    times = compare_page(ours, theirs, last, rounds=rounds)
    say_ratio("last_page", times, f"page {last}, {count - (last - 1) * PAGE} images")


def say_labels(ours: Ours, theirs: Theirs, count: int, *, size: int, rounds: int) -> None:
    """Time the labeling of `size` images in bulk and one by one, of images without a label.

    Raises:
        RuntimeError: one of them has not labeled what it was asked to.
    """
    number = 2 * (rounds + 1)
    our_blocks = blocks(all_images(ours, count), size, number)
    their_blocks = blocks(all_images(theirs, count), size, number)
    half = rounds + 1
    times = compare_labeling(
        [partial(ours.give, block, LABELS[0]) for block in our_blocks[:half]],
        [partial(theirs.give, block, LABELS[0]) for block in their_blocks[:half]],
    )
    say_ratio(f"label_{size}", times, "in bulk: one request of ours, two of Label Studio")
    times = compare_labeling(
        [partial(ours.give_each, block, LABELS[1]) for block in our_blocks[half:]],
        [partial(theirs.give_each, block, LABELS[1]) for block in their_blocks[half:]],
    )
    say_ratio(f"label_{size}_one_by_one", times, f"{size} requests of both")
    refuse_unequal(ours.labeled(), theirs.labeled(), size * number)


def refuse_unequal(ours: int, theirs: int, asked: int) -> None:
    if not ours == theirs == asked:
        raise RuntimeError(f"{asked} images were labeled: ours has {ours}, Label Studio {theirs}")


def say_ratio(name: str, times: Times, how: str) -> None:
    """Print theirs over ours as a figure; the goal is that ours is no slower."""
    note = f"{times.told}; {how}; Label Studio {VERSION}"
    say(f"{name}_vs_label_studio", times.ratio, "x", at_least=1, note=note)
