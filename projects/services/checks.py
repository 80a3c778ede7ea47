"""Looking at accepted suggestions: the sample that was asked back, and what it came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Count, Q, QuerySet

from projects.errors import Conflict, Refusal
from projects.models import Act, Batch, BatchItem, Image, ImageLabel, Label, Project
from similarity.acceptance import Interval, share_of

from . import collections, indexes, undo_label_list
from .acceptances import standing
from .acts import begin_act, count, summarize
from .labels import Given, apply_labels, get_or_create_labels
from .offers import percent_text
from .selection import one_variable

PAGE = 60
"""Images a look at all accepted ones shows at once, the least certain first."""


@dataclass(frozen=True)
class Evidence:
    """The labeled image most similar to an accepted one, of those that carry its label."""

    image: Image
    percent: int


@dataclass(frozen=True)
class Shown:
    """One accepted image as the check shows it."""

    item: BatchItem
    label: Label | None
    """What was accepted; None where that label was deleted."""
    now: Label | None
    """What the image carries by now; None where it lost its label."""
    evidence: Evidence | None

    @property
    def percent(self) -> float:
        """How likely it was right when it was accepted."""
        return 100 * (self.item.probability or 0.0)

    @property
    def changed(self) -> bool:
        """Whether somebody gave it another label since: then it was wrong, most likely."""
        return self.label is None or self.now != self.label


def unchecked(batch: Batch) -> QuerySet[BatchItem]:
    """Rows nobody looked at whose image is still in the dataset."""
    return batch.items.filter(checked_right=None, image__state=Image.State.DATASET)


def sample_of(batch: Batch) -> list[Shown]:
    """Return what waits for the check, those of one label side by side: a stranger stands out."""
    shown = _shown(batch, unchecked(batch).filter(asked_back=True))
    return sorted(shown, key=lambda each: (_place(each.label), each.percent, each.item.pk))


def least_certain(batch: Batch) -> list[Shown]:
    """Return the next accepted images nobody looked at, the least certain first."""
    items = unchecked(batch).order_by("probability", "-position")[:PAGE]
    return _shown(batch, items)


def _place(label: Label | None) -> tuple[int, int]:
    return (label.position, label.pk) if label else (-1, 0)


def _shown(batch: Batch, items: QuerySet[BatchItem]) -> list[Shown]:
    there = list(items.select_related("image"))
    labels = {each.pk: each for each in Label.objects.live().filter(project=batch.project_id)}
    ids = [item.image_id for item in there]
    carried = dict(
        ImageLabel.objects.filter(image__in=one_variable(ids)).values_list("image", "label")
    )
    evidence = _evidence(batch, {item.image_id: _accepted(item) for item in there})
    return [
        Shown(
            item=item,
            label=labels.get(_accepted(item)),
            now=labels.get(carried.get(item.image_id, 0)),
            evidence=evidence.get(item.image_id),
        )
        for item in there
    ]


def _accepted(item: BatchItem) -> int:
    """The label that was accepted."""
    return int(item.chosen[0]) if item.chosen else 0


def _evidence(batch: Batch, accepted: Mapping[int, int]) -> dict[int, Evidence]:
    """The nearest labeled image of the accepted label, of those that were not accepted unseen."""
    whole, labeled = collections.collection(batch.project), collections.labeled(batch.project)
    carriers = _carriers(batch.project, set(accepted.values()))
    found: dict[int, tuple[int, float]] = {}
    for label_id, among in carriers.items():
        queries = [pk for pk, label in accepted.items() if label == label_id]
        query_rows = whole.rows(queries)
        queries = [pk for pk, row in zip(queries, query_rows, strict=True) if row >= 0]
        rows = labeled.rows(among)
        rows = np.sort(rows[rows >= 0])
        if not queries or not len(rows):
            continue
        hits = indexes.among(labeled, rows).search(
            whole.centered(query_rows[query_rows >= 0]), k=1, itself=np.array(queries, np.int64)
        )
        best = zip(queries, hits.image_ids[:, 0], hits.similarities[:, 0], strict=True)
        found |= {pk: (int(hit), float(s)) for pk, hit, s in best if hit >= 0}
    images = Image.objects.in_bulk([hit for hit, _ in found.values()])
    return {pk: Evidence(images[hit], round(100 * s)) for pk, (hit, s) in found.items()}


def _carriers(project: Project, labels: Collection[int]) -> dict[int, list[int]]:
    unseen = Image.objects.filter(project=project).accepted_unseen().values("pk")
    rows = (
        ImageLabel.objects.filter(label__in=labels, image__state=Image.State.DATASET)
        .exclude(image__in=unseen)
        .order_by("label", "image")
    )
    found: dict[int, list[int]] = {}
    for label_id, image_id in rows.values_list("label", "image"):
        found.setdefault(label_id, []).append(image_id)
    return found


def check(
    batch: Batch,
    user: AbstractBaseUser,
    *,
    shown: Sequence[int],
    wrong: Mapping[int, int | str | None],
) -> Act:
    """Write down that a person looked at rows of an acceptance, as one act that can be undone.

    Args:
        shown: ids of the rows looked at; those not in `wrong` are right.
        wrong: row id to the right label, its id or the name of one (made where it is missing), or
            None where the person does not know: such an image loses its label and comes again.

    Raises:
        Conflict: somebody else checked one of them meanwhile, or the acceptance was undone, or a
            label deleted.
        Refusal: nothing was shown, or a wrong one was not among the shown.
    """
    if not shown or wrong.keys() - set(shown):
        raise Refusal("Every wrong row must be among those that were shown.", code="bad_request")
    with transaction.atomic():
        act = begin_act(batch.project, user, kind=Act.Kind.CHECK, summary="Checked suggestions")
        items = _locked(batch, shown)
        right_labels, created = _labels(batch.project, user, wrong)
        # Giving a row the label it was accepted with says that it is right.
        misses = {
            item.pk: right_labels[item.pk]
            for item in items
            if item.pk in right_labels and right_labels[item.pk] != _accepted(item)
        }
        _correct(act, items, misses)
        act.payload = {
            "batch": batch.pk,
            "right": [item.pk for item in items if item.pk not in misses],
            "wrong": list(misses),
            "created": created,
        }
        _write_down(act)
        looked = count(len(items), "accepted suggestion")
        summarize(act, f"Checked {looked}, {len(misses)} of them wrong")
        return act


def _locked(batch: Batch, shown: Sequence[int]) -> list[BatchItem]:
    if not standing(batch.project).filter(pk=batch.pk).exists():
        raise Conflict("This acceptance was undone or taken back.", code="batch_discarded")
    items = list(unchecked(batch).filter(pk__in=one_variable(shown)))
    if len(items) < len(set(shown)):
        raise Conflict(
            "Some of these images were checked or deleted meanwhile, in another tab or by somebody "
            "else. Nothing was saved: reload the page.",
            code="checked_already",
        )
    return items


def _labels(
    project: Project, user: AbstractBaseUser, wrong: Mapping[int, int | str | None]
) -> tuple[dict[int, int | None], list[int]]:
    """Right label by row, and the labels that were made for it."""
    known = set(Label.objects.live().filter(project=project).values_list("pk", flat=True))
    names = sorted({right for right in wrong.values() if isinstance(right, str)})
    # One by one: two names may be the same label.
    named = {name: get_or_create_labels(project, user, [name])[0].pk for name in names}
    labels = {
        item_id: named[right] if isinstance(right, str) else right
        for item_id, right in wrong.items()
    }
    return labels, sorted(set(named.values()) - known)


def _correct(act: Act, items: Sequence[BatchItem], misses: Mapping[int, int | None]) -> None:
    """Give what is right, and take what is wrong; rows that stand as they should stay untouched."""
    givens = {
        item.image_id: (Given(label),)
        for item in items
        if (label := misses.get(item.pk, _accepted(item))) is not None
    }
    live = set(Label.objects.live().filter(project=act.project_id).values_list("pk", flat=True))
    nameless = {
        item.image_id: (Given(_accepted(item)),)
        for item in items
        if misses.get(item.pk, item) is None and _accepted(item) in live
    }
    apply_labels(act, givens, mode="set", source=ImageLabel.Source.HAND)
    # Not `set` to nothing: another label that somebody gave since is not what was wrong.
    apply_labels(act, nameless, mode="remove")


def _write_down(act: Act) -> None:
    for name, is_right in (("right", True), ("wrong", False)):
        items = BatchItem.objects.filter(pk__in=one_variable(act.payload[name]))
        items.update(checked_right=is_right)


def uncheck(act: Act, record: Act) -> int:
    """Undo of `check`, after its labels were taken back."""
    looked_at = [*act.payload["right"], *act.payload["wrong"]]
    BatchItem.objects.filter(pk__in=one_variable(looked_at)).update(checked_right=None)
    return undo_label_list.hide_created(act, record)


def check_again(act: Act, record: Act) -> int:
    """Redo of `check`, before its labels are given again."""
    undo_label_list.revive_created(act, record)
    _write_down(act)
    return 0


@dataclass(frozen=True)
class Report:
    """What the check of an acceptance says so far."""

    allowed: float
    expected_wrong: float
    accepted: int
    checked: int
    """Of the random sample."""
    wrong: int
    """Of those checked."""
    waiting: int
    """Of the sample, to be looked at."""
    looked_at: int
    """Beside the sample, where all were gone through."""
    looked_at_wrong: int
    unchecked: int
    """Nobody looked at, sample or not."""

    @property
    def interval(self) -> Interval:
        return share_of(self.wrong, self.checked)

    @property
    def is_whole(self) -> bool:
        """Whether the sample is all that was accepted: then nothing is left to guess."""
        return self.checked == self.accepted

    @property
    def is_too_wrong(self) -> bool:
        """Whether the error lies above the allowed one, beyond what chance explains."""
        if self.is_whole:
            return self.interval.share > self.allowed
        return self.checked > 0 and self.interval.low > self.allowed

    @property
    def sentence(self) -> str:
        share, low, high = (percent_text(100 * part) for part in self.interval)
        between = "all were checked" if self.is_whole else f"{low} to {high} % with 95 % confidence"
        return (
            f"{self.wrong} of {self.checked} wrong: {share} % measured ({between}), "
            f"{percent_text(100 * self.allowed)} % {'was' if self.checked else 'is'} allowed"
        )


_LOOKED = Q(checked_right__isnull=False)
_WRONG = Q(checked_right=False)
_THERE = Q(checked_right=None, image__state=Image.State.DATASET)


def report_of(batch: Batch) -> Report:
    """Count over one acceptance. One query."""
    counts = batch.items.order_by().aggregate(
        accepted=Count("pk"),
        checked=Count("pk", filter=_LOOKED & Q(asked_back=True)),
        wrong=Count("pk", filter=_WRONG & Q(asked_back=True)),
        waiting=Count("pk", filter=_THERE & Q(asked_back=True)),
        looked_at=Count("pk", filter=_LOOKED & Q(asked_back=False)),
        looked_at_wrong=Count("pk", filter=_WRONG & Q(asked_back=False)),
        unchecked=Count("pk", filter=_THERE),
    )
    return Report(
        allowed=batch.allowed_error or 0.0, expected_wrong=batch.expected_wrong or 0.0, **counts
    )


@dataclass(frozen=True)
class OpenCheck:
    """An acceptance whose sample waits for a person."""

    batch: Batch
    accepted: int
    waiting: int


def open_checks(project: Project) -> list[OpenCheck]:
    """Return the acceptances that stand and wait for their check, newest first. One query."""
    waiting = Q(
        items__asked_back=True,
        items__checked_right=None,
        items__image__state=Image.State.DATASET,
    )
    counted = (
        standing(project)
        .annotate(accepted=Count("items"), waiting=Count("items", filter=waiting))
        .filter(waiting__gt=0)
        .order_by("-id")
    )
    return [OpenCheck(batch, batch.accepted, batch.waiting) for batch in counted]
