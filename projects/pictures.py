"""How the bytes of a picture are answered: as nothing but a picture, whatever they are."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import FileResponse
from django.http.response import HttpResponseBase

# Without scripts, plug-ins, forms or an origin.
POLICY = "sandbox; default-src 'none'"
FOREVER = "private, max-age=31536000, immutable"


def picture(
    stored: str, content_type: str, *, name: str, cached: str = FOREVER
) -> HttpResponseBase:
    """Return the answer with a stored file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    answer = FileResponse(default_storage.open(stored), content_type=content_type, filename=name)
    return guarded(answer, cached)


def guarded(answer: HttpResponseBase, cached: str) -> HttpResponseBase:
    answer["Content-Security-Policy"] = POLICY
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = cached
    return answer
