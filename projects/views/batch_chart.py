"""The chart of right suggestions a batch: where its marks lie, for an SVG made on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..services.standing import BatchShare

WIDTH, HEIGHT = 760, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 12, 26
"""Room for the percents at the left and the numbers of the batches below."""
_WIDEST = 60.0
"""Of the place of one batch: three batches do not spread over the whole width."""
_MOST_NUMBERS = 13


@dataclass(frozen=True)
class Mark:
    """One batch: its dot, its whisker, and the place that shows its title when pointed at."""

    of: BatchShare
    x: float
    y: float
    high: float
    low: float
    left: float
    width: float
    is_numbered: bool


@dataclass(frozen=True)
class Chart:
    marks: list[Mark]
    lines: list[tuple[int, float]]
    """Percent and height of each line across."""

    width, height, left, right = WIDTH, HEIGHT, LEFT, WIDTH - RIGHT
    top, bottom = TOP, HEIGHT - BOTTOM

    @property
    def path(self) -> str:
        """The line from dot to dot."""
        return " ".join(f"{mark.x:.1f},{mark.y:.1f}" for mark in self.marks)


def chart_of(shares: Sequence[BatchShare]) -> Chart:
    """Lay the batches out, oldest at the left."""
    width = min(_WIDEST, (WIDTH - LEFT - RIGHT) / max(len(shares), 1))
    every = -(-len(shares) // _MOST_NUMBERS) or 1
    marks = []
    for at, each in enumerate(shares):
        share, left = each.share, LEFT + at * width
        numbered = at % every == 0
        marks.append(
            Mark(
                of=each,
                x=left + width / 2,
                y=height_of(share.share),
                high=height_of(share.high),
                low=height_of(share.low),
                left=left,
                width=width,
                is_numbered=numbered,
            )
        )
    return Chart(marks, [(percent, height_of(percent / 100)) for percent in (0, 25, 50, 75, 100)])


def height_of(share: float) -> float:
    """Where a share lies, 1 at the top."""
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)
