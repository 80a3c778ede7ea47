"""Code of docs/api/samples: what a page shows is what the tests run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from django.conf import settings

FORMS = {
    "octet-stream": "A file",
    "url": "On the web",
    "image-name": "In the project",
    "base64-text": "A file, as base64",
}
"""Names of samples, and where the image is."""

LANGUAGES = {
    "curl.sh": "curl",
    "py": "Python",
    "js": "JavaScript",
    "java": "Java",
    "cs": "C#",
}
"""Endings of samples, and what they are written in."""

PLACES = re.compile(r"\b(HOST|TOKEN|PROJECT)\b")


@dataclass(frozen=True)
class Piece:
    """A piece of code; `place` is `HOST`, `TOKEN` or `PROJECT` where the reader's own goes."""

    text: str
    place: str = ""


@dataclass(frozen=True)
class Sample:
    form: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Language:
    key: str
    name: str
    samples: tuple[Sample, ...]


@cache
def languages() -> tuple[Language, ...]:
    """Return all samples, by language and form."""
    return tuple(
        Language(ending.rpartition(".")[2], name, tuple(_sample(form, ending) for form in FORMS))
        for ending, name in LANGUAGES.items()
    )


def _sample(form: str, ending: str) -> Sample:
    text = (settings.BASE_DIR / "docs" / "api" / "samples" / f"{form}.{ending}").read_text()
    # Of a split by a group, every second piece is what the group found.
    pieces = enumerate(PLACES.split(text.rstrip("\n")))
    return Sample(form, tuple(Piece(piece, piece if at % 2 else "") for at, piece in pieces))
