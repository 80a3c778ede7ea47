"""Every environment variable that configures the application, in one table.

`VARIABLES` is the whole list: settings read nothing else, `docs/configuration.md` is printed from
it, and a bad value is refused at start with a sentence that says what would be good.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from similarity.encoders import DEFAULT_ENCODER, packaged_choice, packaged_encoders


class BadEnvironment(Exception):
    """A variable has a value that cannot be used; the message is for the person who set it."""


def _text(value: str) -> str:
    return value


def _host(value: str) -> str:
    # Empty means "every interface" to a socket, which nobody should get by a slip.
    if not value.strip():
        raise ValueError("use an address of this machine, such as 127.0.0.1")
    return value.strip()


def _encoder(value: str) -> str:
    if not packaged_choice(value) and not re.fullmatch(r"open_clip:[^/]+/.+", value):
        known = ", ".join(choice.name for choice in packaged_encoders())
        raise ValueError(f"use one of {known}, or open_clip:<model>/<weights>")
    return value


def _switch(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("use 1 or 0")


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        problem = f"use a whole number from {low} to {high}"
        try:
            number = int(value)
        except ValueError:
            raise ValueError(problem) from None
        if not low <= number <= high:
            raise ValueError(problem)
        return number

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        chosen = value.strip().lower()
        if chosen not in choices:
            raise ValueError(f"use one of {', '.join(choices)}")
        return chosen

    return parse


def _folder(value: str) -> Path:
    if not value:
        raise ValueError("use the path of a folder")
    return Path(value).expanduser().resolve()


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value and urlsplit(value).scheme not in schemes:
            raise ValueError(
                "use a URL that starts with " + " or ".join(f"{s}://" for s in schemes)
            )
        return value

    return parse


@dataclass(frozen=True)
class Variable:
    """One environment variable: its default as a person would type it, and what it means."""

    name: str
    default: str
    meaning: str
    parse: Callable[[str], Any]


VARIABLES: tuple[Variable, ...] = (
    Variable("LABELING_DATA", "var", "Folder for database, photos, queue and caches.", _folder),
    Variable("LABELING_HOST", "127.0.0.1", "Address the web server listens on.", _host),
    Variable("LABELING_PORT", "8000", "Port the web server listens on.", _whole_number(1, 65535)),
    Variable(
        "LABELING_ENCODER",
        DEFAULT_ENCODER,
        "Encoder of new projects: one of those below, or `open_clip:<model>/<weights>`.",
        _encoder,
    ),
    Variable(
        "LABELING_THREADS",
        "8",
        "Requests the web server handles at the same time.",
        _whole_number(1, 256),
    ),
    Variable(
        "LABELING_MAX_FILE_MB", "100", "Largest image file accepted, in MB.", _whole_number(1, 4096)
    ),
    Variable(
        "LABELING_MAX_ARCHIVE_MB",
        "20000",
        "Largest zip file accepted, in MB.",
        _whole_number(1, 1_000_000),
    ),
    Variable(
        "LABELING_MAX_MEGAPIXELS",
        "100",
        "Largest image accepted, in millions of pixels.",
        _whole_number(1, 1000),
    ),
    Variable(
        "LABELING_FETCH_HOSTS",
        "",
        "Hosts inside your network, separated by commas, from which images may be fetched by URL. "
        "Others are fetched from public addresses only.",
        _names,
    ),
    Variable(
        "LABELING_API_PER_MINUTE",
        "6000",
        "Requests a minute that the API answers for one project; 0 means any number.",
        _whole_number(0, 1_000_000),
    ),
    Variable(
        "LABELING_PREDICTIONS_A_DAY",
        "0",
        "Images a day that one project suggests labels or similar images for over the API; "
        "0 means any number.",
        _whole_number(0, 1_000_000_000),
    ),
    Variable(
        "LABELING_INDEX",
        "auto",
        "How labeled images are searched: `exact`, `hnswlib`, `pgvector`, or `auto`, which takes "
        "the fastest at their number. All give true similarities; one that is not built yet is "
        "replaced by `exact`. `pgvector` needs PostgreSQL, and is for servers and workers that "
        "share no data folder.",
        _one_of("auto", "exact", "hnswlib", "pgvector"),
    ),
    Variable(
        "DATABASE_URL",
        "",
        "Database; empty means SQLite in the data folder. "
        "For a team: `postgres://user:password@host/name`.",
        _url("sqlite", "postgres", "postgresql"),
    ),
    Variable(
        "CELERY_BROKER_URL",
        "",
        "Message broker; empty means files in the data folder. For a team: `redis://host:6379/0`.",
        _url("filesystem", "redis", "rediss"),
    ),
    Variable(
        "SECRET_KEY",
        "",
        "Signs sessions; empty means one is made at the first start and kept in the data folder.",
        _text,
    ),
    Variable(
        "ALLOWED_HOSTS",
        "localhost,127.0.0.1,[::1]",
        "Host names the application answers to, separated by commas.",
        _names,
    ),
    Variable(
        "LABELING_HTTPS",
        "0",
        "1 when people reach the application over HTTPS: cookies are then sent over HTTPS only.",
        _switch,
    ),
    Variable("LABELING_DEBUG", "0", "1 shows tracebacks in the browser; for developers.", _switch),
)


def read_environment(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the parsed value of every variable in `VARIABLES`, by name.

    Raises:
        BadEnvironment: a value cannot be used; the message names variable, value and remedy.
    """
    environ = os.environ if environ is None else environ
    values = {}
    for variable in VARIABLES:
        raw = environ.get(variable.name, variable.default)
        try:
            values[variable.name] = variable.parse(raw)
        except ValueError as problem:
            raise BadEnvironment(f"{variable.name}={raw!r} cannot be used: {problem}.") from None
    return values
