"""What a person says of labels that look wrong: another label instead, or that it is right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from projects.models import Act, Image, ImageLabel, Label, Project

from .acts import begin_act, count, summarize
from .label_states import States, read_all_states
from .labels import Given, apply_labels
from .selection import one_variable

MOST_AT_ONCE = 2_000
"""Images one verdict is about: more than a person has looked at."""
MOST_ACTS = 5_000
"""Acts of confirming that are read, the newest: a list of pairs each, 50 ms on the whole."""

Pair: TypeAlias = tuple[int, int]
"""An image and a label that it carries, by their ids."""


class Replacement(NamedTuple):
    """A label to take from an image, and the one to give it instead, by their ids."""

    image_id: int
    given: int
    instead: int


def replace_labels(
    project: Project,
    user: AbstractBaseUser,
    wanted: Sequence[Replacement],
    *,
    source: ImageLabel.Source = ImageLabel.Source.HAND,
    created: Sequence[Label] = (),
) -> Act | None:
    """Give images another label instead of one they carry, as one act; None if nothing changes.

    Other labels of an image stay. Images that do not carry theirs any more are left alone.
    `created` are labels made for this act: undoing it removes them from the list again.

    Raises:
        Conflict: one of the labels was deleted.
    """
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.LABEL, summary="Correcting labels")
        states = read_all_states(project.pk, [each.image_id for each in wanted])
        there = [each for each in wanted if each.given in states.get(each.image_id, {})]
        givens = {each.image_id: _givens(states[each.image_id], each) for each in there}
        changed = apply_labels(act, givens, mode="set", source=source)
        if changed:
            if created:
                act.payload["created"] = [label.pk for label in created]
            summarize(act, _summary(changed, {each.instead for each in there}))
            return act
        transaction.set_rollback(True)
    project.refresh_from_db(fields=["revision"])
    return None


def _givens(states: States, wanted: Replacement) -> list[Given]:
    """What an image carries afterwards; first what is new, as in single-label projects one stays.

    The new label is the default one where the wrong one was.
    """
    starred = states[wanted.given].is_default
    kept = [Given(pk) for pk in states if pk not in {wanted.given, wanted.instead}]
    return [Given(wanted.instead, is_default=starred), *kept]


def _summary(changed: int, instead: Collection[int]) -> str:
    images = count(changed, "image")
    if len(instead) > 1:
        return f"Corrected the labels of {images}, each as suggested"
    name = Label.objects.values_list("name", flat=True).get(pk__in=instead)
    return f"Corrected the label of {images} to {name}"


def confirm_labels(project: Project, user: AbstractBaseUser, pairs: Sequence[Pair]) -> Act | None:
    """Remember that labels are right, as one act; None where no image carries its label.

    Pairs of other projects and of deleted images are left out.
    """
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.CONFIRM, summary="Confirming labels")
        given = _given_at(project, pairs)
        right = [pair for pair in dict.fromkeys(pairs) if pair in given]
        if right:
            act.payload = {"right": right}
            labels = "label" if len(right) == 1 else "labels"
            summarize(act, f"Confirmed the {labels} of {count(len(right), 'image')}")
            return act
        transaction.set_rollback(True)
    project.refresh_from_db(fields=["revision"])
    return None


def confirmed(project: Project, pairs: Collection[Pair]) -> set[Pair]:
    """Return which of these labels a person said to be right since they were given. Two queries.

    An undone confirmation does not count, nor one of a label that was taken and given again.
    """
    acts = project.acts.filter(kind=Act.Kind.CONFIRM, state=Act.State.DONE).order_by("-id")
    said: dict[Pair, datetime] = {}
    for at, payload in acts.values_list("created_at", "payload")[:MOST_ACTS]:
        for image_id, label_id in payload["right"]:
            said.setdefault((image_id, label_id), at)
    asked = [pair for pair in pairs if pair in said]
    return {pair for pair, at in _given_at(project, asked).items() if at <= said[pair]}


def _given_at(project: Project, pairs: Collection[Pair]) -> dict[Pair, datetime]:
    """When each of these labels was given, of those that images of the dataset carry. One query."""
    rows = ImageLabel.objects.filter(
        image__in=one_variable([image_id for image_id, _ in pairs]),
        image__project=project,
        image__state=Image.State.DATASET,
    )
    wanted = set(pairs)
    found = rows.order_by().values_list("image", "label", "labeled_at")
    return {(image, label): at for image, label, at in found if (image, label) in wanted}
