"""How files and zips are sent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .answers import Uploaded
from .files import LocalFile, Portion, StreamedForm, form_files
from .transport import Transport

LOOK_AGAIN = 0.5
"""Seconds between looks at how far the server is."""


def send_portion(
    transport: Transport, address: str, portion: Portion, wish: Mapping[str, str]
) -> Iterator[Uploaded]:
    """Send the files of a portion that the project at `address` does not have."""
    there = _there(transport, address, portion.files)
    missing = [file for file in portion.files if file.sha256 not in there]
    for file in portion.files:
        if name := there.get(file.sha256):
            yield Uploaded(file.path, "duplicate", "The project has this image.", name)
    for path, sentence in portion.unreadable:
        yield Uploaded(path, "refused", sentence)
    if missing:
        form = {
            "files": form_files(missing),
            "data": {"path": [file.path for file in missing], **wish},
        }
        told = transport.send("POST", f"{address}/uploads", body=lambda: form, once=True).json()
        yield from map(Uploaded.of, told["results"])


def _there(transport: Transport, address: str, files: Sequence[LocalFile]) -> Mapping[str, str]:
    if not files:
        return {}
    body = {"json": {"sha256": [file.sha256 for file in files]}}
    told = transport.send("POST", f"{address}/uploads/check", body=lambda: body).json()
    images: Mapping[str, str] = told["images"]
    return images


def send_zip(transport: Transport, address: str, path: Path, wish: Mapping[str, str]) -> Any:
    """Send a zip, wait until it is unpacked, and return the upload as the server tells it."""

    def body() -> dict[str, Any]:
        form = StreamedForm(wish, "file", path)
        return {"data": form, "headers": {"Content-Type": form.content_type}}

    upload = transport.send("POST", f"{address}/uploads/zip", body=body, once=True).json()
    while upload["state"] not in {"done", "failed"}:
        time.sleep(LOOK_AGAIN)
        upload = transport.send("GET", f"{address}/uploads/{upload['id']}").json()
    return upload
