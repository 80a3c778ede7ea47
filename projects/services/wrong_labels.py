"""Labels of a project that are likely wrong, the surest first, with the images that say so.

Kept in this process until the project's revision moves; the database stays the only truth.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.models import Image, Label, Project
from similarity.disagreement import JUDGE, LEAST_LABELED, find_suspects, judged_labels
from similarity.methods import Targets, targets_of

from . import collections, indexes
from .carried import labels_by_image
from .grid import Tile, tiles_by_id
from .verdicts import confirmed

PAGE = 60
"""Cards a page shows at once: each has seven pictures."""
EVIDENCE = 3
"""Pictures for the suggested label, and for the present one."""
_MOST_KEPT = 4


class Suspect(NamedTuple):
    """A label that is likely wrong, and what it likely should be."""

    image_id: int
    given: int
    suggested: int
    probability: float

    @property
    def percent(self) -> int:
        return round(100 * self.probability)


@dataclass(frozen=True)
class Judged:
    """The labeled images of a project and what was found among them, as of one revision."""

    suspects: tuple[Suspect, ...]
    """The surest first, without those that a person said to be right."""
    judged: int
    """Images whose label others can speak for or against."""
    labeled: collections.Labeled = field(repr=False)
    label_ids: tuple[int, ...] = field(repr=False)
    """The label of each column of the targets."""
    targets: Targets = field(repr=False)

    @property
    def enough(self) -> bool:
        return self.judged >= LEAST_LABELED

    def of_label(self, label_id: int | None) -> list[Suspect]:
        """Return those whose present label this is; all without one."""
        return [each for each in self.suspects if label_id in {None, each.given}]


class Sums(NamedTuple):
    """How many labels look wrong, and how many of them probably are."""

    number: int
    expected: int


class Evidence(NamedTuple):
    """A labeled image near the one that looks wrong; `labels` are ids, with commas."""

    image: Image
    percent: int
    labels: str


@dataclass(frozen=True)
class Card:
    """A suspect as the page shows it; `version` changes when anything of that does."""

    suspect: Suspect
    tile: Tile
    given: Label
    suggested: Label
    like: list[Evidence]
    """The nearest images that carry the suggested label."""
    unlike: list[Evidence]
    """And those that carry the present one."""
    version: str

    @property
    def others(self) -> list[Label]:
        """What the image carries beside the label that looks wrong."""
        return [each.label for each in self.tile.labels if each.label_id != self.given.pk]


_kept: OrderedDict[tuple[int, int], Judged] = OrderedDict()
_lock = threading.Lock()


def judge(project: Project) -> Judged:
    """Return which labels look wrong; asked again for the same revision, it is known.

    Cost: 2 s of one core for 1,500 labeled images, 4 s for 10,000, on a busy machine.
    """
    key = (project.pk, project.revision)
    with _lock:
        if key not in _kept:
            _kept[key] = _judge(project)
        _kept.move_to_end(key)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
        return _kept[key]


def _judge(project: Project) -> Judged:
    labeled = collections.labeled(project)
    ids = labeled.image_ids.tolist()
    carried = labels_by_image(set(ids))
    label_ids = tuple(sorted({label for labels in carried.values() for label in labels}))
    targets = targets_of([carried.get(image_id, ()) for image_id in ids], label_ids)
    judged = int(judged_labels(targets).any(axis=1).sum()) if label_ids else 0
    suspects: list[Suspect] = []
    if judged >= LEAST_LABELED:
        suspects = _suspects(labeled, label_ids, targets)
        right = confirmed(project, [(each.image_id, each.given) for each in suspects])
        suspects = [each for each in suspects if (each.image_id, each.given) not in right]
    return Judged(tuple(suspects), judged, labeled, label_ids, targets)


def _suspects(
    labeled: collections.Labeled, label_ids: Sequence[int], targets: Targets
) -> list[Suspect]:
    found = find_suspects(JUDGE.fit(labeled.centered(), targets).leave_one_out(), targets)
    return [
        Suspect(int(labeled.image_ids[row]), label_ids[given], label_ids[suggested], float(p))
        for row, given, suggested, p in zip(*found, strict=True)
    ]


def sums_of(suspects: Sequence[Suspect]) -> Sums:
    return Sums(len(suspects), round(sum(each.probability for each in suspects)))


def next_suspects(suspects: Sequence[Suspect], shown: Container[int] = ()) -> list[Suspect]:
    """Return the next `PAGE` suspects of those whose images are not shown yet."""
    return [each for each in suspects if each.image_id not in shown][:PAGE]


def cards_of(
    project: Project, judged: Judged, suspects: Sequence[Suspect], labels: Mapping[int, Label]
) -> list[Card]:
    """Return suspects with their pictures and evidence. Two queries.

    Args:
        labels: those of the project, by id.
    """
    evidence = {each.image_id: _evidence(judged, each) for each in suspects}
    near = [image_id for pair in evidence.values() for some in pair for image_id, _ in some]
    tiles = tiles_by_id(project, list(dict.fromkeys([*evidence, *near])))
    by_id = {tile.image.pk: tile for tile in tiles}
    # An image may have been deleted, or a label, since the labels were judged.
    return [
        _card(each, evidence[each.image_id], by_id, labels)
        for each in suspects
        if each.image_id in by_id and {each.given, each.suggested} <= labels.keys()
    ]


_Near = list[tuple[int, float]]
"""Images and their similarity, the nearest first."""


def _evidence(judged: Judged, suspect: Suspect) -> tuple[_Near, _Near]:
    """The nearest that carry only the suggested one of the two labels, and only the present one."""
    row = int(judged.labeled.rows([suspect.image_id])[0])
    given = judged.targets[:, judged.label_ids.index(suspect.given)] > 0
    suggested = judged.targets[:, judged.label_ids.index(suspect.suggested)] > 0
    itself = np.arange(len(given)) == row
    like = _nearest(judged, row, np.flatnonzero(suggested & ~given & ~itself))
    return like, _nearest(judged, row, np.flatnonzero(given & ~suggested & ~itself))


def _nearest(judged: Judged, row: int, among: NDArray[np.int64]) -> _Near:
    query = judged.labeled.centered(slice(row, row + 1))
    found = indexes.among(judged.labeled, among).search(query, k=EVIDENCE)
    near = zip(found.image_ids[0].tolist(), found.similarities[0].tolist(), strict=True)
    return [(image_id, similarity) for image_id, similarity in near if image_id >= 0]


def _card(
    suspect: Suspect,
    evidence: tuple[_Near, _Near],
    by_id: Mapping[int, Tile],
    labels: Mapping[int, Label],
) -> Card:
    given, suggested = labels[suspect.given], labels[suspect.suggested]
    tile = by_id[suspect.image_id]
    like, unlike = ([_shown(by_id[pk], s) for pk, s in some if pk in by_id] for some in evidence)
    drawn = (
        suspect.percent,
        [(each.pk, each.name, each.color) for each in (given, suggested)],
        [each.label_id for each in tile.labels],
        [(each.image.pk, each.percent) for each in (*like, *unlike)],
    )
    version = f"{zlib.crc32(repr(drawn).encode()):08x}"
    return Card(suspect, tile, given, suggested, like, unlike, version)


def _shown(tile: Tile, similarity: float) -> Evidence:
    labels = ",".join(str(each.label_id) for each in tile.labels)
    return Evidence(tile.image, round(100 * similarity), labels)
