"""Client of Alike's REST API: `Client(host, token)`."""

from .answers import (
    Changed,
    Hit,
    Image,
    ImageLabel,
    Label,
    Project,
    Result,
    SimilarImage,
    Suggestion,
    Uploaded,
)
from .client import Client
from .errors import AlikeError, RequestRefused, Unreachable

__all__ = [
    "AlikeError",
    "Changed",
    "Client",
    "Hit",
    "Image",
    "ImageLabel",
    "Label",
    "Project",
    "RequestRefused",
    "Result",
    "SimilarImage",
    "Suggestion",
    "Unreachable",
    "Uploaded",
]
