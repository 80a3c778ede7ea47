"""Labels given and taken by name, of many images in one act: all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from projects.errors import NotFound, Refusal
from projects.models import Act, Image, ImageLabel, Label, Project
from projects.models.labels import name_key
from projects.services.label_list import clean_name, get_or_create_labels
from projects.services.labels import Given, Mode, label_each
from projects.services.queries import images_named, shortened_name

NAMED = 5
"""Names of unknown images that the refusal tells; the rest are counted."""


@dataclass(frozen=True)
class NamedLabel:
    """A label to give or take, with the score it had as a suggestion (percent), if it was one."""

    name: str
    score: float | None = None


@dataclass(frozen=True)
class Change:
    """Labels of one image."""

    image: str
    labels: tuple[NamedLabel, ...]


@dataclass(frozen=True)
class Changed:
    """What became of changes: the images named, those that changed, and labels that were made."""

    act: Act | None
    images: int
    created: list[Label]


def change_labels(
    project: Project,
    user: AbstractBaseUser,
    changes: Sequence[Change],
    *,
    mode: Mode,
    source: ImageLabel.Source,
) -> Changed:
    """Make the changes in one act. Labels that the project does not have are made with it.

    Raises:
        NotFound: the project has not all of the images; nothing is done.
        Refusal: an image is named twice, or gets several labels in a single-label project.
    """
    images = _images(project, changes)
    _refuse_several(project, changes, mode)
    with transaction.atomic():
        project.raise_revision()
        known, created = _labels(project, user, changes, mode)
        wanted = {
            images[change.image].pk: [
                Given(known[key].pk, label.score)
                for label in change.labels
                if (key := _key(label.name)) in known
            ]
            for change in changes
        }
        act = label_each(project, user, wanted, mode=mode, source=source, created=created)
    return Changed(act, len(images), created)


def _key(name: str) -> str:
    return name_key(clean_name(name))


def _images(project: Project, changes: Sequence[Change]) -> dict[str, Image]:
    found = images_named(project, [change.image for change in changes])
    missing = [change.image for change in changes if change.image not in found]
    if missing:
        names = ", ".join(f"“{shortened_name(name)}”" for name in missing[:NAMED])
        rest = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        raise NotFound(
            f"The project has no images named {names}{rest}; nothing was changed.",
            code="image_not_found",
        )
    if len({image.pk for image in found.values()}) < len(changes):
        raise Refusal(
            "The same image is named more than once; put all of its labels into one change.",
            code="image_twice",
        )
    return found


def _refuse_several(project: Project, changes: Sequence[Change], mode: Mode) -> None:
    if project.multi_label or mode == "remove":
        return
    several = next((c for c in changes if len({_key(each.name) for each in c.labels}) > 1), None)
    if several:
        raise Refusal(
            f"In this project an image has one label, and “{shortened_name(several.image)}” is "
            f"given {len(several.labels)}; give one, or allow several in the project's settings.",
            code="one_label_only",
        )


def _labels(
    project: Project, user: AbstractBaseUser, changes: Sequence[Change], mode: Mode
) -> tuple[dict[str, Label], list[Label]]:
    """Return the labels by key, and those of them that were made now. Taking makes none."""
    there = {label.name_key: label for label in Label.objects.live().filter(project=project)}
    names = list(dict.fromkeys(label.name for change in changes for label in change.labels))
    if mode == "remove":
        for name in names:
            clean_name(name)
        return there, []
    wanted = {label.name_key: label for label in get_or_create_labels(project, user, names)}
    return wanted, [label for key, label in wanted.items() if key not in there]


def confirm(project: Project, user: AbstractBaseUser, changes: Sequence[Change]) -> Changed:
    """Save suggestions that were confirmed, with their scores, added to what the images carry.

    Images without a suggestion stay as they are. In a single-label project the first one counts.
    """
    most = None if project.multi_label else 1
    chosen = [Change(change.image, change.labels[:most]) for change in changes]
    source = ImageLabel.Source.SUGGESTION
    return change_labels(project, user, chosen, mode="add", source=source)
