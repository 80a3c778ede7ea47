"""Who asks: the token in `X-Auth-token`, else the session of the page that is open."""

from __future__ import annotations

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ..models import ApiToken
from ..services.tokens import find_token, note_use

HEADER = "X-Auth-token"


class TokenAuthentication(BaseAuthentication):
    """A token that is sent decides alone: a bad one is refused even beside a valid session."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        secret = request.headers.get(HEADER)
        if secret is None:
            return None
        token = find_token(secret.strip())
        if token is None:
            raise AuthenticationFailed(
                "The token in X-Auth-token is not valid: it is mistyped, over or revoked. Make "
                "one in your profile.",
                code="bad_token",
            )
        note_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return HEADER


class PageAuthentication(SessionAuthentication):
    """The session of a signed-in person; writing needs the CSRF token of the page."""

    def enforce_csrf(self, request: Request) -> None:
        # On Django's own request: looking into a form for the token, DRF's would parse any body.
        super().enforce_csrf(request._request)
