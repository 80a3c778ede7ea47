"""What is refused before Django sees it is refused in JSON too, by the real web server."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest
from gunicorn.http.errors import InvalidResponseHeader

from labeling.web_worker import INTERNAL, answer, refusal_of

from ..live import Live

LINE = "GET /api/v1/projects HTTP/1.1\r\nHost: x\r\n"


def spoken(live: Live, request: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Send bytes as they are; return the status line, the headers and the JSON of the answer."""
    parts = urlsplit(live.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(request.encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    head, _, body = received.decode().partition("\r\n\r\n")
    body = body[body.index("{") : body.rindex("}") + 1]  # also out of chunks
    status, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return status, headers, json.loads(body)


@pytest.mark.parametrize(
    ("request_text", "status", "code"),
    [
        ("nonsense\r\n\r\n", 400, "malformed_request"),
        ("GET /api/image/1/a b HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        ("GET /api/image/1/\u00fc HTTP/1.1\r\n\r\n", 400, "malformed_request"),
        (f"GET /api?x={'a' * 9_000} HTTP/1.1\r\n\r\n", 414, "address_too_long"),
        (LINE + "X: y\r\n" * 200 + "\r\n", 431, "headers_too_large"),
        (LINE + "Expect: cake\r\n\r\n", 417, "expectation_failed"),
        (LINE + "Transfer-Encoding: gin\r\n\r\n", 501, "transfer_encoding"),
        (LINE + "Content-Length: many\r\n\r\n", 400, "malformed_request"),
    ],
)  # fmt: skip
def test_a_request_that_is_no_good_http_is_refused_in_json(
    live: Live, request_text: str, status: int, code: str
) -> None:
    line, headers, body = spoken(live, request_text)
    assert int(line.split(" ")[1]) == status
    assert headers["content-type"] == "application/json"
    assert body["code"] == code
    assert body["error"].endswith(".")


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/similarity-labels?project={}", "application/octet-stream"),
        ("/api/image/{}/new.jpg", "application/json"),
        ("/api/v1/projects/{}/images/labels", "application/json"),
        ("/api/v1/projects/{}/suggestions", "multipart/form-data; boundary=b"),
        ("/api/v1/projects/{}/uploads", "multipart/form-data; boundary=b"),
    ],
)
def test_chunks_that_are_none_are_a_400(live: Live, path: str, content_type: str) -> None:
    request = (
        f"POST {path.format(live.project)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"X-Auth-token: {live.token}\r\nContent-Type: {content_type}\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        "not a length\r\nbytes\r\n0\r\n\r\n"
    )
    line, _, body = spoken(live, request)
    assert line.split(" ")[1] == "400", body
    assert set(body) == {"error", "code"}


def test_an_address_of_8000_bytes_reaches_the_application(live: Live) -> None:
    line, _, body = spoken(live, f"GET /api/{'a' * 7_900} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
    assert line.split(" ")[1] == "404"
    assert body["code"] == "not_found"


def test_a_bad_header_of_our_own_answer_is_our_mistake() -> None:
    assert refusal_of(InvalidResponseHeader("X")) is INTERNAL
    assert refusal_of(RuntimeError("a secret")) is INTERNAL
    assert b"500 Internal Server Error" in answer(INTERNAL)
    assert b"secret" not in answer(INTERNAL)
