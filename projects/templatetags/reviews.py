"""What a page offers to review: open batches and checks, the next one, what to label first."""

from __future__ import annotations

from typing import Any

from django import template

from projects.models import Project
from projects.services.batches import OpenBatch, open_batches
from projects.services.checks import OpenCheck, open_checks
from projects.services.first import Order, how_many_first
from projects.views.orders import remembered_order

register = template.Library()


@register.simple_tag(name="open_batches")
def open_batches_of(project: Project) -> list[OpenBatch]:
    return open_batches(project)


@register.simple_tag(name="open_checks")
def open_checks_of(project: Project) -> list[OpenCheck]:
    return open_checks(project)


@register.simple_tag(takes_context=True)
def next_orders(context: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Value and words of each order of a next batch, and whether it was chosen last."""
    chosen = remembered_order(context["request"], context["project"])
    return [(value, str(words), value == chosen) for value, words in Order.choices]


@register.filter(name="how_many_first")
def how_many_first_of(labels: list[Any]) -> int:
    """How many images to label before any others, with these labels on the list."""
    return how_many_first(len(labels))
