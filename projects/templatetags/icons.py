"""Drawings in templates: icons of static/img/icons.svg, and the dot in a label's color."""

from __future__ import annotations

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"/></svg>',
        extra,
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def swatch(color: str) -> SafeString:
    """A dot. `fill` as an attribute of SVG, since our policy allows no inline style."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">'
        '<circle cx="6" cy="6" r="6" fill="{}"/></svg>',
        color,
    )
