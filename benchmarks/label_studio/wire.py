"""HTTP as both tools are asked: one kept connection, JSON and forms, nothing in between."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "benchmark-boundary-5f1c7d"
IDLE_SECONDS = 1.0
"""A connection that was idle for longer is opened anew: gunicorn closes one after two seconds."""


@dataclass(frozen=True)
class Part:
    """One field of a form; a file where it has a file name."""

    name: str
    content: bytes
    file_name: str = ""


class Client:
    """One kept connection to one server, with the cookies it gave and the headers of its user."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})
        self.cookies: dict[str, str] = {}
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
        self._used = time.monotonic()

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
        """Return what a request is answered with.

        Raises:
            RuntimeError: the answer is an error.
        """
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()
        self._connection.request(method, path, body or None, self._headers(kind))
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self.cookies |= {name: each.value for name, each in SimpleCookie(cookie).items()}
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:500].decode()}")
        return content

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Send JSON, if any, and return the JSON of the answer."""
        if content is None:
            return json.loads(self.send(method, path))
        return json.loads(self.send(method, path, json.dumps(content).encode(), "application/json"))

    def send_form(self, path: str, parts: Iterable[Part]) -> Any:
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return json.loads(self.send("POST", path, form(parts), kind))

    def close(self) -> None:
        self._connection.close()

    def _headers(self, kind: str) -> dict[str, str]:
        headers = {"Accept": "application/json", **self.headers}
        if kind:
            headers["Content-Type"] = kind
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return headers


def form(parts: Iterable[Part]) -> bytes:
    """Return the body of a multipart form with these parts."""
    lines = []
    for part in parts:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{part.name}"'
        if part.file_name:
            head += f'; filename="{part.file_name}"\r\nContent-Type: image/jpeg'
        lines.append(head.encode() + b"\r\n\r\n" + part.content + b"\r\n")
    return b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()
