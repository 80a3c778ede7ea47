"""What is timed, the same for both tools, and how the times become figures."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmarks.figures import rounded

LABELS = ("cat", "dog")
PAGE = 240
"""Images of a page: those of a chunk of our grid."""
WARM_UPS = 3
LOOK_EVERY = 0.1
"""Seconds between two looks at how far an import is."""


class Tool(Protocol):
    """A project of one of the two, as the comparison asks for things."""

    @property
    def name(self) -> str: ...
    @property
    def batch(self) -> int: ...
    def make_project(self, labels: Sequence[str]) -> None: ...
    def upload(self, photos: Sequence[Path]) -> None: ...
    def images(self) -> int: ...
    def labeled(self) -> int: ...
    def page(self, number: int) -> list[int]: ...
    def give(self, images: Sequence[int], label: str) -> None: ...
    def give_each(self, images: Sequence[int], label: str) -> None: ...


@dataclass
class Times:
    """Seconds that the same took in both, round by round."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Theirs over ours, of medians: above 1, ours is faster."""
        return statistics.median(self.theirs) / statistics.median(self.ours)

    @property
    def told(self) -> str:
        ours, theirs = (rounded(statistics.median(each)) for each in (self.ours, self.theirs))
        rounds = len(self.ours)
        return f"ours {ours} s, Label Studio {theirs} s" + (
            f" (medians of {rounds} rounds)" if rounds > 1 else ""
        )


def seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def interleave(
    ours: Callable[[int], object],
    theirs: Callable[[int], object],
    *,
    rounds: int,
    warm_ups: int = WARM_UPS,
) -> Times:
    """Time both in turn, so that what else the machine does meets both; each is given its round.

    Who is first changes every round. The first `warm_ups` rounds are not counted.
    """
    times = Times()
    for number in range(warm_ups + rounds):
        both = [(ours, times.ours), (theirs, times.theirs)]
        for act, taken in both if number % 2 else reversed(both):
            spent = seconds(partial(act, number))
            if number >= warm_ups:
                taken.append(spent)
    return times


def import_all(tool: Tool, photos: Sequence[Path], *, patience: float = 60) -> None:
    """Upload all photos, batch by batch, and return when the tool shows them all.

    Raises:
        RuntimeError: it does not show them within `patience` seconds of the last upload.
    """
    for start in range(0, len(photos), tool.batch):
        tool.upload(photos[start : start + tool.batch])
    deadline = time.monotonic() + patience
    while (shown := tool.images()) != len(photos):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{tool.name} shows {shown} of {len(photos)} photos")
        time.sleep(LOOK_EVERY)


def last_page(count: int) -> int:
    return math.ceil(count / PAGE)


def all_images(tool: Tool, count: int) -> list[int]:
    """Return the ids of all images in the order of the pages."""
    pages = range(1, last_page(count) + 1)
    found = [image for number in pages for image in tool.page(number)]
    if len(set(found)) != count:
        raise RuntimeError(f"the pages of {tool.name} show {len(set(found))} of {count} images")
    return found


def compare_page(ours: Tool, theirs: Tool, number: int, *, rounds: int) -> Times:
    """Time one page of both, which must show as many images."""
    shown = {len(tool.page(number)) for tool in (ours, theirs)}
    if len(shown) > 1:
        raise RuntimeError(f"page {number} does not show as many images in both: {shown}")
    return interleave(lambda _: ours.page(number), lambda _: theirs.page(number), rounds=rounds)


def compare_labeling(
    ours: Sequence[Callable[[], object]], theirs: Sequence[Callable[[], object]]
) -> Times:
    """Time the labeling of blocks of images; the first block only warms up."""
    return interleave(
        lambda number: ours[number](),
        lambda number: theirs[number](),
        rounds=len(ours) - 1,
        warm_ups=1,
    )


def blocks(images: Sequence[int], size: int, count: int) -> list[Sequence[int]]:
    """Return the first `count` blocks of images that no other block has.

    Raises:
        ValueError: there are too few images for that.
    """
    if size * count > len(images):
        raise ValueError(f"{count} blocks of {size} need more than {len(images)} images")
    return [images[size * number : size * (number + 1)] for number in range(count)]
