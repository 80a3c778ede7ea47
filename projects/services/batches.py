"""Batches: which images are under review, with which controls, and whose turn is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q

from projects.errors import Conflict, Refusal
from projects.models import Batch, BatchEdit, BatchItem, Image, Project
from projects.models.batches import MAX_K
from projects.models.projects import BATCH_SIZES
from similarity.methods import DEFAULT_METHOD

from .first import Order, images_in_order
from .review_rows import Row
from .suggestions import Ballot, controls_of
from .teaching import METHOD_NAMES
from .thresholds import fresh
from .ticks import Controls

CONTROLS = ("k", "threshold", "top_only", "per_label", "chosen", "method")
"""Fields of a batch that say what is ticked."""
MAX_ROWS = 500
"""Queries of one review. All are voted on whenever a control moves: 500 take a quarter second, and
nobody looks at more in one sitting."""


def create_from_images(project: Project, user: AbstractBaseUser, image_ids: Sequence[int]) -> Batch:
    """Put images that the person selected under review, in the order of the selection.

    Images that carry labels already are welcome: the row shows them, and an image is never its own
    hit. Only images of the dataset are taken.

    Raises:
        Refusal: none of them is in the dataset, or there are more than `MAX_ROWS`.
    """
    if len(image_ids) > MAX_ROWS:
        raise Refusal(
            f"One review holds at most {MAX_ROWS} images and {len(image_ids):,} are selected; "
            "select fewer, or use Next batch for unlabeled ones.",
            code="too_many_rows",
        )
    there = set(project.images.in_dataset().filter(pk__in=image_ids).values_list("pk", flat=True))
    chosen = [pk for pk in dict.fromkeys(image_ids) if pk in there]
    if not chosen:
        raise Refusal("Select at least one image of the dataset first.", code="nothing_selected")
    with transaction.atomic():
        return _make(project, user.pk, Batch.Kind.SELECTED, chosen)


def create_for_upload(project: Project, user: AbstractBaseUser) -> Batch:
    """Open an empty review; the upload that follows fills it with staged images."""
    return _make(project, user.pk, Batch.Kind.UPLOADED, [])


def next_batch(
    project: Project,
    user: AbstractBaseUser,
    size: int | None = None,
    *,
    order: Order = Order.MIXED,
) -> Batch:
    """Put the next unlabeled images under review and remember how many were asked for.

    Images of an open review are not taken again, and those that came in an earlier batch and were
    left without a label come last. Fewer than asked for are no error.

    Args:
        order: which images come first. What it does not name comes after, mixed.

    Raises:
        Refusal: a size outside 10 to 100.
        Conflict: no image is left, with what to do instead.
    """
    size = project.batch_size if size is None else size
    if not BATCH_SIZES[0] <= size <= BATCH_SIZES[1]:
        raise Refusal(
            f"A batch has {BATCH_SIZES[0]} to {BATCH_SIZES[1]} images, not {size}.",
            code="batch_size",
        )
    first = images_in_order(project, size, order)
    with transaction.atomic():
        # The lock keeps two tabs from taking the same images.
        locked = Project.objects.select_for_update().get(pk=project.pk)
        locked.batch_size = project.batch_size = size
        locked.save(update_fields=["batch_size"])
        if chosen := _next_images(project, size, first):
            return _make(project, user.pk, Batch.Kind.NEXT, chosen)
    raise Conflict(why_none_is_left(project), code="nothing_left")


def _next_images(project: Project, size: int, first: Sequence[int]) -> list[int]:
    """Return those of `first` that are still free, and mixed others up to `size`."""
    free = Image.objects.filter(project=project).for_next_batch()
    still_free = set(free.filter(pk__in=first).values_list("pk", flat=True))
    chosen = [pk for pk in first if pk in still_free]
    closed = Q(batch_items__batch__state=Batch.State.COMMITTED)
    mixed = free.exclude(pk__in=chosen).annotate(times=Count("batch_items", filter=closed))
    ids = mixed.order_by("times", "content_hash").values_list("pk", flat=True)
    return chosen + list(ids[: size - len(chosen)])


def split(batch: Batch) -> int:
    """Move rows beyond `MAX_ROWS` into open batches of their own; say how many those are.

    An upload for review may bring thousands of images. Files still on their way join the last one.
    """
    if batch.items.count() <= MAX_ROWS:
        return 0
    made = 0
    with transaction.atomic():
        lock_open(batch)
        ids = list(batch.items.order_by("position", "id").values_list("pk", flat=True))
        for start in range(MAX_ROWS, len(ids), MAX_ROWS):
            more = _make(batch.project, batch.created_by_id, batch.kind, [])
            batch.items.filter(pk__in=ids[start : start + MAX_ROWS]).update(batch=more)
            made += 1
        if made:
            batch.uploads.update(batch=more)
    return made


def why_none_is_left(project: Project) -> str:
    """Say why no image can come in a next batch."""
    unlabeled = project.images.in_dataset().unlabeled()
    if unlabeled.pending().exists():
        return "The images without a label are still being prepared; try again in a moment."
    if unlabeled.embedded().exists():
        return "All images without a label are in an open batch; continue that one."
    if unlabeled.failed().exists():
        return "Only images that cannot be read are left without a label."
    return "Every image of this project has a label."


def _make(
    project: Project, user_id: int | None, kind: Batch.Kind | str, image_ids: Sequence[int]
) -> Batch:
    batch = Batch.objects.create(
        project=project,
        created_by_id=user_id,
        kind=kind,
        top_only=not project.multi_label,
        per_label=project.multi_label and _last_was_per_label(project),
        method=_last_method(project),
    )
    BatchItem.objects.bulk_create(
        BatchItem(batch=batch, image_id=image_id, position=position)
        for position, image_id in enumerate(image_ids)
    )
    return batch


def _last_was_per_label(project: Project) -> bool:
    """Whether the newest batch had a threshold for each label: the next one goes on like that."""
    return bool(project.batches.order_by("-id").values_list("per_label", flat=True).first())


def _last_method(project: Project) -> str:
    """The method of the newest batch that a person reviewed row by row: the next one keeps it."""
    reviewed = project.batches.filter(kind__in=_REVIEWED).order_by("-id")
    return reviewed.values_list("method", flat=True).first() or DEFAULT_METHOD


_REVIEWED = (Batch.Kind.UPLOADED, Batch.Kind.SELECTED, Batch.Kind.NEXT)


def lock_open(batch: Batch) -> None:
    """Take the batch for this transaction; `batch` is as it is by now.

    Raises:
        Conflict: it was added to the dataset or discarded meanwhile.
    """
    locked = Batch.objects.select_for_update().get(pk=batch.pk)
    for name in ("state", *CONTROLS):
        setattr(batch, name, getattr(locked, name))
    if locked.state == Batch.State.COMMITTED:
        raise Conflict(
            "This batch was already added to the dataset, in another tab or by somebody else.",
            code="batch_committed",
        )
    if locked.state == Batch.State.DISCARDED:
        raise Conflict("This batch was discarded meanwhile.", code="batch_discarded")


@dataclass(frozen=True)
class ControlMove:
    """What a moved control came to: ticks set or removed since the controls it is compared with."""

    changed: int
    rows: list[Row]
    """The rows as the controls leave them."""


def set_controls(
    batch: Batch,
    *,
    k: int,
    threshold: float,
    top_only: bool,
    per_label: bool = False,
    method: str | None = None,
    since: Controls | None = None,
) -> ControlMove:
    """Remember the controls and say how many ticks they changed. The rows are not searched again.

    Args:
        per_label: tick each label by a threshold of its own, chosen now if labels or k moved.
        method: whose scores are suggested, a name of `METHOD_NAMES`; the batch's own by default.
        since: the controls to compare with, where a slider passed through others on its way.

    Raises:
        Refusal: k outside 1 to 100, threshold outside 0 to 100, no such method, or thresholds per
            label in a single-label project.
        Conflict: too few labeled images to choose thresholds from.
    """
    if not 1 <= k <= MAX_K:
        raise Refusal(f"Number of results is 1 to {MAX_K}, not {k}.", code="k")
    if not 0 <= threshold <= 100:
        raise Refusal(f"Threshold is 0 to 100 percent, not {threshold:g}.", code="threshold")
    method = batch.method if method is None else method
    if method not in METHOD_NAMES:
        raise Refusal(f"A method is one of {', '.join(METHOD_NAMES)}.", code="method")
    if not batch.project.multi_label and (per_label or not top_only):
        raise Refusal(
            "An image of this project has one label, so only the top scoring one is marked.",
            code="single_label",
        )
    chosen = fresh(batch, k=k, method=method).as_json() if per_label else batch.chosen
    with transaction.atomic():
        lock_open(batch)
        before = since or controls_of(batch)
        batch.k, batch.threshold, batch.top_only = k, threshold, top_only
        batch.per_label, batch.chosen, batch.method = per_label, chosen, method
        batch.save(update_fields=CONTROLS)
    ballot = Ballot(batch, most=max(k, before.k))
    rows = ballot.shown(controls_of(batch))
    ticked = {(row.item.pk, label) for row in rows for label in row.ticked}
    return ControlMove(len(ballot.ticked(before) ^ ticked), rows)


@dataclass(frozen=True)
class OpenBatch:
    """A batch that waits for the person, as the project page offers it."""

    batch: Batch
    rows: int
    edited: int
    waiting: int


def open_batches(project: Project) -> list[OpenBatch]:
    """Return the batches under review, newest first; an upload that brought nothing is left out."""
    kept = ~Q(items__image__state=Image.State.TRASH)
    edits = BatchEdit.objects.filter(item=OuterRef("items"))
    waiting = Q(items__image__embedding_state=Image.EmbeddingState.PENDING)
    counted = (
        project.batches.open()
        .annotate(
            rows=Count("items", filter=kept),
            edited=Count("items", filter=kept & Q(Exists(edits))),
            waiting=Count("items", filter=kept & waiting),
        )
        .filter(rows__gt=0)
    )
    return [OpenBatch(batch, batch.rows, batch.edited, batch.waiting) for batch in counted]
