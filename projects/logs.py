"""What is written to logs, as lines for people or as JSON, and what never is.

Never: photos, names of files, tokens, passwords, addresses with what was asked. A request is told
by its view, and an error in JSON by its type and place, since its message may quote what was sent.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.http import HttpRequest

_facts: ContextVar[dict[str, Any]] = ContextVar("facts", default={})  # noqa: B039 - never changed

CELERY_TRACE = "celery.app.trace"
"""Puts the message of the error and its traceback into its own message."""


@contextmanager
def knowing(**facts: Any) -> Iterator[None]:
    """Add facts, such as the id of the request, to every line of the block."""
    before = _facts.set({**_facts.get(), **facts})
    try:
        yield
    finally:
        _facts.reset(before)


def known(name: str) -> Any:
    """Return a fact of the enclosing blocks, or None."""
    return _facts.get().get(name)


def view_of(request: HttpRequest) -> str:
    """Return the name of the view a request leads to: one of a few hundred, whatever is sent."""
    match = getattr(request, "resolver_match", None)
    return (match.url_name or match.view_name.removeprefix("projects.")) if match else "none"


class JsonFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`, the facts known, and `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_facts.get(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Lines for people, with the facts that a message was given behind it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        facts = "".join(f" {name}={value}" for name, value in getattr(record, "facts", {}).items())
        return super().formatMessage(record) + facts


def _error(problem: BaseException) -> dict[str, Any]:
    cause = problem.__cause__ or problem.__context__
    told: dict[str, Any] = {"type": _name(type(problem)), "at": _places(problem.__traceback__)}
    if cause is not None:
        told["from"] = _name(type(cause))
    if isinstance(problem, OSError) and problem.errno is not None:
        told["errno"] = problem.errno
    return told


def _name(kind: type[BaseException]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


class Discreet(logging.Filter):
    """Takes out of other libraries' lines what people sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if isinstance(request, HttpRequest):
            _forget_address(record, request)
        if getattr(record, "status_code", 0) == 503:
            # Told by the outage's own line. A traceback would point at us.
            record.exc_info = None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        if record.name.startswith("django.security") and record.exc_info:
            # Such as a path out of its folder or the name of another host.
            record.msg, record.args = "a request was refused as suspicious", ()
        if record.name == CELERY_TRACE and isinstance(getattr(record, "data", None), dict):
            record.msg, record.args = "a task raised an error", ()
        return True


def _forget_address(record: logging.LogRecord, request: HttpRequest) -> None:
    if isinstance(record.args, tuple):
        hidden = {request.path, request.path_info, request.get_full_path()}
        view = view_of(request)
        record.args = tuple(view if each in hidden else each for each in record.args)
