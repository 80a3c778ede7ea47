"""How the bytes of a picture are answered: as nothing but a picture, whatever they are."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

# Without scripts, plug-ins, forms or an origin.
POLICY = "sandbox; default-src 'none'"
NGINX_FOLDER = "/photos-of-the-data-folder/"
"""Only nginx itself may ask for what is below it."""
FOREVER = "private, max-age=31536000, immutable"


def picture(
    stored: str, content_type: str, *, name: str, cached: str = FOREVER
) -> HttpResponseBase:
    """Return the answer with a stored file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if settings.ENVIRONMENT["LABELING_X_ACCEL"]:
        return guarded(_sent_by_nginx(stored, content_type, name), cached)
    answer = FileResponse(default_storage.open(stored), content_type=content_type, filename=name)
    return guarded(answer, cached)


def _sent_by_nginx(stored: str, content_type: str, name: str) -> HttpResponse:
    """An empty answer that tells nginx which file to send; see `deploy/locations.conf`."""
    if not default_storage.exists(stored):
        raise FileNotFoundError(stored)
    answer = HttpResponse(content_type=content_type)
    answer["Content-Disposition"] = content_disposition_header(False, name) or "inline"
    answer["X-Accel-Redirect"] = NGINX_FOLDER + quote(stored)
    return answer


def guarded(answer: HttpResponseBase, cached: str) -> HttpResponseBase:
    answer["Content-Security-Policy"] = POLICY
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = cached
    return answer
