"""Refusals a person can read. Each has a code for scripts and an HTTP status."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is understood and not done. `str()` is a whole sentence with the remedy."""

    status = 400

    def __init__(
        self, sentence: str, *, code: str, status: int | None = None, wait: float | None = None
    ) -> None:
        """`wait`: seconds after which the same request may be done."""
        super().__init__(sentence)
        self.code = code
        self.wait = wait
        if status is not None:
            self.status = status


class Conflict(Refusal):
    """The request does not fit what is stored by now."""

    status = 409


class Forbidden(Refusal):
    """The person may see the project, but not do this."""

    status = 403


class TooLarge(Refusal):
    """More than a documented limit."""

    status = 413


class NotFound(Refusal):
    """There is no such thing where the person may look."""

    status = 404


class TooMany(Refusal):
    """More requests than are allowed at a time."""

    status = 429
