"""Review by label: unlabeled images under the label suggested for them, the surest first.

One look at a grid of one label shows what does not belong; everything else is accepted at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray

from projects.errors import Conflict
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Label, Project

from .acts import begin_act, count, summarize
from .label_states import chunked
from .labels import Given, apply_labels
from .selection import one_variable
from .teaching import AUTO, Forecasts, Taught, forecast, kept_forecast, scores_of, taught

SHEET = 60
"""Tiles of one sheet: what a person overlooks at once, and what one correction may still change."""
OTHERS = 8
"""Labels offered beside the suggested one: together as many as there are keys."""
_SITTING = timedelta(minutes=30)
_MOST_OF_A_BATCH = 100


def shown_percent(probability: float) -> int:
    """Return a probability in percent as it is shown. Never 100: nobody has looked yet."""
    return min(99, round(100 * probability))


class Tile(NamedTuple):
    """An image with the label suggested for it."""

    image: Image
    label_id: int | None
    """None: a person said of every label that it is wrong."""
    probability: float
    """Calibrated: how likely the label is right, 0..1."""
    score: float
    """Of the method, 0..1."""
    others: tuple[int, ...]
    """The next likeliest labels, best first."""
    unlike: bool
    """Whether the image is unlike everything labeled."""

    @property
    def percent(self) -> int:
        """The probability as it is shown."""
        return shown_percent(self.probability)


class Section(NamedTuple):
    """The tiles of one suggested label, the surest first."""

    label: Label | None
    """None: what is unlike everything labeled. Nothing of it is ever accepted as it stands."""
    tiles: tuple[Tile, ...]

    @property
    def expected_wrong(self) -> float:
        """How many of the tiles will be wrong, by their probabilities."""
        return sum(1.0 - tile.probability for tile in self.tiles)


@dataclass(frozen=True)
class Sheet:
    """What is shown at once, and how much there is of everything."""

    lesson: Taught | None
    """None: no image is labeled yet."""
    sections: tuple[Section, ...]
    counts: dict[int, int]
    """Images by suggested label, those unlike everything left out."""
    unlike: int
    left: int
    """All images this is about."""

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """All tiles in the order they are shown."""
        return tuple(tile for section in self.sections for tile in section.tiles)


def sheet(
    project: Project,
    *,
    method: str = AUTO,
    label_id: int | None = None,
    unlike: bool = False,
    but: Collection[int] = (),
    size: int = SHEET,
) -> Sheet:
    """Return the surest suggestions, under their labels; the label of the surest one comes first.

    Images under an open review are left out. Those unlike everything labeled come last, in a
    section of their own.

    Args:
        method: a name of `teaching.METHOD_NAMES`.
        label_id: only images suggested as this label.
        unlike: only images that are unlike everything labeled.
        but: images to leave out for now; they are counted all the same.
        size: tiles at most.

    Cost: what `teaching.forecast` says, for all unlabeled images, and once a revision what
    `teaching.taught` does.
    """
    ids = list(Image.objects.filter(project=project).for_next_batch().values_list("pk", flat=True))
    lesson = taught(project, method)
    if lesson is None:
        return Sheet(None, (), {}, 0, len(ids))
    rejected = rejections(project)
    found = kept_forecast(project, lesson, ids, rejected=rejected)
    counts = Counter(found.best[~found.unlike].tolist())
    rows = _in_order(found, label_id, only_unlike=unlike)
    rows = rows[~np.isin(found.image_ids[rows], list(but))][:size]
    tiles = _tiles(project, lesson, found.part(rows), rejected)
    return Sheet(
        lesson=lesson,
        sections=_sections(tiles, Label.objects.live().filter(project=project).in_bulk()),
        counts=dict(counts),
        unlike=int(found.unlike.sum()),
        left=len(ids),
    )


def _in_order(found: Forecasts, label_id: int | None, *, only_unlike: bool) -> NDArray[np.int64]:
    """Rows by certainty, equal ones by id; what is unlike everything comes last."""
    order: NDArray[np.int64] = np.lexsort((found.image_ids, -found.certainty, found.unlike))
    wanted = found.unlike if only_unlike else np.ones(len(found), np.bool_)
    if label_id is not None:
        wanted = (found.best == label_id) & ~found.unlike
    kept: NDArray[np.int64] = order[wanted[order]]
    return kept


def _tiles(
    project: Project, lesson: Taught, found: Forecasts, rejected: dict[int, set[int]]
) -> list[Tile]:
    ids = found.image_ids.tolist()
    images = Image.objects.filter(project=project).in_bulk(ids)
    scores = scores_of(project, lesson, ids, rejected)
    return [
        Tile(
            image=images[image_id],
            label_id=int(found.best[row]) or None,
            probability=float(found.probability[row]),
            score=float(found.score[row]),
            others=_others(lesson, scores[image_id], int(found.best[row])),
            unlike=bool(found.unlike[row]),
        )
        for row, image_id in enumerate(ids)
        if image_id in images
    ]


def _others(lesson: Taught, scores: NDArray[np.float32], best: int) -> tuple[int, ...]:
    order = np.argsort(-scores, kind="stable")
    likeliest = lesson.label_ids[order[scores[order] >= 0]].tolist()
    return tuple(label for label in likeliest if label != best)[:OTHERS]


def _sections(tiles: Sequence[Tile], labels: dict[int, Label]) -> tuple[Section, ...]:
    """The tiles under their labels; unlike ones come last, since they come last in order."""
    under: dict[int | None, list[Tile]] = {}
    for tile in tiles:
        if tile.unlike:
            under.setdefault(None, []).append(tile)
        elif tile.label_id in labels:
            under.setdefault(tile.label_id, []).append(tile)
    return tuple(Section(labels[pk] if pk else None, tuple(each)) for pk, each in under.items())


def rejections(project: Project) -> dict[int, set[int]]:
    """Return the labels a person said an unlabeled image does not have, by image."""
    items = BatchItem.objects.filter(
        batch__project=project,
        batch__kind=Batch.Kind.BY_LABEL,
        batch__state=Batch.State.COMMITTED,
        chosen=[],
        image__is_labeled=False,
    )
    found: dict[int, set[int]] = {}
    for image_id, suggested in items.values_list("image_id", "suggested"):
        found.setdefault(image_id, set()).update(suggested or ())
    return found


class Decision(NamedTuple):
    """What a person said of one tile. `chosen` is None where the label is wrong and that is all."""

    image_id: int
    suggested: int | None
    chosen: int | None
    probability: float | None = None
    """That the suggested label is right, 0..1; None where it is suggested no longer."""


def decide(
    project: Project,
    user: AbstractBaseUser,
    decisions: Sequence[Decision],
    *,
    method: str = AUTO,
) -> Act:
    """Save what a person decided about tiles, as one act that undo takes back.

    An accepted suggestion is saved as such, another label as given by hand; a rejected suggestion
    is not made again. Images that got a label or were deleted meanwhile are left as they are, and
    the act says so; those of other projects are ignored. The probabilities are computed here,
    whatever the decisions say. Not to be called in a transaction (see `collections`).

    Raises:
        Conflict: all of it was decided meanwhile, or a label was deleted.
    """
    decisions = _with_probabilities(project, _one_each(decisions), method)
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.BY_LABEL, summary="Reviewed by label")
        _refuse_dead_labels(project, decisions)
        ours, left = _still_open(project, decisions)
        if not ours:
            raise Conflict(
                "These images were decided meanwhile, in another tab or by somebody else. "
                "Take the next ones.",
                code="decided_meanwhile",
            )
        _give(act, ours)
        batch = _batch_for(project, user, ours, method)
        act.payload = {"batch": batch.pk, "items": [list(each) for each in ours]}
        _write_items(batch, ours)
        summarize(act, _summary(ours, left=left))
        return act


def _one_each(decisions: Iterable[Decision]) -> list[Decision]:
    """The last word on each image; a tile nothing was suggested for can not be rejected."""
    last = {each.image_id: each for each in decisions}
    return [each for each in last.values() if each.suggested is not None or each.chosen is not None]


def _with_probabilities(
    project: Project, decisions: Sequence[Decision], method: str
) -> list[Decision]:
    """How likely each suggestion is right by what the project knows now, never by what was sent."""
    lesson = taught(project, method)
    if lesson is None:
        return [each._replace(probability=None) for each in decisions]
    ids = [each.image_id for each in decisions]
    found = forecast(project, lesson, ids, rejected=rejections(project))
    known = zip(
        found.image_ids.tolist(), found.best.tolist(), found.probability.tolist(), strict=True
    )
    likely = {(image_id, label_id): probability for image_id, label_id, probability in known}
    return [
        each._replace(probability=likely.get((each.image_id, each.suggested or 0)))
        for each in decisions
    ]


def _refuse_dead_labels(project: Project, decisions: Sequence[Decision]) -> None:
    """Raise `Conflict` unless every label named is on the project's list."""
    named = {label for each in decisions for label in each[1:3] if label is not None}
    live = Label.objects.live().filter(project=project)
    if named - set(live.values_list("pk", flat=True)):
        raise Conflict(
            "That label was deleted in the meantime; reload the page.", code="label_deleted"
        )


def _still_open(project: Project, decisions: Sequence[Decision]) -> tuple[list[Decision], int]:
    """Return what is still to be decided, and how many images of the project were meanwhile."""
    ids = [each.image_id for each in decisions]
    images = Image.objects.filter(project=project, pk__in=one_variable(ids))
    there = set(images.values_list("pk", flat=True))
    unlabeled = set(images.in_dataset().unlabeled().values_list("pk", flat=True))
    said = rejections(project)
    ours = [
        each
        for each in decisions
        if each.image_id in unlabeled
        and not (each.chosen is None and each.suggested in said.get(each.image_id, ()))
    ]
    return ours, len(there) - len(ours)


def _give(act: Act, decisions: Sequence[Decision]) -> None:
    accepted = {
        each.image_id: (Given(each.chosen, _percent(each.probability)),)
        for each in decisions
        if each.chosen is not None and each.chosen == each.suggested
    }
    by_hand = {
        each.image_id: (Given(each.chosen),)
        for each in decisions
        if each.chosen is not None and each.chosen != each.suggested
    }
    apply_labels(act, accepted, mode="add", source=ImageLabel.Source.SUGGESTION)
    apply_labels(act, by_hand, mode="add", source=ImageLabel.Source.HAND)


def _percent(probability: float | None) -> float | None:
    return None if probability is None else round(100 * probability, 1)


def _batch_for(
    project: Project, user: AbstractBaseUser, decisions: Sequence[Decision], method: str
) -> Batch:
    """The batch of this sitting, or a new one: acts of a few images each would be no batches."""
    last = project.batches.committed().filter(
        kind=Batch.Kind.BY_LABEL,
        created_by=user.pk,
        method=method,
        created_at__gte=timezone.now() - _SITTING,
    )
    batch = last.order_by("-id").first()
    ids = [each.image_id for each in decisions]
    if batch is not None:
        room = batch.items.count() + len(ids) <= _MOST_OF_A_BATCH
        if room and not batch.items.filter(image__in=one_variable(ids)).exists():
            return batch
    return Batch.objects.create(
        project=project,
        created_by_id=user.pk,
        kind=Batch.Kind.BY_LABEL,
        state=Batch.State.COMMITTED,
        method=method,
        closed_at=timezone.now(),
        top_only=True,
    )


def _write_items(batch: Batch, decisions: Sequence[Decision]) -> None:
    start = batch.items.count()
    BatchItem.objects.bulk_create(
        BatchItem(
            batch=batch,
            image_id=each.image_id,
            position=start + at,
            suggested=[] if each.suggested is None else [each.suggested],
            chosen=[] if each.chosen is None else [each.chosen],
            was_right=None if each.suggested is None else each.chosen == each.suggested,
            probability=each.probability,
        )
        for at, each in enumerate(decisions)
    )


def _summary(decisions: Sequence[Decision], *, left: int) -> str:
    new = sum(each.suggested is None for each in decisions)
    right = sum(each.chosen == each.suggested for each in decisions)
    rejected = sum(each.chosen is None for each in decisions)
    corrected = len(decisions) - right - rejected - new
    parts = [
        text
        for number, text in (
            (right, f"accepted {count(right, 'suggestion')}"),
            (corrected, f"corrected {corrected:,}"),
            (rejected, f"rejected {rejected:,}"),
            (new, f"labeled {count(new, 'image')} nothing was suggested for"),
        )
        if number
    ]
    said = ", ".join(parts)
    tail = f"; {count(left, 'image was', 'images were')} decided or deleted meanwhile"
    return said[0].upper() + said[1:] + (tail if left else "")


def forget_decisions(act: Act, _record: Act) -> int:
    """Undo of `decide`, after its labels were taken back: it is no longer counted."""
    for chunk in chunked(item[0] for item in act.payload["items"]):
        BatchItem.objects.filter(batch=act.payload["batch"], image__in=chunk).delete()
    return 0


def remember_decisions(act: Act, record: Act) -> int:
    """Redo of `decide`, after its labels were given again: where they could not be, nothing counts.

    A rejection comes back unless the image got a label meanwhile.
    """
    batch = Batch.objects.get(pk=act.payload["batch"])
    decisions = [Decision(*item) for item in act.payload["items"]]
    ids = one_variable([each.image_id for each in decisions])
    given = set(record.changes.filter(image__in=ids).values_list("image", flat=True))
    open_ = set(Image.objects.unlabeled().filter(pk__in=ids).values_list("pk", flat=True))
    there = [each for each in decisions if each.image_id in (given if each.chosen else open_)]
    _write_items(batch, there)
    return 0
