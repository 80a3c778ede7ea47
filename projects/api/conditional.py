"""Lists that did not change are not sent again: ETag and 304."""

from __future__ import annotations

import hashlib

from django.db.models import Count, Max, Q
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from rest_framework.request import Request

from ..models import Image, Project


def not_modified(request: Request, etag: str) -> HttpResponseBase | None:
    """Return a 304 if the client has this version, else None."""
    answer = get_conditional_response(request._request, etag=quote_etag(etag))
    if answer is None or answer.status_code != 304:
        return None
    answer["ETag"] = quote_etag(etag)
    return answer


def etag_of(request: Request, *parts: object) -> str:
    """Return the version of a list: of what it was asked for, and of what it is made from."""
    text = "\0".join(map(str, (request.get_full_path(), *parts)))
    return quote_etag(hashlib.sha256(text.encode()).hexdigest()[:32])


def etag_of_images(request: Request, project: Project) -> str:
    """Return the version of a list of images.

    The revision moves with labels and embeddings. Uploads and images that are read again move only
    what is counted here; all of it from indexes.
    """
    pending = Q(embedding_state=Image.EmbeddingState.PENDING)
    there = project.images.aggregate(
        n=Count("id"), last=Max("id"), waiting=Count("id", filter=pending)
    )
    return etag_of(request, project.revision, *there.values())
