"""The schema, and a page to read it and to try calls out. Both are public: they hold no data."""

from __future__ import annotations

from collections.abc import Sequence

from csp.decorators import csp_update
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from .rendering import AlwaysFirst
from .schema import compatible as _compatible  # noqa: F401 - says what the calls are
from .schema import ours as _ours  # noqa: F401


class ByFormat(AlwaysFirst):
    """YAML, or JSON where `?format=json` asks for it."""

    def select_renderer(
        self,
        request: Request,
        renderers: Sequence[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        chosen = renderers[1] if request.query_params.get("format") == "json" else renderers[0]
        return chosen, chosen.media_type


@extend_schema(exclude=True)
class Schema(SpectacularAPIView):
    """OpenAPI 3 of every call."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = ByFormat
    renderer_classes = [OpenApiYamlRenderer, OpenApiJsonRenderer]


@login_not_required
@require_GET
# Icons of Swagger UI stand inside its style sheet.
@csp_update({"img-src": ["data:"]})
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "api_docs.html")
