"""What the grid and the panel show: read only, in a number of queries that never grows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser

from projects.models import Act, Image, ImageLabel, Label, LabelChange, Project
from projects.services.selection import one_variable
from projects.services.undo import next_redo, next_undo

CHUNK = 240
"""Tiles a chunk. Not 200: it divides by 2 to 6, 8, 10, 12, 15 and 16, so no chunk ends raggedly."""
MAX_TILES = 2_000
"""Tiles a request may ask for by id: more than a page keeps alive at once."""


@dataclass
class Tile:
    """One image as the grid shows it, with its labels, the default one first."""

    image: Image
    labels: list[ImageLabel] = field(default_factory=list)


@dataclass(frozen=True)
class Happening:
    """One line of an image's history."""

    change: LabelChange
    verb: str


def tiles_of(images: Iterable[Image]) -> list[Tile]:
    """Return the tiles of these images, in their order. One query."""
    tiles = {image.pk: Tile(image) for image in images}
    rows = ImageLabel.objects.filter(image__in=one_variable(list(tiles))).select_related("label")
    for row in rows.order_by("-is_default", "label__position", "pk"):
        tiles[row.image_id].labels.append(row)
    return list(tiles.values())


def tiles_by_id(project: Project, ids: Sequence[int]) -> list[Tile]:
    """Return the tiles of those of the ids that are in the project's dataset. Two queries."""
    images = Image.objects.in_dataset().filter(project=project, pk__in=one_variable(ids))
    return tiles_of(images)


def version_of(labels: Iterable[Label]) -> str:
    """Return a short text that changes when the list of labels does, counts apart."""
    values = [(label.pk, label.name, label.color, label.key) for label in labels]
    return f"{zlib.crc32(repr(values).encode()):08x}"


def images_changed_by(act: Act, among: Sequence[int]) -> list[int]:
    """Return which of these images look different after an act, or are gone or back."""
    ids = one_variable(among)
    changed = set(act.changes.filter(image__in=ids).values_list("image", flat=True))
    done = act.undoes or act
    if done.kind == Act.Kind.TRASH:
        changed |= set(done.payload["images"]) & set(among)
    elif done.kind == Act.Kind.EDIT_LABEL:
        edited = [edit["label"] for edit in done.payload["edits"]]
        carrying = ImageLabel.objects.filter(label__in=edited, image__in=ids)
        changed |= set(carrying.values_list("image", flat=True))
    return sorted(changed)


def history_of(image: Image, *, most: int = 20) -> list[Happening]:
    """Return the last changes of an image's labels, newest first. One query."""
    changes = image.label_changes.select_related("act__user", "label").order_by("-pk")
    return [Happening(change, _verb(change)) for change in changes[:most]]


def _verb(change: LabelChange) -> str:
    if change.before is None:
        return "gave"
    if change.after is None:
        return "took"
    if change.before["is_default"] != change.after["is_default"]:
        return "starred" if change.after["is_default"] else "took the star of"
    return "changed"


def undo_and_redo(project: Project, user: AbstractBaseUser) -> tuple[str, str]:
    """Return what undo and redo would reverse, as sentences, empty where there is nothing."""
    acts = (next_undo(project, user), next_redo(project, user))
    return acts[0].summary if acts[0] else "", acts[1].summary if acts[1] else ""
