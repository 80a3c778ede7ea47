"""The tables that ``python -m similarity evaluate`` prints."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from similarity.evaluate import ALLOWED, Outcome, Setting, spread


class Measured(NamedTuple):
    """What came of one number of labeled images: the outcomes of all draws by method."""

    setting: Setting
    outcomes: dict[str, list[Outcome]]


def report(measured: Sequence[Measured]) -> str:
    """Write everything that was measured, in percent, as aligned tables."""
    random = [each for each in measured if not each.setting.per_label]
    parts = [
        _by_setting("Best label right, %", measured, lambda each: each.accuracy),
        _by_setting("Calibration error, points", measured, lambda each: each.calibration_error),
        _by_setting("of these by chance alone", measured, lambda each: each.error_by_chance),
        *map(_accepting, random),
    ]
    return "\n".join(parts)


def _by_setting(title: str, measured: Sequence[Measured], value: Callable[[Outcome], float]) -> str:
    head = [title, *(str(setting) for setting, _ in measured)]
    lines = [
        [name, *(_percent([value(each) for each in found[name]]) for _, found in measured)]
        for name in measured[0].outcomes
    ]
    return table([head, *lines])


def _accepting(measured: Measured) -> str:
    """One row a method: what was taken, how much of that was wrong, and how often that was kept."""
    head = [f"Accepting unseen, {measured.setting}"]
    head += [f"{100 * allowed:g} % allowed" for allowed in ALLOWED]
    lines = []
    for name, found in measured.outcomes.items():
        by_allowed = zip(*(each.accepted for each in found), strict=True)
        cells = [
            f"{_percent([a.taken for a in runs])} / {_percent([a.wrong for a in runs])} / "
            f"{100 * sum(a.kept for a in runs) / len(runs):.0f}"
            for runs in by_allowed
        ]
        lines.append([name, *cells])
    return table([head, *lines]) + "  (% accepted / % of those wrong / % of draws that kept it)\n"


def _percent(values: Sequence[float]) -> str:
    return f"{100 * spread(values).mean:.1f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align cells: the first column to the left, the others to the right; ends with a newline."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines) + "\n"
