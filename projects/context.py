"""What every page knows."""

from __future__ import annotations

from django.http import HttpRequest

THEMES = ("auto", "light", "dark")


def page(request: HttpRequest) -> dict[str, str]:
    """The color theme, kept in a cookie so that the first paint already has it."""
    theme = request.COOKIES.get("theme", "auto")
    return {"theme": theme if theme in THEMES else "auto"}
