"""Parameters of the query string, as the schema tells of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter

ANY_CASE = r"^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|0|1)?$"


def parameter(name: str, text: str, schema: dict[str, Any], **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, schema, "query", description=text, **more)


def boolean(name: str, text: str, *, default: bool = False) -> OpenApiParameter:
    return parameter(
        name,
        f"{text} In any case, as Python prints it too; or 1 and 0.",
        {"type": "string", "pattern": ANY_CASE, "default": str(default).lower()},
    )


def number(name: str, text: str, *, default: float) -> OpenApiParameter:
    bounds = {"minimum": 0, "maximum": 100, "default": default}
    return parameter(name, text, {"type": "number", **bounds}, allow_blank=True)


def whole(name: str, text: str, *, high: int, default: int | None = None) -> OpenApiParameter:
    bounds = {"minimum": 1, "maximum": high}
    if default is not None:
        bounds["default"] = default
    return parameter(name, text, {"type": "integer", **bounds}, allow_blank=True)


def texts(name: str, text: str) -> OpenApiParameter:
    schema = {"type": "string", "maxLength": 100}
    return OpenApiParameter(
        name,
        {"type": "array", "items": schema},
        "query",
        description=text,
        style="form",
        explode=True,
    )


def choice(name: str, text: str, values: list[str]) -> OpenApiParameter:
    return parameter(name, text, {"type": "string", "enum": values})


PROJECT = parameter(
    "project",
    "Number of the project.",
    {"type": "integer", "minimum": 1, "maximum": 2**53},
    required=True,
)
CURSOR = parameter("cursor", "Behind which row to go on; see “next”.", {"type": "string"})
LIMIT = whole("limit", "Most rows of the answer.", default=100, high=1000)
IMAGE_NAME = {"type": "string", "minLength": 1, "maxLength": 255}
PROJECT_IN_PATH = OpenApiParameter(
    "project", {"type": "integer", "minimum": 1, "maximum": 2**53}, "path"
)
NAME_IN_PATH = OpenApiParameter(
    "name", IMAGE_NAME, "path", description="The image's name. Slashes in it may stay as they are."
)
ETAG = OpenApiParameter(
    "ETag", str, "header", response=[200], description="Version; send it in If-None-Match."
)
