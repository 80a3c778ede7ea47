"""The page of near-duplicates: groups to label with one act, or to thin out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.views.decorators.http import require_GET, require_POST

from ..access import person, project_for
from ..errors import Conflict, Refusal, TooLarge
from ..forms import DuplicatesForm
from ..models import Act, Project, Role
from ..services import duplicates as service
from ..services.counts import counts_of
from ..services.grid import undo_and_redo
from ..services.near_pairs import pairs_if_soon
from ..services.selection import checked_ids
from .answers import body_of, card_context
from .review_answers import labels_json, number

MOST_CARDS = 10_000
"""Cards a page asks about after an act; it offers no more than so many."""


@require_GET
def duplicates(request: HttpRequest, pk: int) -> HttpResponse:
    """The page. While all images are compared for the first time it says so and asks again."""
    project = project_for(request, pk)
    form = DuplicatesForm(request.GET).valid()
    known = pairs_if_soon(project)
    groups = service.find_groups(project, known, percent=form.percent) if known else []
    page = service.page_of_groups(groups, after=form.cleaned_data["after"])
    undo, redo = undo_and_redo(project, person(request))
    context = {
        **card_context(request, project),
        "cards": service.cards_of(project, page),
        "comparing": known is None,
        "next": _next(groups, page),
        "most_cards": MOST_CARDS,
        "percent": form.percent,
        "least": form.LEAST,
        "most": form.MOST,
        "normal": form.NORMAL,
        "strict": form.STRICT,
        "sums": service.sums_of(groups),
        "counts": counts_of(project),
        "labels": labels_json(project),
        "undo": undo,
        "redo": redo,
    }
    return render(request, "projects/duplicates.html", context)


@require_GET
def more(request: HttpRequest, pk: int) -> JsonResponse:
    """The next groups behind a place."""
    project = project_for(request, pk)
    form = DuplicatesForm(request.GET).valid()
    groups = _groups(project, form)
    page = service.page_of_groups(groups, after=form.cleaned_data["after"])
    cards = _shown(request, project, service.cards_of(project, page))
    return JsonResponse({"cards": cards, "next": _next(groups, page)})


@require_POST
def cards(request: HttpRequest, pk: int) -> JsonResponse:
    """The groups of `known` that look different by now, those that are gone, and the sums.

    Reads only; what a page knows of thousands of groups is too long for an address.
    """
    project = project_for(request, pk)
    body = body_of(request)
    form = DuplicatesForm({"alike": body.get("alike")}).valid()
    known = _known(body)
    groups = _groups(project, form)
    there = service.cards_of(project, [group for group in groups if group.key in known])
    keys = {card.group.key for card in there}
    other = [card for card in there if card.version != known[card.group.key]]
    undo, redo = undo_and_redo(project, person(request))
    return JsonResponse(
        {
            "cards": _shown(request, project, other),
            "gone": [key for key in known if key not in keys],
            "sums": asdict(service.sums_of(groups)),
            "labels": labels_json(project),
            "undo": undo,
            "redo": redo,
        }
    )


@require_POST
def like(request: HttpRequest, pk: int) -> JsonResponse:
    """Label `images` like one of them."""
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    one = number(body.get("like"), "like")
    ids = service.checked_group(project, checked_ids(body.get("images")), one)
    act = service.label_like(project, person(request), ids, like=one)
    return _done(act, otherwise="They are labeled alike already")


@require_POST
def like_all(request: HttpRequest, pk: int) -> JsonResponse:
    """Label the unlabeled images of all groups whose labeled ones agree like those."""
    project = project_for(request, pk, needs=Role.LABELER)
    form = DuplicatesForm({"alike": body_of(request).get("alike")}).valid()
    groups = _groups(project, form)
    act = service.label_groups_like_labeled(project, person(request), groups)
    return _done(act, otherwise="There is no group with labeled and unlabeled images")


def _done(act: Act | None, *, otherwise: str) -> JsonResponse:
    return JsonResponse({"message": act.summary if act else otherwise, "act": act and act.pk})


def _groups(project: Project, form: DuplicatesForm) -> list[service.Group]:
    known = pairs_if_soon(project)
    if known is None:
        raise Conflict(
            "New images are being compared; try again in a moment.", code="still_comparing"
        )
    return service.find_groups(project, known, percent=form.percent)


def _known(body: Mapping[str, Any]) -> dict[int, str]:
    """Return the groups the page shows, each with the version it shows."""
    known = body.get("known")
    if not isinstance(known, dict):
        raise Refusal("“known” must be an object of groups and versions.", code="bad_request")
    if len(known) > MOST_CARDS:
        raise TooLarge(f"At most {MOST_CARDS:,} groups at once.", code="too_many_groups")
    return {number(key, "known"): str(version) for key, version in known.items()}


def _next(groups: Sequence[service.Group], page: Sequence[service.Group]) -> str:
    """Return the place behind the last group of a page, empty where no more follow."""
    if not page or page[-1] is groups[-1]:
        return ""
    return "{}-{}".format(*map(int, page[-1].place))


def _shown(
    request: HttpRequest, project: Project, cards: Iterable[service.Card]
) -> list[dict[str, Any]]:
    context = card_context(request, project)
    template = get_template("projects/_duplicate_group.html")
    return [
        {
            "key": card.group.key,
            "version": card.version,
            "html": template.render({**context, "card": card}),
        }
        for card in cards
    ]
