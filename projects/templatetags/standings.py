"""Shares and intervals in words, and coordinates of a drawing."""

from __future__ import annotations

from django import template

from projects.services.standing import BatchShare
from similarity.acceptance import Interval

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share in percent. 99.96 % is no 100 %: only all of them are."""
    return f"{_number(share)} %"


@register.filter
def between(interval: Interval) -> str:
    """Where the share lies, as “71.2–84 %”."""
    return f"{_number(interval.low)}–{_number(interval.high)} %"


@register.filter
def percents(interval: Interval) -> str:
    return f"{percent(interval.share)} ({between(interval)})"


def _number(share: float) -> str:
    value = round(100 * share, 1)
    if value == 100 and share < 1:
        value = 99.9
    elif value == 0 and share > 0:
        return "below 0.1"
    return f"{value:.1f}".removesuffix(".0")


@register.filter
def batch_sentence(each: BatchShare) -> str:
    when = f"{each.batch.closed_at:%-d %b %H:%M}: " if each.batch.closed_at else ""
    share = each.share
    return (
        f"Batch {each.number}, {when}{each.tally.right:,} of {each.tally.judged:,} suggestions "
        f"right, {percent(share.share)} ({between(share)})"
    )


@register.filter
def coordinate(value: float) -> str:
    """A number as SVG reads it, whatever the language."""
    return f"{value:.1f}"
