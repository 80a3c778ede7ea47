"""The one person of a laptop, and the link that signs them in.

`manage.py start` makes a new token each time and prints it in a link; the data folder keeps only
its hash, readable by its owner alone. Without that file (a server that is run by other means) no
link signs anybody in. See docs/decisions/0003-sign-in-by-link.md.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User

LOCAL_NAME = "you"


def local_user() -> User:
    """Return the person of this laptop, made at the first call; no password signs them in."""
    user, is_new = User.objects.get_or_create(username=LOCAL_NAME)
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def make_enter_token() -> str:
    """Return a new secret for the link that signs in, and make every older link useless."""
    token = secrets.token_urlsafe(32)
    path = _hash_file()
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(_hash(token))
    temporary.replace(path)
    return token


def is_enter_token(token: str) -> bool:
    """Whether this is the secret of the running start command."""
    try:
        stored = _hash_file().read_text()
    except OSError:
        return False
    return hmac.compare_digest(stored, _hash(token))


def forget_enter_token() -> None:
    """Make the link useless: the start command ends."""
    _hash_file().unlink(missing_ok=True)


def _hash_file() -> Path:
    return Path(settings.DATA_FOLDER) / "enter.sha256"


def _hash(token: str) -> str:
    # A plain hash is enough: 32 random bytes cannot be guessed, however fast the hash.
    return hashlib.sha256(token.encode()).hexdigest()
