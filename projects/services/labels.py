"""Giving labels to images and taking them, one or thousands in one act."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from projects.errors import Conflict, TooLarge
from projects.models import Act, ImageLabel, ImageQuerySet, Label, Project
from projects.services.absences import live_label_ids, mark_absent
from projects.services.acts import begin_act, count, summarize
from projects.services.label_list import get_or_create_labels
from projects.services.label_states import (
    LabelState,
    States,
    chunked,
    read_states,
    with_one_default,
    write_states,
)

__all__ = [
    "Given",
    "apply_labels",
    "clear_labels",
    "get_or_create_labels",
    "label_images",
    "mark_rest_absent",
    "star",
]

MAX_IMAGES = 100_000
"""Images one act changes: ten seconds of a core; no request should hold the lock longer."""

MAX_PAIRS = 150_000
"""Images times labels that one act marks as absent: nine seconds of a core."""

Mode: TypeAlias = Literal["add", "remove", "set"]
Images: TypeAlias = Iterable[int] | ImageQuerySet


@dataclass(frozen=True, slots=True)
class Given:
    """A label to give, with the score it had as a suggestion (percent), if it was one.

    `is_default` makes it the image's default label; without it the present one stays.
    """

    label_id: int
    score: float | None = None
    is_default: bool = False


def apply_labels(
    act: Act,
    wanted: Mapping[int, Collection[Given]],
    *,
    mode: Mode,
    source: ImageLabel.Source | str = ImageLabel.Source.HAND,
) -> int:
    """Give labels to images or take them as part of an act; return how many images changed.

    `wanted` maps image ids to labels. `add` keeps the others (in a single-label project it replaces
    them by the first one given), `remove` takes these, `set` leaves exactly these. What an image
    carries already stays as it is: its source and time are those of the first giving. The first
    label given to an unlabeled image becomes its default label. Images that are not of the act's
    project are ignored. Call it inside the transaction that `begin_act` locked.

    Raises:
        Conflict: one of the labels was deleted.
    """
    _refuse_dead_labels(act, {given.label_id for each in wanted.values() for given in each})
    giver = _Giver(act, source=source, mode=mode)
    changed = 0
    for chunk in chunked(wanted):
        before = read_states(act.project_id, chunk)
        after = {pk: giver.after(states, wanted[pk]) for pk, states in before.items()}
        changed += write_states(act, before, after)
    return changed


class _Giver:
    """What an image carries after an act, from what it carried before."""

    def __init__(self, act: Act, *, source: str, mode: Mode) -> None:
        self.mode = mode
        self.single = not act.project.multi_label
        self.fresh = LabelState(
            source=str(source),
            labeled_by=act.user_id,
            labeled_at=timezone.now().isoformat(),
            score=None,
            is_default=False,
        )

    def after(self, states: States, givens: Collection[Given]) -> States:
        wanted = {given.label_id: given for given in givens}
        if self.mode == "remove":
            return with_one_default({pk: s for pk, s in states.items() if pk not in wanted})
        if self.single:
            wanted = dict(list(wanted.items())[:1])
        # "set" to nothing clears the image; adding nothing leaves it alone.
        keep_others = self.mode == "add" and not (self.single and wanted)
        kept = {pk: s for pk, s in states.items() if keep_others or pk in wanted}
        new = {
            pk: replace(self.fresh, score=given.score)
            for pk, given in wanted.items()
            if pk not in kept
        }
        carried = with_one_default({**kept, **new}, prefer=[*kept, *new])
        starred = next((pk for pk, given in wanted.items() if given.is_default), None)
        return carried if starred is None else _starred(carried, starred)


def _refuse_dead_labels(act: Act, label_ids: set[int]) -> None:
    live = set(
        Label.objects.live()
        .filter(project=act.project_id, pk__in=label_ids)
        .values_list("pk", flat=True)
    )
    if label_ids - live:
        raise Conflict(
            "That label was deleted in the meantime; reload the page.", code="label_deleted"
        )


def label_images(
    project: Project,
    user: AbstractBaseUser,
    images: Images,
    label: Label,
    *,
    mode: Literal["add", "remove", "toggle", "set"] = "add",
    created: Sequence[Label] = (),
) -> Act | None:
    """Give a label to images by hand, or take it, as one act; None when that changes nothing.

    `toggle` takes the label if every image carries it, else gives it. `created` are labels made
    for this act: undoing it removes them from the list again. Restricting the images to those the
    person may change is left to the caller (see `services.selection`).
    """

    def work(act: Act, ids: list[int]) -> tuple[int, str]:
        chosen: Mode = _toggled(ids, label) if mode == "toggle" else mode
        changed = apply_labels(act, {pk: (Given(label.pk),) for pk in ids}, mode=chosen)
        if created:
            act.payload["created"] = [each.pk for each in created]
        if chosen == "remove":
            return changed, f"Took {label.name} from {count(changed, 'image')}"
        return changed, f"Labeled {count(changed, 'image')} as {label.name}"

    return _one_act(project, user, images, work)


def label_each(
    project: Project,
    user: AbstractBaseUser,
    wanted: Mapping[int, Collection[Given]],
    *,
    mode: Mode,
    source: ImageLabel.Source | str,
    created: Sequence[Label] = (),
) -> Act | None:
    """Give each image its own labels, or take them, as one act; None when that changes nothing.

    `created` are labels made for this act: undoing it removes them from the list again.
    """

    def work(act: Act, ids: list[int]) -> tuple[int, str]:
        changed = apply_labels(act, {pk: wanted[pk] for pk in ids}, mode=mode, source=source)
        if created:
            act.payload["created"] = [each.pk for each in created]
        verb = "Took labels from" if mode == "remove" else "Labeled"
        return changed, f"{verb} {count(changed, 'image')} over the API"

    return _one_act(project, user, wanted, work)


def _toggled(ids: list[int], label: Label) -> Mode:
    carrying = 0
    for chunk in chunked(ids):
        carrying += ImageLabel.objects.filter(label=label, image__in=chunk).count()
    return "remove" if carrying == len(ids) else "add"


def clear_labels(project: Project, user: AbstractBaseUser, images: Images) -> Act | None:
    """Take every label from images as one act; None when none carries any."""

    def work(act: Act, ids: list[int]) -> tuple[int, str]:
        changed = apply_labels(act, dict.fromkeys(ids, ()), mode="set")
        return changed, f"Took all labels from {count(changed, 'image')}"

    return _one_act(project, user, images, work)


def mark_rest_absent(project: Project, user: AbstractBaseUser, images: Images) -> Act | None:
    """Say that images carry none of the labels that they do not carry, as one act.

    None where every label of every image is known already. Giving a label later takes it back.

    Raises:
        TooLarge: too many images and labels for one act.
    """

    def work(act: Act, ids: list[int]) -> tuple[int, str]:
        labels = live_label_ids(project)
        if len(ids) * len(labels) > MAX_PAIRS:
            raise TooLarge(
                f"{count(len(ids), 'image')} times {count(len(labels), 'label')} is more than "
                f"{MAX_PAIRS:,} at once; select fewer images and repeat it.",
                code="too_many_images",
            )
        changed = mark_absent(act, dict.fromkeys(ids, labels))
        return changed, f"Marked the rest of the labels as absent on {count(changed, 'image')}"

    return _one_act(project, user, images, work)


def star(project: Project, user: AbstractBaseUser, images: Images, label: Label) -> Act | None:
    """Make a label the default one of those of the images that carry it; None: nothing changed."""

    def work(act: Act, ids: list[int]) -> tuple[int, str]:
        changed = 0
        for chunk in chunked(ids):
            before = read_states(project.pk, chunk)
            after = {pk: _starred(states, label.pk) for pk, states in before.items()}
            changed += write_states(act, before, after)
        return changed, f"Made {label.name} the default label of {count(changed, 'image')}"

    return _one_act(project, user, images, work)


def _starred(states: States, label_id: int) -> States:
    if label_id not in states:
        return states
    return {pk: replace(state, is_default=pk == label_id) for pk, state in states.items()}


def _one_act(
    project: Project,
    user: AbstractBaseUser,
    images: Images,
    work: Callable[[Act, list[int]], tuple[int, str]],
) -> Act | None:
    """Do the work under the project's lock; leave no trace of it when no image changed."""
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.LABEL, summary="Labeling")
        changed, summary = work(act, image_ids(images))
        if changed:
            summarize(act, summary)
            return act
        transaction.set_rollback(True)
    project.refresh_from_db(fields=["revision"])
    return None


def image_ids(images: Images) -> list[int]:
    """Return distinct ids of a queryset or of anything that yields ids.

    Raises:
        TooLarge: more than `MAX_IMAGES`.
    """
    if isinstance(images, ImageQuerySet):
        ids = list(images.order_by().values_list("pk", flat=True)[: MAX_IMAGES + 1])
    else:
        ids = list(dict.fromkeys(images))
    if len(ids) > MAX_IMAGES:
        raise TooLarge(
            f"That is more than {MAX_IMAGES:,} images at once; narrow the filter and repeat it.",
            code="too_many_images",
        )
    return ids
