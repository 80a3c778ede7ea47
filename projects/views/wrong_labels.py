"""The page of labels that look wrong: correct them, or say that they are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.views.decorators.http import require_GET, require_POST

from ..access import person, project_for
from ..errors import Refusal, TooLarge
from ..forms import WrongLabelsForm
from ..models import Act, ImageLabel, Label, Project, Role
from ..services import verdicts
from ..services import wrong_labels as service
from ..services.counts import counts_of
from ..services.grid import undo_and_redo
from .answers import body_of, card_context
from .labels import named_label
from .review_answers import labels_json, number

MOST_KNOWN = 10_000
"""Cards a page asks about after an act; it offers no more than so many."""


@require_GET
def wrong_labels(request: HttpRequest, pk: int) -> HttpResponse:
    project = project_for(request, pk)
    label = WrongLabelsForm(project, request.GET).valid().label_chosen
    judged = service.judge(project)
    suspects = judged.of_label(label.pk if label else None)
    page = service.next_suspects(suspects)
    labels = _labels(project)
    undo, redo = undo_and_redo(project, person(request))
    context = {
        **card_context(request, project),
        "cards": service.cards_of(project, judged, page, labels),
        "more": len(suspects) > len(page),
        "most_known": MOST_KNOWN,
        "judged": judged,
        "label": label,
        "choices": _choices(judged, labels),
        "sums": service.sums_of(suspects),
        "counts": counts_of(project),
        "labels": labels_json(project),
        "undo": undo,
        "redo": redo,
    }
    return render(request, "projects/wrong_labels.html", context)


@require_POST
def cards(request: HttpRequest, pk: int) -> JsonResponse:
    """The cards of `known` that look different by now, those that are gone, and the sums.

    With `more`, also the next ones that are not known. Reads only; what a page knows of thousands
    of cards is too long for an address.
    """
    project = project_for(request, pk)
    body = body_of(request)
    label = WrongLabelsForm(project, {"label": body.get("label")}).valid().label_chosen
    known = _known(body)
    judged = service.judge(project)
    suspects = judged.of_label(label.pk if label else None)
    asked = [each for each in suspects if each.image_id in known]
    following = service.next_suspects(suspects, known) if body.get("more") is True else []
    labels = _labels(project)
    there = service.cards_of(project, judged, [*asked, *following], labels)
    shown = {card.suspect.image_id for card in there}
    other = [card for card in there if card.version != known.get(card.suspect.image_id)]
    undo, redo = undo_and_redo(project, person(request))
    return JsonResponse(
        {
            "cards": _shown(request, project, other),
            "gone": [image_id for image_id in known if image_id not in shown],
            "more": any(each.image_id not in known | dict.fromkeys(shown) for each in suspects),
            "sums": service.sums_of(suspects)._asdict(),
            "numbers": Counter(each.given for each in judged.suspects),
            "labels": labels_json(project),
            "undo": undo,
            "redo": redo,
        }
    )


@require_POST
def replace(request: HttpRequest, pk: int) -> JsonResponse:
    """Give the images of `cards` ([image, present label, suggested label] each) another label.

    The suggested one of each, or for all of them `label`, or `name`, which is made if missing.
    """
    project = project_for(request, pk, needs=Role.LABELER)
    body = body_of(request)
    wanted = [verdicts.Replacement(*card) for card in _cards(body, length=3)]
    source, created = ImageLabel.Source.SUGGESTION, list[Label]()
    if "label" in body or "name" in body:
        label, created = named_label(request, project, body)
        wanted = [each._replace(instead=label.pk) for each in wanted]
        source = ImageLabel.Source.HAND
    act = verdicts.replace_labels(project, person(request), wanted, source=source, created=created)
    return _done(act, otherwise="Nothing to change: press R if that label is right")


@require_POST
def confirm(request: HttpRequest, pk: int) -> JsonResponse:
    """Remember that the labels of `cards` ([image, present label] each) are right."""
    project = project_for(request, pk, needs=Role.LABELER)
    pairs = [(image_id, label_id) for image_id, label_id in _cards(body_of(request), length=2)]
    act = verdicts.confirm_labels(project, person(request), pairs)
    return _done(act, otherwise="Those images carry other labels by now")


def _done(act: Act | None, *, otherwise: str) -> JsonResponse:
    return JsonResponse({"message": act.summary if act else otherwise, "act": act and act.pk})


def _cards(body: Mapping[str, Any], *, length: int) -> list[list[int]]:
    cards = body.get("cards")
    if not isinstance(cards, list) or not cards:
        raise Refusal("“cards” must be a list of images with their labels.", code="bad_request")
    if len(cards) > verdicts.MOST_AT_ONCE:
        raise TooLarge(f"At most {verdicts.MOST_AT_ONCE:,} images at once.", code="too_many_images")
    if any(not isinstance(card, list) or len(card) != length for card in cards):
        raise Refusal(f"Each of “cards” must be a list of {length} numbers.", code="bad_request")
    return [[number(each, "cards") for each in card] for card in cards]


def _known(body: Mapping[str, Any]) -> dict[int, str]:
    """Return the images whose cards the page shows, each with the version it shows."""
    known = body.get("known")
    if not isinstance(known, dict):
        raise Refusal("“known” must be an object of images and versions.", code="bad_request")
    if len(known) > MOST_KNOWN:
        raise TooLarge(f"At most {MOST_KNOWN:,} images at once.", code="too_many_images")
    return {number(key, "known"): str(version) for key, version in known.items()}


def _labels(project: Project) -> dict[int, Label]:
    return {label.pk: label for label in Label.objects.live().filter(project=project)}


def _choices(judged: service.Judged, labels: Mapping[int, Label]) -> list[tuple[Label, int]]:
    """Labels that look wrong on some image, in the project's order, with the number."""
    numbers = Counter(each.given for each in judged.suspects)
    return [(label, numbers[pk]) for pk, label in labels.items() if numbers[pk]]


def _shown(
    request: HttpRequest, project: Project, cards: Iterable[service.Card]
) -> list[dict[str, Any]]:
    context = card_context(request, project)
    template = get_template("projects/_suspect.html")
    return [
        {
            "image": card.suspect.image_id,
            "version": card.version,
            "html": template.render({**context, "card": card}),
        }
        for card in cards
    ]
