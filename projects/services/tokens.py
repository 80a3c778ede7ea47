"""Tokens for scripts: made, found by their secret, revoked."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from projects.errors import Refusal
from projects.models import ApiToken, Project, Scope

PREFIX_LENGTH = 6
"""Signs of the secret that are shown later: enough to tell tokens apart, 36 of 256 bits given."""
MAX_DAYS = 3650
MAX_TOKENS = 100
"""Usable tokens of one person: more of them nobody keeps an eye on."""
USE_NOTED_EVERY = timedelta(minutes=1)
"""A write for each request would be what the request costs most."""


def create_token(
    user: AbstractBaseUser,
    *,
    name: str,
    scope: Scope | str,
    project: Project | None = None,
    days: int | None = None,
) -> tuple[ApiToken, str]:
    """Make a token; return it with its secret, which nobody can tell a second time.

    Restricting `project` to those the person sees is left to the caller.

    Raises:
        Refusal: no name, an unknown scope, days outside 1 to `MAX_DAYS`, or too many tokens.
    """
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise Refusal("A token needs a name of 1 to 100 characters.", code="token_name")
    if scope not in Scope.values:
        raise Refusal(f"A token's scope is read, predict or write, not {scope}.", code="scope")
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise Refusal(f"A token lasts 1 to {MAX_DAYS:,} days, not {days}.", code="token_days")
    if ApiToken.objects.usable().filter(user=user.pk).count() >= MAX_TOKENS:
        raise Refusal(f"You have {MAX_TOKENS} tokens; revoke one first.", code="too_many_tokens")
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user_id=user.pk,
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        secret_hash=_hash(secret),
        scope=scope,
        project=project,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return token, secret


def find_token(secret: str) -> ApiToken | None:
    """Return the usable token of this secret, with its person. One query."""
    found = ApiToken.objects.usable().filter(secret_hash=_hash(secret))
    return found.select_related("user").first()


def note_use(token: ApiToken) -> None:
    """Remember that the token was used, at most once a minute."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


def tokens_of(user: AbstractBaseUser) -> list[ApiToken]:
    """Return the person's tokens, usable ones first, newest of them first."""
    return list(ApiToken.objects.filter(user=user.pk).select_related("project"))


def revoke_token(user: AbstractBaseUser, token_id: int) -> ApiToken | None:
    """Make a token useless from the next request on; None where the person has no such token."""
    token = ApiToken.objects.filter(user=user.pk, pk=token_id).first()
    if token and token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token


def _hash(secret: str) -> str:
    # A plain hash is enough: 32 random bytes cannot be guessed, however fast the hash.
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
