"""Drawings in templates: icons of static/img/icons.svg, and the dot in a label's color.

Each drawing is kept: made anew for each of 100 rows they were a tenth of the answer.
"""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, extra: str = "") -> SafeString:
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
@lru_cache(maxsize=1_024)
def swatch(color: str) -> SafeString:
    """A dot. `fill` as an attribute of SVG, since our policy allows no inline style."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">'
        '<circle cx="6" cy="6" r="6" fill="{}"/></svg>',
        color,
    )
