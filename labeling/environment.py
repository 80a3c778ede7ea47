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


def _optional_folder(value: str) -> Path | None:
    return _folder(value) if value else None


SECRET_LENGTH = 50
MAKE_SECRET = "python -c 'import secrets; print(secrets.token_urlsafe(64))'"  # noqa: S105 - how, not what
SAMPLE = re.compile(r"insecure|change.?me|example|sample|secret.?key|your.?key|(.)\1{7}", re.I)


def _secret(value: str) -> str:
    """A secret that somebody made, not one that stands in a guide."""
    if value and (len(value) < SECRET_LENGTH or SAMPLE.search(value)):
        raise ValueError(
            f"it is a sample or has less than {SECRET_LENGTH} characters; make one with "
            f"{MAKE_SECRET}"
        )
    return value


def _media(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment):
        raise ValueError("use s3://bucket or s3://bucket/folder; empty means the data folder")
    return value


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
    secret: bool = False
    """Never told back: what is said at start ends up in logs."""


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
        secret=True,
    ),
    Variable(
        "CELERY_BROKER_URL",
        "",
        "Message broker; empty means files in the data folder. For a team: `redis://host:6379/0`.",
        _url("filesystem", "redis", "rediss"),
        secret=True,
    ),
    Variable(
        "SECRET_KEY",
        "",
        "Signs sessions; empty means one is made at the first start and kept in the data folder. "
        "With `LABELING_HTTPS=1` it has to be given, the same to every web server.",
        _secret,
        secret=True,
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
    Variable(
        "LABELING_MEDIA",
        "",
        "Where photos lie; empty means the data folder. For a team: `s3://bucket/folder`, with "
        "credentials where boto3 looks for them (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`).",
        _media,
    ),
    Variable(
        "LABELING_S3_ENDPOINT",
        "",
        "Address of the S3 server where it is not Amazon's: `https://minio.example.com`.",
        _url("http", "https"),
    ),
    Variable("LABELING_S3_REGION", "", "Region of the bucket, such as `eu-central-1`.", _text),
    Variable(
        "LABELING_X_ACCEL",
        "0",
        "1 when the nginx of `deploy/nginx.conf` stands in front: it then sends the photos of the "
        "data folder itself, after the application has said who may see them.",
        _switch,
    ),
    Variable(
        "LABELING_LOG",
        "text",
        "`json` writes a line of JSON for each request and task; `text` is for people.",
        _one_of("text", "json"),
    ),
    Variable(
        "LABELING_METRICS_TOKEN",
        "",
        "Whoever sends it as `Authorization: Bearer …` may read `/metrics` and the reasons in "
        "`/readyz` from another machine. Empty: only this machine may.",
        _secret,
        secret=True,
    ),
    Variable(
        "LABELING_WORKER_METRICS_PORT",
        "0",
        "Port on which a worker tells its own metrics; 0 means none.",
        _whole_number(0, 65535),
    ),
    Variable(
        "PROMETHEUS_MULTIPROC_DIR",
        "",
        "Folder in which the processes of one server or one worker add up their metrics; has to "
        "lie in memory (tmpfs) and be empty at start. Needed with more than one process.",
        _optional_folder,
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
            told = variable.name if variable.secret else f"{variable.name}={raw!r}"
            raise BadEnvironment(f"{told} cannot be used: {problem}.") from None
    _refuse_contradictions(values)
    return values


def _refuse_contradictions(values: Mapping[str, Any]) -> None:
    """Refuse what is each possible, but not together."""
    if values["LABELING_HTTPS"] and not values["SECRET_KEY"]:
        raise BadEnvironment(
            f"LABELING_HTTPS=1 needs a SECRET_KEY of your own; make one with {MAKE_SECRET}."
        )
    if values["LABELING_X_ACCEL"] and values["LABELING_MEDIA"]:
        raise BadEnvironment(
            "LABELING_X_ACCEL=1 is for photos in the data folder, and LABELING_MEDIA puts them "
            "elsewhere: leave one of them out."
        )
