"""A reliability plot: promised probability against the share that was right."""

from collections.abc import Iterator, Mapping

from PIL import Image, ImageDraw, ImageFont

from similarity.evaluate import BINS, Reliability

SIZE = 900
LEAST_DRAWN = 10
"""Images a bin needs for a point; a share of fewer says nothing. Its count is printed anyhow."""

_FINER = 2  # Pillow does not smooth lines; drawn twice as large and reduced, they are
_LEFT, _TOP, _SIDE = 190, 64, 600  # of the square that the lines are drawn in
_INK, _GRAY, _PALE = (30, 30, 30), (110, 110, 110), (225, 225, 225)
_COLORS = ((0, 114, 178), (213, 94, 0), (0, 138, 100), (150, 100, 0), (190, 80, 150), _INK)
"""Told apart by people who see few colors, dark enough for the counts in them to be read on white.
Source: Okabe and Ito, "Color universal design", 2008; some of them darkened."""
_SIDES = (24, 4, 3, 6, 5, 8)
"""Corners of each line's points, so that color is not all that tells them apart."""
_ROW = 22


def _width(place: int) -> float:
    # Each line is thinner than those it is drawn over, so that two that agree are both seen.
    return 7.0 - 1.1 * place


def reliability_plot(lines: Mapping[str, Reliability], *, title: str) -> Image.Image:
    """Draw one line a method, and beneath how many images fell into each bin.

    Args:
        lines: at most 6, by the name in the legend.
        title: stands above.

    Returns:
        An RGB image of 900 by 900. On the dashed diagonal, as many are right as was promised.
    """
    image = Image.new("RGB", (SIZE * _FINER, SIZE * _FINER), "white")
    canvas = _Canvas(ImageDraw.Draw(image))
    _draw_axes(canvas, title)
    for place, (name, line) in enumerate(lines.items()):
        _draw_line(canvas, line, place)
        _draw_legend(canvas, name, place)
        _draw_counts(canvas, name, line, place)
    canvas.text(_LEFT - 12, _TOP + _SIDE + 68, "images in each bin", "rm", color=_GRAY)
    return image.reduce(_FINER)


class _Canvas:
    """Coordinates of the finished image, and of shares 0..1 within the square."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self.draw = draw

    def at(self, promised: float, right: float) -> tuple[float, float]:
        return _LEFT + promised * _SIDE, _TOP + (1 - right) * _SIDE

    def line(
        self, *points: tuple[float, float], color: tuple[int, int, int], width: float = 1
    ) -> None:
        finer = [(x * _FINER, y * _FINER) for x, y in points]
        self.draw.line(finer, fill=color, width=round(width * _FINER), joint="curve")

    def point(self, at: tuple[float, float], place: int) -> None:
        x, y = at
        circle = (x * _FINER, y * _FINER, (4.5 + _width(place)) * _FINER)
        self.draw.regular_polygon(circle, _SIDES[place], fill=_COLORS[place], outline="white")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        anchor: str,
        *,
        color: tuple[int, int, int] = _INK,
        size: int = 16,
    ) -> None:
        font = ImageFont.load_default(size * _FINER)
        self.draw.text((x * _FINER, y * _FINER), text, fill=color, anchor=anchor, font=font)


def _draw_axes(canvas: _Canvas, title: str) -> None:
    for tick in range(0, 101, 10):
        share = tick / 100
        canvas.line(canvas.at(share, 0), canvas.at(share, 1), color=_PALE)
        canvas.line(canvas.at(0, share), canvas.at(1, share), color=_PALE)
        if tick % 20 == 0:
            canvas.text(_LEFT + share * _SIDE, _TOP + _SIDE + 8, f"{tick} %", "mt")
        canvas.text(_LEFT - 10, _TOP + (1 - share) * _SIDE, f"{tick} %", "rm")
    canvas.line(canvas.at(0, 1), canvas.at(0, 0), canvas.at(1, 0), color=_INK, width=1.5)
    for start, end in _dashes():
        canvas.line(canvas.at(start, start), canvas.at(end, end), color=_GRAY, width=1.5)
    canvas.text(SIZE / 2, 34, title, "mm", size=20)
    canvas.text(_LEFT + _SIDE / 2, _TOP + _SIDE + 34, "promised probability", "mt")
    canvas.text(20, _TOP + _SIDE / 2 - 12, "share that", "lm")
    canvas.text(20, _TOP + _SIDE / 2 + 12, "was right", "lm")


def _dashes() -> Iterator[tuple[float, float]]:
    """Parts of the diagonal."""
    for number in range(40):
        yield number / 40, (number + 0.6) / 40


def _draw_line(canvas: _Canvas, line: Reliability, place: int) -> None:
    points = [
        canvas.at(promised / images, right / images)
        for images, promised, right in zip(*line, strict=True)
        if images >= LEAST_DRAWN
    ]
    if len(points) > 1:
        canvas.line(*points, color=_COLORS[place], width=_width(place))
    for point in points:
        canvas.point(point, place)


def _draw_legend(canvas: _Canvas, name: str, place: int) -> None:
    x, y = _LEFT + 24, _TOP + 28 + place * 26
    canvas.line((x, y), (x + 34, y), color=_COLORS[place], width=_width(place))
    canvas.point((x + 17, y), place)
    canvas.text(x + 46, y, name, "lm")


def _draw_counts(canvas: _Canvas, name: str, line: Reliability, place: int) -> None:
    y = _TOP + _SIDE + 94 + place * _ROW
    canvas.text(_LEFT - 12, y, name, "rm", color=_COLORS[place], size=15)
    for bin_, images in enumerate(line.images):
        x = _LEFT + (bin_ + 0.5) / BINS * _SIDE
        canvas.text(x, y, f"{images:,.0f}", "mm", color=_COLORS[place], size=14)
