"""Near-duplicates of a dataset: groups to label with one act, or to thin out."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from projects.errors import Conflict, Refusal
from projects.models import Act, Image, ImageLabel, Project
from similarity.duplicates import Pairs, groups_of

from .acts import begin_act, count, summarize
from .grid import Tile, tiles_by_id
from .label_states import States, read_all_states
from .labels import Given, apply_labels
from .near_pairs import Known
from .selection import one_variable

PAGE = 50
"""Groups a page shows at once."""


class Standing(IntEnum):
    """What the labels of a group say. In this order groups are shown: what needs a person first."""

    DISAGREEING = 0
    PARTLY = 1
    UNLABELED = 2
    AGREEING = 3


@dataclass(frozen=True)
class Group:
    """Images of the dataset that are all but the same picture, the one in the middle first.

    `percents` say how alike each is to that one; `labels` what each carries.
    """

    image_ids: tuple[int, ...]
    percents: tuple[int, ...]
    labels: tuple[frozenset[int], ...]

    @property
    def key(self) -> int:
        """Names the group as long as its images stay."""
        return min(self.image_ids)

    @property
    def standing(self) -> Standing:
        carried = {labels for labels in self.labels if labels}
        if len(carried) > 1:
            return Standing.DISAGREEING
        if not carried:
            return Standing.UNLABELED
        return Standing.AGREEING if all(self.labels) else Standing.PARTLY

    @property
    def place(self) -> tuple[int, int]:
        """Where the group stands among the others."""
        return self.standing, self.key

    @property
    def labeled_one(self) -> int | None:
        """The first image that carries a label: what the others can be labeled like."""
        pairs = zip(self.image_ids, self.labels, strict=True)
        return next((image_id for image_id, labels in pairs if labels), None)


@dataclass(frozen=True)
class Sums:
    """What there is on the whole, and what labeling all like their labeled images would change."""

    groups: int
    images: int
    partly: int
    to_label: int


@dataclass(frozen=True)
class Copy:
    """One image of a card. `is_best` marks the one that thinning out keeps."""

    tile: Tile
    percent: int
    is_best: bool


@dataclass(frozen=True)
class Card:
    """A group as the page shows it; `version` changes when anything of that does."""

    group: Group
    copies: list[Copy]
    version: str

    @property
    def best(self) -> Image:
        """The image that thinning out keeps."""
        return next(copy.tile.image for copy in self.copies if copy.is_best)

    @property
    def labeled(self) -> int:
        """How many of the images carry a label."""
        return sum(bool(copy.tile.labels) for copy in self.copies)

    @property
    def least(self) -> int:
        """How alike the one farthest from the middle is, in percent."""
        return min(self.group.percents)


def find_groups(project: Project, known: Known, *, percent: int) -> list[Group]:
    """Return the groups of the dataset whose images are at least so alike, in order. Two queries.

    Trashed and staged images are left out before groups are made, so that none has its middle
    among them.
    """
    pairs = known.pairs.among(np.ones(len(known.image_ids), np.bool_), least=percent / 100)
    paired = known.image_ids[np.unique(np.concatenate((pairs.lower, pairs.upper)))].tolist()
    there = project.images.in_dataset().filter(pk__in=one_variable(paired))
    kept = np.fromiter(there.values_list("pk", flat=True), np.int64)
    pairs = pairs.among(known.rows_of(kept), least=percent / 100)
    carried = _carried(kept.tolist())
    return sorted(_groups(known, pairs, carried), key=lambda group: group.place)


def _groups(known: Known, pairs: Pairs, carried: Mapping[int, frozenset[int]]) -> Iterable[Group]:
    for found in groups_of(pairs):
        ids = known.image_ids[list(found.rows)].tolist()
        yield Group(
            image_ids=tuple(ids),
            # Cut, not rounded: 100 % would say that they are the same picture to the last pixel.
            percents=tuple(min(100, int(100 * s + 1e-4)) for s in found.similarities),
            labels=tuple(carried.get(pk, frozenset()) for pk in ids),
        )


def _carried(image_ids: Sequence[int]) -> dict[int, frozenset[int]]:
    labels: dict[int, set[int]] = {}
    rows = ImageLabel.objects.filter(image__in=one_variable(image_ids)).order_by()
    for image_id, label_id in rows.values_list("image", "label"):
        labels.setdefault(image_id, set()).add(label_id)
    return {image_id: frozenset(ids) for image_id, ids in labels.items()}


def sums_of(groups: Sequence[Group]) -> Sums:
    partly = [group for group in groups if group.standing == Standing.PARTLY]
    return Sums(
        groups=len(groups),
        images=sum(len(group.image_ids) for group in groups),
        partly=len(partly),
        to_label=sum(labels == frozenset() for group in partly for labels in group.labels),
    )


def page_of_groups(groups: Sequence[Group], *, after: tuple[int, int] | None) -> list[Group]:
    """Return the next `PAGE` groups behind a place."""
    behind = [group for group in groups if after is None or group.place > after]
    return behind[:PAGE]


def cards_of(project: Project, groups: Sequence[Group]) -> list[Card]:
    """Return groups with their images and labels. Two queries."""
    tiles = tiles_by_id(project, [pk for group in groups for pk in group.image_ids])
    by_id = {tile.image.pk: tile for tile in tiles}
    # An image may have been deleted since the groups were made.
    whole = [group for group in groups if all(pk in by_id for pk in group.image_ids)]
    return [_card(group, [by_id[pk] for pk in group.image_ids]) for group in whole]


def _card(group: Group, tiles: Sequence[Tile]) -> Card:
    best = min(tiles, key=_worth).image.pk
    copies = [
        Copy(tile, percent, is_best=tile.image.pk == best)
        for tile, percent in zip(tiles, group.percents, strict=True)
    ]
    shown = [
        (t.image.pk, t.image.name, [(given.label_id, given.is_default) for given in t.labels])
        for t in tiles
    ]
    return Card(group, copies, f"{zlib.crc32(repr((shown, group.percents)).encode()):08x}")


def _worth(tile: Tile) -> tuple[bool, int, int, int]:
    """What is least for the copy to keep: labeled, then of most pixels, most bytes, the oldest."""
    image = tile.image
    return (not tile.labels, -image.width * image.height, -image.byte_size, image.pk)


def label_like(
    project: Project, user: AbstractBaseUser, image_ids: Collection[int], *, like: int
) -> Act | None:
    """Give images exactly the labels that one of them carries, as one act; None: they have them.

    Raises:
        Conflict: that image carries no label.
    """

    def work() -> dict[int, list[Given]]:
        givens = _givens(read_all_states(project.pk, [like]).get(like, {}))
        if not givens:
            raise Conflict(
                "That image carries no label (any more); label it first.", code="no_label_there"
            )
        return dict.fromkeys((pk for pk in image_ids if pk != like), givens)

    return _label(project, user, work, lambda n: f"Labeled {count(n, 'image')} like another one")


def label_groups_like_labeled(
    project: Project, user: AbstractBaseUser, groups: Iterable[Group]
) -> Act | None:
    """Give the unlabeled images of partly labeled groups what the others carry, as one act.

    Groups whose labels disagree, now or when the act begins, are left to a person.
    """
    partly = [group for group in groups if group.standing == Standing.PARTLY]

    def work() -> dict[int, list[Given]]:
        states = read_all_states(project.pk, [pk for group in partly for pk in group.image_ids])
        wanted: dict[int, list[Given]] = {}
        for group in partly:
            ids = [pk for pk in group.image_ids if pk in states]
            labeled = [states[pk] for pk in ids if states[pk]]
            if len({frozenset(each) for each in labeled}) == 1:
                givens = _givens(labeled[0])
                wanted.update((pk, givens) for pk in ids if not states[pk])
        return wanted

    return _label(
        project, user, work, lambda n: f"Labeled {count(n, 'image')} like their near-duplicates"
    )


def _label(
    project: Project,
    user: AbstractBaseUser,
    work: Callable[[], dict[int, list[Given]]],
    summary: Callable[[int], str],
) -> Act | None:
    """Give what `work` says under the project's lock; no act is left where nothing changes."""
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.LABEL, summary="Labeling near-duplicates")
        changed = apply_labels(act, work(), mode="set")
        if changed:
            summarize(act, summary(changed))
            return act
        transaction.set_rollback(True)
    project.refresh_from_db(fields=["revision"])
    return None


def _givens(states: States) -> list[Given]:
    return [Given(pk, is_default=state.is_default) for pk, state in states.items()]


def checked_group(project: Project, image_ids: Sequence[int], like: int) -> list[int]:
    """Return those of the ids that are in the dataset.

    Raises:
        Refusal: the image the others are to be labeled like is not among them.
    """
    there = Image.objects.in_dataset().filter(project=project, pk__in=one_variable(image_ids))
    ids = list(there.values_list("pk", flat=True))
    if like not in ids:
        raise Refusal("Name the image the others are labeled like.", code="bad_request")
    return ids
