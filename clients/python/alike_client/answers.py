"""What the server answers, as small types. Fields that a newer server adds are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


class _Answer:
    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what the server's JSON says."""
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in data.items() if name in known})


@dataclass(frozen=True)
class Project(_Answer):
    id: int
    name: str
    multi_label: bool
    role: str
    images: int
    labeled: int


@dataclass(frozen=True)
class Label(_Answer):
    """A label of the project's list; `images` carry it."""

    id: int
    name: str
    color: str
    images: int


@dataclass(frozen=True)
class ImageLabel(_Answer):
    """A label as an image carries it."""

    label: str
    is_default: bool
    source: str
    score: float | None
    """Percent, if it was a suggestion."""


@dataclass(frozen=True)
class Image(_Answer):
    name: str
    path: str
    width: int
    height: int
    state: str
    embedding: str
    """`pending`, `embedded` or `failed`."""
    failure: str
    labels: tuple[ImageLabel, ...]
    absent: tuple[str, ...] = ()
    """Labels that somebody said it does not carry; of the others nobody knows."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        labels = tuple(ImageLabel.of(each) for each in data["labels"])
        absent = tuple(data.get("absent", ()))
        return super().of({**data, "labels": labels, "absent": absent})


@dataclass(frozen=True)
class Suggestion(_Answer):
    label: str
    score: float
    """Percent."""


@dataclass(frozen=True)
class Hit(_Answer):
    """A labeled image that a suggestion rests on."""

    image: str
    labels: tuple[str, ...]
    similarity: float
    """Percent."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        return super().of({**data, "labels": tuple(data["labels"])})


@dataclass(frozen=True)
class Result(_Answer):
    """Suggestions for one image, best first; or an `error`, the sentence why there are none."""

    image: str
    """As it was given: a name, or the path of a file."""
    suggestions: tuple[Suggestion, ...] = ()
    hits: tuple[Hit, ...] = ()
    """The nearest labeled images, where they were asked for."""
    saved: str = ""
    """The name under which the image was saved, where that was asked for."""
    error: str = ""
    code: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        suggestions = tuple(Suggestion.of(each) for each in data.get("suggestions", ()))
        hits = tuple(Hit.of(each) for each in data.get("hits", ()))
        return super().of({**data, "suggestions": suggestions, "hits": hits})


@dataclass(frozen=True)
class SimilarImage(_Answer):
    image: str
    score: float
    """Percent."""


@dataclass(frozen=True)
class Uploaded(_Answer):
    """What became of a file: `added`, `duplicate` (its bytes were there) or `refused`, and why."""

    path: str
    outcome: str
    reason: str = ""
    image: str | None = None
    """The name of the image that it is now, or was already."""


@dataclass(frozen=True)
class Changed(_Answer):
    """What a change of labels did."""

    images: int
    created_labels: tuple[str, ...]
    summary: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        return super().of({**data, "created_labels": tuple(data["created_labels"])})
