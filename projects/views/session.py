"""Coming in and going out."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from ..services.local import is_enter_token, local_user

OLD_LINK = (
    "This link is of an earlier start. Open the one that the running start command printed last."
)


@login_not_required
@never_cache
@require_GET
def enter(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in the person of this laptop by the link that the start command printed."""
    if is_enter_token(token):
        login(request, local_user(), backend="django.contrib.auth.backends.ModelBackend")
    elif not request.user.is_authenticated:
        page = {"problem": OLD_LINK, "form": AuthenticationForm(request)}
        return render(request, "sign_in.html", page, status=403)
    return redirect("projects")
