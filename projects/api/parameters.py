"""Parameters of the query string: many ways to write them, one sentence for each that is wrong."""

from __future__ import annotations

import re

from django.http import QueryDict

from ..errors import NotFound, Refusal

_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"\+?\d{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _refused(name: str, value: str, remedy: str) -> Refusal:
    shown = value if len(value) <= 40 else f"{value[:30]}… ({len(value):,} characters)"
    return Refusal(f"{name}={shown} cannot be used: {remedy}", code=f"bad_{name.replace('-', '_')}")


class Parameters:
    """Reads a query string. An empty value counts as left out."""

    def __init__(self, query: QueryDict) -> None:
        self.query = query

    def text(self, name: str, default: str = "") -> str:
        return self.query.get(name) or default

    def texts(self, name: str) -> list[str]:
        return [value for value in self.query.getlist(name) if value]

    def boolean(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name)
        if not value:
            return default
        if value.strip().lower() not in _BOOLEANS:
            raise _refused(name, value, "use true or false.")
        return _BOOLEANS[value.strip().lower()]

    def number(self, name: str, *, default: float, low: float, high: float) -> float:
        value = self.text(name).strip()
        if not value:
            return default
        if "," in value and len(value) <= 40:
            raise _refused(name, value, "it has a comma; write it with a point.")
        if not _NUMBER.fullmatch(value) or not low <= float(value) <= high:
            raise _refused(name, value, f"use a number from {low:g} to {high:g}.")
        return float(value)

    def whole(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self.text(name).strip()
        if not value:
            return default
        if not _WHOLE.fullmatch(value) or not low <= int(value) <= high:
            raise _refused(name, value, f"use a whole number from {low:,} to {high:,}.")
        return int(value)

    def project(self) -> int:
        """Return the number of the project, which must be given."""
        value = self.text("project").strip()
        if not value:
            raise Refusal("Say which project: ?project=<its number>.", code="bad_project")
        if not value.isascii() or not value.isdigit():
            raise _refused("project", value, "it must be a project's number.")
        if len(value) > 18:
            raise NotFound("There is no such project.", code="not_found")
        return int(value)
