"""Code for scripts, with the reader's own host and project filled in."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ..access import project_for
from ..services.samples import FORMS, languages


@require_safe
def api_samples(request: HttpRequest, pk: int) -> HttpResponse:
    """The samples. The token is put in by the page itself and never comes here."""
    context = {
        "project": project_for(request, pk),
        "host": f"{request.scheme}://{request.get_host()}",
        "forms": FORMS.items(),
        "languages": languages(),
    }
    return render(request, "projects/api.html", context)
