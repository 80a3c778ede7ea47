"""Accepting suggestions unseen, taking them back, and how many of them were wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from projects.errors import Conflict
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Project
from similarity.acceptance import Interval, share_of

from .acts import begin_act, count, summarize
from .labels import Given, apply_labels
from .offers import Offer, offer
from .selection import one_variable
from .teaching import AUTO, Forecasts

SAMPLE = 30
"""Accepted images that are sent back for a check: half a minute's look. Were one in ten wrong, a
wrong one would be among them with 96 % probability; none wrong among 30 says at most 11 % with 95 %
confidence, among 100 at most 4 %. Several acceptances add up (see `measured_error`)."""


def accept(
    project: Project,
    user: AbstractBaseUser,
    *,
    allowed: float,
    seen: str,
    rng: np.random.Generator,
    method: str = AUTO,
) -> Act:
    """Give all images of the offer their suggested labels, as one act that can be undone.

    The batch that remembers them stands in the act's payload. `SAMPLE` of its rows, drawn at
    random, are asked back.

    Args:
        seen: the `version` of the offer that the person saw.

    Raises:
        Conflict: the offer is another one by now, or there is none; nothing is saved.
    """
    found = offer(project, allowed=allowed, method=method)
    if found.forecasts is None or not found.number or found.version != seen:
        raise _changed()
    # An object of our own: rolled back, the revision must not stay raised in the caller's.
    locked = Project.objects.get(pk=project.pk)
    with transaction.atomic():
        act = begin_act(locked, user, kind=Act.Kind.ACCEPT, summary="Accepted suggestions")
        if locked.revision != found.revision + 1 or not _are_free(locked, found.forecasts):
            raise _changed()
        givens = _givens(found.forecasts)
        batch = _write_batch(act, found, givens, rng=rng)
        changed = apply_labels(
            act,
            givens,
            mode="add",
            source=ImageLabel.Source.SUGGESTION,
        )
        act.payload = _moves(batch, before=Batch.State.DISCARDED, after=Batch.State.COMMITTED)
        summarize(act, f"Accepted {count(changed, 'suggestion')}")
    project.refresh_from_db(fields=["revision"])
    return act


def _changed() -> Conflict:
    return Conflict(
        "The suggestions changed since this page showed them, because images or labels came or "
        "went, or these were accepted already. Nothing was saved: look at the new number, then "
        "accept.",
        code="offer_changed",
    )


def _are_free(project: Project, accepted: Forecasts) -> bool:
    free = Image.objects.filter(project=project).for_next_batch().order_by()
    there = free.filter(pk__in=one_variable(accepted.image_ids.tolist()))
    return there.count() == len(accepted)


def _givens(accepted: Forecasts) -> dict[int, tuple[Given]]:
    rows = zip(
        accepted.image_ids.tolist(),
        accepted.best.tolist(),
        accepted.probability.tolist(),
        strict=True,
    )
    return {image: (Given(label, 100 * probability),) for image, label, probability in rows}


def _write_batch(
    act: Act, found: Offer, givens: Mapping[int, tuple[Given]], *, rng: np.random.Generator
) -> Batch:
    batch = Batch.objects.create(
        project=act.project,
        created_by_id=act.user_id,
        kind=Batch.Kind.ACCEPTED,
        state=Batch.State.COMMITTED,
        top_only=True,
        method=found.method,
        allowed_error=found.allowed,
        expected_wrong=found.expected_wrong,
        closed_at=timezone.now(),
    )
    asked = set(rng.choice(len(givens), size=min(SAMPLE, len(givens)), replace=False).tolist())
    items = (
        BatchItem(
            batch=batch,
            image_id=image_id,
            position=position,
            suggested=[given.label_id],
            chosen=[given.label_id],
            probability=(given.score or 0.0) / 100,
            asked_back=position in asked,
        )
        for position, (image_id, (given,)) in enumerate(givens.items())
    )
    BatchItem.objects.bulk_create(items, batch_size=1000)
    return batch


def _moves(batch: Batch, *, before: Batch.State, after: Batch.State) -> dict[str, int | str]:
    return {"batch": batch.pk, "before": before.value, "after": after.value}


def move_back(act: Act, _record: Act) -> int:
    """Undo of an act of kind ACCEPT, beside its labels: its batch is as it was before."""
    Batch.objects.filter(pk=act.payload["batch"]).update(state=act.payload["before"])
    return 0


def move_again(act: Act, _record: Act) -> int:
    """Redo of an act of kind ACCEPT."""
    Batch.objects.filter(pk=act.payload["batch"]).update(state=act.payload["after"])
    return 0


def take_back(batch: Batch, user: AbstractBaseUser) -> Act:
    """Take the labels of an acceptance from all images nobody looked at, as an act of its own.

    Unlike undo it can be done whatever was done since, by any labeler, and what a check said stays:
    images that were right keep their label, others their corrected one.

    Raises:
        Conflict: it was undone or taken back already.
    """
    with transaction.atomic():
        act = begin_act(batch.project, user, kind=Act.Kind.ACCEPT, summary="Took back")
        standing = Batch.objects.filter(pk=batch.pk, state=Batch.State.COMMITTED)
        if not standing.update(state=Batch.State.DISCARDED):
            raise Conflict("This acceptance was taken back already.", code="batch_discarded")
        rows = batch.items.filter(checked_right=None).values_list("image_id", "chosen")
        unseen = {image_id: labels[0] for image_id, labels in rows if labels}
        carried = _carried_as_suggested(list(unseen))
        wanted = {
            image_id: (Given(label),)
            for image_id, label in unseen.items()
            if (image_id, label) in carried
        }
        changed = apply_labels(act, wanted, mode="remove")
        act.payload = _moves(batch, before=Batch.State.COMMITTED, after=Batch.State.DISCARDED)
        summarize(act, f"Took back {count(changed, 'accepted suggestion')}")
        return act


def _carried_as_suggested(image_ids: Sequence[int]) -> set[tuple[int, int]]:
    rows = ImageLabel.objects.filter(
        image__in=one_variable(image_ids), source=ImageLabel.Source.SUGGESTION
    )
    return set(rows.order_by().values_list("image_id", "label_id"))


@dataclass(frozen=True)
class Measured:
    """What checks of accepted suggestions found, over all acceptances that stand."""

    accepted: int
    checked: int
    """Of the random samples."""
    wrong: int
    """Of the checked ones."""
    interval: Interval
    """Share of wrong ones among the accepted."""


def measured_error(project: Project) -> Measured:
    """Return how many suggestions were accepted, and how many of the checked ones were wrong.

    A sample of 30 stands for 40 images as well as for 40,000, so each acceptance counts with its
    size; the interval is that of the effective number of checks (Kish, "Survey Sampling", 1965).
    Acceptances nobody checked are taken to be like the others.
    """
    checked = Q(asked_back=True, checked_right__isnull=False)
    rows = (
        BatchItem.objects.filter(batch__in=standing(project))
        .order_by()
        .values_list("batch")
        .annotate(
            n=Count("pk"),
            checked=Count("pk", filter=checked),
            wrong=Count("pk", filter=checked & Q(checked_right=False)),
        )
    )
    counts = [(n, m, wrong) for _, n, m, wrong in rows]
    judged = [each for each in counts if each[1]]
    whole = sum(n for n, _, _ in judged)
    effective = whole**2 / sum(n**2 / m for n, m, _ in judged) if judged else 0.0
    share = sum(n * wrong / m for n, m, wrong in judged) / whole if judged else 0.0
    return Measured(
        accepted=sum(n for n, _, _ in counts),
        checked=sum(m for _, m, _ in counts),
        wrong=sum(wrong for _, _, wrong in counts),
        interval=share_of(share * effective, effective),
    )


def standing(project: Project) -> QuerySet[Batch]:
    """Return the acceptances that stand: neither undone nor taken back."""
    return project.batches.committed().filter(kind=Batch.Kind.ACCEPTED)
