"""Requests that are sent again where that helps, and errors as sentences."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from .errors import AlikeError, RequestRefused, Unreachable

TRY_AGAIN = {429, 502, 503, 504}
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
CONNECT_SECONDS = 10.0

Body = Callable[[], Mapping[str, Any]]
"""Made anew for each attempt: a file that was read to its end has nothing left to send."""


class Transport:
    """Sends requests to one host with one token.

    Args:
        timeout: seconds without a byte after which an attempt is given up.
        retries: how often a request is sent again after a lost connection, 429, 502, 503 or 504.
        patience: seconds that one request may wait in all before it is sent again. A longer
            `Retry-After`, such as of a quota for the day, is an error at once.
    """

    def __init__(
        self, host: str, token: str, *, timeout: float, retries: int, patience: float
    ) -> None:
        parts = urlsplit(host)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise AlikeError(
                f"The host must begin with http:// or https://, and is “{host}”.", code="bad_host"
            )
        if not token or not token.isascii() or not token.isprintable():
            raise AlikeError(
                "A token is needed; make one in your profile in the application.", code="no_token"
            )
        self.host = host.rstrip("/")
        self._timeout, self._retries, self._patience = timeout, retries, patience
        self._session = requests.Session()
        self._session.headers["X-Auth-token"] = token

    def close(self) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Body | None = None,
        once: bool = False,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request until it is answered; return the answer, which is a success.

        Args:
            path: below the host.
            body: makes the arguments of `requests` that hold the body.
            once: it changes something: a key makes sure that it is done once, however often sent.

        Raises:
            RequestRefused: the server answers with an error.
            Unreachable: it does not answer.
        """
        key = {"Idempotency-Key": str(uuid.uuid4())} if once else {}
        waits = _Waits(self._retries, self._patience)
        while True:
            given = dict(body() if body else {})
            given["headers"] = {**given.get("headers", {}), **key}
            try:
                answer = self._session.request(
                    method,
                    self.host + path,
                    params=params,
                    timeout=(CONNECT_SECONDS, self._timeout),
                    # The token must not follow to another host.
                    allow_redirects=False,
                    stream=stream,
                    **given,
                )
            except (requests.ConnectionError, requests.Timeout) as problem:
                if not waits.before_another_try():
                    raise Unreachable(
                        f"{self.host} does not answer ({type(problem).__name__})."
                    ) from None
                continue
            except requests.RequestException as problem:
                raise Unreachable(f"{self.host} cannot be asked: {problem}.") from None
            if answer.status_code < 300:
                return answer
            refusal = _refusal(answer)
            answer.close()
            if not (_may_try_again(refusal) and waits.before_another_try(refusal.retry_after)):
                raise refusal


class _Waits:
    """The waits of one request: each twice as long as the one before, or what the server says."""

    def __init__(self, retries: int, patience: float) -> None:
        self._left, self._patience, self._next = retries, patience, FIRST_WAIT

    def before_another_try(self, asked: float | None = None) -> bool:
        """Wait; or return False where there is no try or no time left."""
        # Several clients that were refused together must not come back together.
        wait = self._next * random.uniform(0.75, 1.25) if asked is None else asked
        if not self._left or wait > self._patience:
            return False
        time.sleep(wait)
        self._left -= 1
        self._patience -= wait
        self._next = min(2 * self._next, LONGEST_WAIT)
        return True


def _may_try_again(refusal: RequestRefused) -> bool:
    """Whether later is another answer likely.

    A server of ours that is only busy says when to come back; a proxy before it need not.
    """
    if refusal.retry_after is not None:
        return refusal.status in TRY_AGAIN | {409}
    return refusal.status in TRY_AGAIN and refusal.code == "http_error"


def _refusal(answer: requests.Response) -> RequestRefused:
    sentence, code = "", "http_error"
    try:
        told = answer.json()
        sentence, code = str(told["error"]), str(told["code"])
    except (ValueError, KeyError, TypeError):
        sentence = f"The server answered with status {answer.status_code} and no explanation."
        if answer.is_redirect:
            where = answer.headers.get("Location", "")
            sentence = f"The server leads on to {where}; if that is yours, give its address."
    return RequestRefused(
        sentence, code=code, status=answer.status_code, retry_after=_retry_after(answer)
    )


def _retry_after(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    # A date is allowed, too; no server of ours sends one, and then the back-off does.
    return float(text) if text.isdecimal() else None
