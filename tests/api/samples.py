"""The samples of docs/api/samples, filled in as their reader does it."""

from __future__ import annotations

import re
from pathlib import Path

from ..live import Live, Web
from ..running import ROOT

SAMPLES = ROOT / "docs" / "api" / "samples"
FORMS = ("octet-stream", "url", "image-name", "base64-text")
ENDINGS = ("curl.sh", "py", "js", "java", "cs")
WEB_IMAGE = "https://example.com/photo.jpg"


def filled(form: str, ending: str, live: Live, web: Web, *, token: str = "") -> str:
    """Return a sample with host, token, project, and the URL of an image that is there."""
    text = (SAMPLES / f"{form}.{ending}").read_text()
    return put_in(text, live, token=token).replace(WEB_IMAGE, f"{web.url}/photo.jpg")


def put_in(text: str, live: Live, *, token: str = "") -> str:
    values = {"HOST": live.url, "TOKEN": token or live.token, "PROJECT": str(live.project)}
    return re.sub(r"\b(HOST|TOKEN|PROJECT)\b", lambda found: values[found[0]], text)


def written(folder: Path, form: str, ending: str, text: str) -> Path:
    path = folder / f"{form}.{ending}"
    path.write_text(text)
    return path
