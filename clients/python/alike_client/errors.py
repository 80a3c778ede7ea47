"""What can go wrong. Each error's text is a sentence for a person."""

from __future__ import annotations


class AlikeError(Exception):
    """Something went wrong; `code` is for programs and does not change."""

    def __init__(self, sentence: str, *, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class Unreachable(AlikeError):
    """No answer came, however often it was tried."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, code="unreachable")


class RequestRefused(AlikeError):
    """The server answered with an error."""

    def __init__(
        self, sentence: str, *, code: str, status: int, retry_after: float | None = None
    ) -> None:
        super().__init__(sentence, code=code)
        self.status = status
        self.retry_after = retry_after
        """Seconds after which it may be asked again, where the server says so."""
