"""The image in a body: decided by trying, since clients say all kinds of things in Content-Type."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, UnreadablePostError

from ..errors import Refusal, TooLarge

FORMS = (
    "Send the bytes of an image, or JSON with one of “url”, “imageName” and “base64”: "
    '{"imageName": "cat.jpg"}.'
)
KEYS = {"url": "url", "imagename": "imageName", "base64": "base64"}
"""Ways to an image, by their lower case: a client in another language may write `ImageName`."""
# What Python's str() makes of a dict, bytes in it included. Read by hand: a parser of Python takes
# a hundred times the memory, and one that is nested deeply enough ends the process.
_PYTHON_DICT = re.compile(r"""\s*\{\s*['"](\w{1,20})['"]\s*:\s*b?('[^'\\]*'|"[^"\\]*")\s*\}\s*""")
_DATA_URI = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True)
class GivenImage:
    """What a body gave: exactly one of the three."""

    content: bytes | None = None
    url: str | None = None
    name: str | None = None


def read_body(request: HttpRequest, most: int) -> bytes:
    """Return the body, which may come in chunks of no announced length.

    Raises:
        TooLarge: more than `most` bytes.
        Refusal: it ended before the length that was announced, or its chunks are none.
    """
    if hasattr(request, "_body"):
        # Read before, to look for a form's CSRF token.
        return request.body
    length = _announced_length(request)
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if length > most:
        raise _too_large(most)
    source: Any = request.META["wsgi.input"] if chunked else request
    try:
        body: bytes = source.read(most + 1)
    except UnreadablePostError:
        raise
    except OSError as problem:
        raise UnreadablePostError(*problem.args) from problem
    except Exception as problem:
        # Each web server has errors of its own for bad chunks; gunicorn's are no OSError.
        raise Refusal("The chunks of the body cannot be read.", code="bad_chunks") from problem
    if len(body) > most:
        raise _too_large(most)
    if len(body) < length:
        raise Refusal("The body ended before its length.", code="body_cut_off")
    return body


def _announced_length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than the {most / 1024**2:,.0f} MB that are accepted here.",
        code="body_too_large",
    )


def given_image(body: bytes, *, names: bool = True) -> GivenImage:
    """Return what a body gave: bytes of an image, or what its JSON names.

    Args:
        names: whether an image of the project may be named.

    Raises:
        Refusal: it is empty, is broken JSON, or says not exactly one thing.
    """
    if not body:
        raise Refusal(f"The body is empty. {FORMS}", code="empty_body")
    if body.startswith(b"--") and b"form-data" in body[:1000]:
        raise Refusal(
            f"Forms (multipart/form-data) are not accepted here. {FORMS}",
            code="multipart",
            status=415,
        )
    if not _looks_like_json(body):
        return GivenImage(content=body)
    key, value = _only_way(_read_json(body), names=names)
    if key == "base64":
        return GivenImage(content=from_base64(value))
    return GivenImage(url=value.strip()) if key == "url" else GivenImage(name=value)


def _only_way(given: dict[str, Any], *, names: bool) -> tuple[str, str]:
    """Return which of `KEYS` was given, and its text. A null counts as left out."""
    found = [
        (KEYS[key.lower()], value)
        for key, value in given.items()
        if key.lower() in KEYS and value is not None
    ]
    found = [each for each in found if names or each[0] != "imageName"]
    if len(found) != 1:
        raise Refusal(f"The JSON must hold exactly one way to an image. {FORMS}", code="bad_body")
    [(key, value)] = found
    if not isinstance(value, str) or not value.strip():
        raise Refusal(f"“{key}” must be a text that is not empty. {FORMS}", code="bad_body")
    return key, value


def _looks_like_json(body: bytes) -> bool:
    """Whether it begins as a JSON object, after white space and marks of its encoding.

    No image of any format does. UTF-16 puts a zero between, as Windows' shell does.
    """
    return (
        body[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith((b"{", b'["', b"[{", b'"{'))
    )


def _read_json(body: bytes) -> dict[str, Any]:
    """Return the object: as JSON, as JSON inside of a JSON text (`json=json.dumps(...)`), or as
    Python prints it (`data=str(...)`).
    """
    try:
        given = json.loads(body)
        if isinstance(given, str):
            given = json.loads(given)
    except (ValueError, RecursionError):
        given = _python_dict(body)
    if not isinstance(given, dict):
        raise Refusal(f"The JSON must be an object. {FORMS}", code="bad_body")
    return given


def _python_dict(body: bytes) -> dict[str, str]:
    try:
        found = _PYTHON_DICT.fullmatch(body.decode())
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise Refusal(f"The body begins like JSON and is none. {FORMS}", code="bad_json")
    return {found[1]: found[2][1:-1]}


def from_base64(text: str) -> bytes:
    """Decode base64, also with a `data:` prefix, white space, of the URL alphabet, or unpadded."""
    bare = _SPACE.sub("", _DATA_URI.sub("", text, count=1)).translate(_URL_SAFE).rstrip("=")
    try:
        content = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("“base64” is not base64.", code="bad_base64") from None
    if not content:
        raise Refusal("“base64” holds no bytes.", code="bad_base64")
    return content
