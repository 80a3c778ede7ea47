"""Which images of a dataset are for training and which for validation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from projects.models import Image, ImageLabel, Project
from similarity.duplicates import LOOSE, connected
from similarity.splits import Unit, validation_units

from .near_pairs import Known, pairs_of

TRAIN = "train"
VALIDATION = "validation"


def split_of(project: Project, *, percent: int) -> dict[int, str]:
    """Return `train` or `validation` for every image of the dataset.

    The split is of the whole dataset, whatever part of it is exported, so that two files never
    disagree. It depends on the images' contents and labels, not on names or on when they came.
    Near-duplicates are joined by as many steps as lead from one to the other, and already where
    they are loosely alike: a pair joined in error costs nothing, one torn apart makes a validation
    that measures memory. An image without an embedding stands alone.

    Cost: three queries, and the comparison of all images where it was not made before.
    """
    hash_of = dict(project.images.in_dataset().values_list("pk", "content_hash"))
    groups = _groups(pairs_of(project), hash_of)
    carried = _carried(project)
    numbers = Counter(name for names in carried.values() for name in names)
    units = [_unit(group, hash_of, carried, numbers) for group in groups]
    chosen = validation_units(units, percent=percent)
    return {
        image_id: VALIDATION if place in chosen else TRAIN
        for place, group in enumerate(groups)
        for image_id in group
    }


def _groups(known: Known, there: Mapping[int, str]) -> list[list[int]]:
    """Return the images of the dataset, those that must lie on the same side in one list."""
    wanted = known.rows_of(np.fromiter(there, np.int64))
    roots = connected(known.pairs.among(wanted, least=LOOSE), rows=len(wanted))
    groups: dict[int, list[int]] = defaultdict(list)
    for image_id, root in zip(known.image_ids.tolist(), roots.tolist(), strict=True):
        if image_id in there:
            groups[root].append(image_id)
    embedded = {image_id for group in groups.values() for image_id in group}
    return [*groups.values(), *([image_id] for image_id in there if image_id not in embedded)]


def _carried(project: Project) -> dict[int, list[str]]:
    carried: dict[int, list[str]] = defaultdict(list)
    there = {"image__project": project, "image__state": Image.State.DATASET}
    rows = ImageLabel.objects.filter(**there).order_by()
    for image_id, name in rows.values_list("image", "label__name").iterator(chunk_size=5000):
        carried[image_id].append(name)
    return carried


def _unit(
    group: Iterable[int],
    hash_of: Mapping[int, str],
    carried: Mapping[int, list[str]],
    numbers: Mapping[str, int],
) -> Unit:
    """Where images carry several labels they count for the rarest: it has the least to spare."""
    group = list(group)
    labels = {name for image_id in group for name in carried.get(image_id, ())}
    rarest = min(labels, key=lambda name: (numbers[name], name), default="")
    return Unit(min(hash_of[image_id] for image_id in group), len(group), rarest)
