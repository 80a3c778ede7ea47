"""The open batches of a project, wherever a page offers them."""

from __future__ import annotations

from django import template

from projects.models import Project
from projects.services.batches import OpenBatch, open_batches

register = template.Library()


@register.simple_tag(name="open_batches")
def open_batches_of(project: Project) -> list[OpenBatch]:
    return open_batches(project)
