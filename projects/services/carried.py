"""Which labels images carry, read at once for many."""

from __future__ import annotations

from django.db.models import F

from projects.models import Image, ImageLabel

from .selection import one_variable


def labels_by_image(image_ids: set[int], *, any_state: bool = False) -> dict[int, tuple[int, ...]]:
    """Return the label ids of each image that carries any, the default label first.

    Args:
        any_state: also of staged images; else only those in the dataset are looked at.
    """
    carried = ImageLabel.objects.filter(image__in=one_variable(list(image_ids)))
    if not any_state:
        carried = carried.filter(image__state=Image.State.DATASET)
    pairs = carried.order_by(F("is_default").desc(), "id").values_list("image_id", "label_id")
    found: dict[int, list[int]] = {}
    for image_id, label_id in pairs:
        found.setdefault(image_id, []).append(label_id)
    return {image_id: tuple(labels) for image_id, labels in found.items()}


def labels_and_names(image_ids: set[int]) -> tuple[dict[int, tuple[int, ...]], dict[int, str]]:
    """Return what `labels_by_image` does, and the names of those images, in the same query."""
    carried = ImageLabel.objects.filter(
        image__in=one_variable(sorted(image_ids)), image__state=Image.State.DATASET
    )
    rows = carried.order_by().values_list("image_id", "label_id", "image__name")
    found: dict[int, tuple[int, ...]] = {}
    names: dict[int, str] = {}
    several = False
    for image_id, label_id, name in rows:
        several = several or image_id in found
        found[image_id], names[image_id] = (label_id,), name
    # Most images carry one label, and then nothing has to be put in order.
    return labels_by_image(image_ids) if several else found, names
