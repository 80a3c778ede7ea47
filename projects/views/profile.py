"""A person's own page: who they are, and the tokens of their scripts."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ..access import person
from ..errors import Refusal
from ..forms import TokenForm
from ..models import Project
from ..services.tokens import create_token, revoke_token, tokens_of


@never_cache
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """The tokens. A new one is shown in the answer that makes it, and never again."""
    user = person(request)
    sent = request.POST if request.method == "POST" else None
    form = TokenForm(Project.objects.visible_to(user), sent)
    fresh = None
    if form.is_valid():
        try:
            fresh = create_token(user, **form.cleaned_data)
        except Refusal as problem:
            form.add_error(None, str(problem))
        else:
            form = TokenForm(Project.objects.visible_to(user))
    context = {"tokens": tokens_of(user), "form": form, "fresh": fresh}
    return render(request, "profile.html", context, status=400 if form.errors else 200)


@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    token = revoke_token(person(request), pk)
    if token is None:
        raise Http404("No such token.")
    messages.success(request, f"The token {token.name} is revoked: no request with it works now.")
    return redirect("profile")
