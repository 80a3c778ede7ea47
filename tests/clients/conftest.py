"""The client, and a server that answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from alike_client import Client

from ..live import Live


@pytest.fixture
def client(live: Live) -> Iterator[Client]:
    with Client(live.url, live.token) as client:
        yield client


@dataclass
class Scripted:
    """A server that gives prepared answers, one a request, and remembers what it was asked."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def will_answer(self, status: int, body: Any = None, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, named, body))

    def keys(self) -> list[str]:
        return [headers.get("Idempotency-Key", "") for _, headers, _ in self.asked]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    told = Scripted()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(told))
    told.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()


def _handler(told: Scripted) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.asked.append((f"{self.command} {self.path}", dict(self.headers), body))
            status, headers, content = told.answers.pop(0)
            if not status:
                self.close_connection = True
                return
            data = json.dumps(content).encode() if content is not None else b"<h1>Sorry</h1>"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 - names of http.server

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler
