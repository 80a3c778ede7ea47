"""Images fetched from URLs that strangers send: public addresses only, bounded in size and time.

The addresses of a host are looked up once, all of them checked, and the connection is made to the
address that was checked, anew for each redirect. Nothing is taken from the environment (no proxy),
and nothing of ours is sent along. See docs/decisions/0031-fetching-urls.md.
"""

from __future__ import annotations

import http.client
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urljoin

from django.conf import settings

from projects.errors import Refusal
from projects.services.addresses import Target, is_public, refused, target_of

MAX_BYTES = 25 * 1024 * 1024
MAX_SECONDS = 15.0
MAX_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
BLOCK = 64 * 1024


def fetch(url: str) -> bytes:
    """Return what lies at a URL.

    Raises:
        Refusal: the URL leads somewhere it must not, or does not answer with a file in time.
    """
    deadline = time.monotonic() + MAX_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        content, location = _get(target_of(url), deadline)
        if location is None:
            return content
        url = urljoin(url, location)
    raise _failed(f"The URL leads on more than {MAX_REDIRECTS} times.")


def _failed(sentence: str, code: str = "fetch_failed") -> Refusal:
    return refused(sentence, code=code)


def _too_slow() -> Refusal:
    return _failed(f"The image did not arrive within {MAX_SECONDS:.0f} seconds.", "fetch_too_slow")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_slow()
    return left


def _get(target: Target, deadline: float) -> tuple[bytes, str | None]:
    """Return the content there, or where the answer leads on to."""
    connection = _Connection(target, deadline)
    try:
        with connection.watched():
            connection.request("GET", target.path, headers=_headers(target))
            answer = _read(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError) as problem:
        if time.monotonic() >= deadline:
            raise _too_slow() from None
        raise _failed(f"{target.host} could not be read ({type(problem).__name__}).") from None
    else:
        # A connection that was cut looks like the end of a file of unknown length.
        _left(deadline)
        return answer
    finally:
        connection.close()


def _headers(target: Target) -> dict[str, str]:
    return {
        "Host": target.host_header,
        "User-Agent": "Alike",
        "Accept": "image/*,*/*;q=0.5",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _read(answer: http.client.HTTPResponse) -> tuple[bytes, str | None]:
    location = answer.getheader("Location")
    if answer.status in REDIRECTS and location:
        return b"", location
    if answer.status != 200:
        raise _failed(f"The URL answers with status {answer.status} instead of an image.")
    content = bytearray()
    while block := answer.read(BLOCK):
        content += block
        if len(content) > MAX_BYTES:
            raise _failed(
                f"The file has more than {MAX_BYTES // 1024**2} MB; send a smaller one, or upload "
                "it.",
                "fetch_too_large",
            )
    if answer.length:
        raise http.client.IncompleteRead(b"")
    return bytes(content), None


class _Connection(http.client.HTTPConnection):
    """A connection to a checked address, which ends at the deadline whatever the other side does.

    A timeout of the socket alone would begin anew with every byte that drips in.
    """

    def __init__(self, target: Target, deadline: float) -> None:
        super().__init__(target.host, target.port)
        self._target, self._deadline = target, deadline
        # `sock` is taken away when an answer begins that ends with the connection.
        self._held: socket.socket | None = None

    def connect(self) -> None:
        addresses = _checked_addresses(self._target, self._deadline)
        for last, address in _with_last(addresses):
            try:
                self.sock = socket.create_connection(address, timeout=_left(self._deadline))
                self._held = self.sock
                break
            except OSError:
                if last:
                    raise
        if self._target.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._target.host)
            self._held = self.sock

    @contextmanager
    def watched(self) -> Iterator[None]:
        watchdog = threading.Timer(_left(self._deadline), self._cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield
        finally:
            watchdog.cancel()

    def _cut(self) -> None:
        if self._held is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown, which takes the encryption away under the reading thread.
                socket.socket.shutdown(self._held, socket.SHUT_RDWR)


def _with_last(addresses: list[tuple[str, int]]) -> Iterator[tuple[bool, tuple[str, int]]]:
    for number, address in enumerate(addresses, start=1):
        yield number == len(addresses), address


def _checked_addresses(target: Target, deadline: float) -> list[tuple[str, int]]:
    """Return the host's addresses, all of which we may connect to.

    Raises:
        Refusal: one of them is not public, and the host is not named in LABELING_FETCH_HOSTS.
    """
    found = _look_up(target, deadline)
    if not found:
        raise _failed(f"There is no host named {target.host}.")
    trusted = {name.lower().rstrip(".") for name in settings.ENVIRONMENT["LABELING_FETCH_HOSTS"]}
    if target.host not in trusted and not all(map(is_public, found)):
        raise refused(
            f"{target.host} is not a public address. Upload the image instead, or have the "
            "host named in LABELING_FETCH_HOSTS."
        )
    return [(address, target.port) for address in found]


def _look_up(target: Target, deadline: float) -> list[str]:
    """Return the host's addresses. A name server that is silent must not hold the request."""
    answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        answers.put(list(dict.fromkeys(str(each[4][0]) for each in found)))

    threading.Thread(target=ask, daemon=True, name="look-up").start()
    try:
        return answers.get(timeout=_left(deadline))
    except queue.Empty:
        raise _too_slow() from None
