"""How many suggestions an allowed error lets through unseen; `acceptances` accepts them."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from projects.errors import Refusal
from projects.models import Label, Project
from projects.models.batches import ALLOWED_ERRORS
from similarity.acceptance import accept_within, comparable, labeled_needed

from .acts import count
from .batches import why_none_is_left
from .selection import one_variable
from .teaching import AUTO, Forecasts, Taught, forecast, taught

MOST_AT_ONCE = 50_000
"""Suggestions one act accepts: eleven seconds of a core under the project's lock, for which others
wait 20 s at most on SQLite. The rest is offered again."""
_WORTH_IT = 0.1
"""Share of the images left that makes it worth to label more for."""


@dataclass(frozen=True)
class LabelCount:
    """How many of the accepted images get a label."""

    label: Label
    number: int


@dataclass(frozen=True)
class Offer:
    """What could be accepted of all images that could come in a next batch."""

    allowed: float
    """Share that may be wrong, 0..1."""
    method: str
    """What was asked for: a name of `teaching.METHOD_NAMES`."""
    expected_wrong: float
    candidates: int
    unlike: int
    """Those of them that look like nothing labeled; they are never accepted."""
    labeled: int
    """Labeled images that a person looked at: what is learned from."""
    per_label: tuple[LabelCount, ...]
    choices: tuple[tuple[float, int], ...]
    """Each error that may be allowed, with how many could be accepted."""
    needed: int | None
    """About how many labeled images it takes to accept a tenth, where none can be accepted."""
    reason: str
    """What is used, and why; empty where nothing is labeled."""
    why_no_candidate: str
    revision: int
    forecasts: Forecasts | None = field(repr=False)
    """Of the images to be accepted, the surest first."""

    @property
    def number(self) -> int:
        """How many can be accepted."""
        return len(self.forecasts) if self.forecasts is not None else 0

    @property
    def remaining(self) -> int:
        """How many of the images stay unlabeled."""
        return self.candidates - self.number

    @property
    def expected_percent(self) -> float:
        return 100 * self.expected_wrong / self.number if self.number else 0.0

    @property
    def version(self) -> str:
        """A short text that differs wherever another image or label would be accepted."""
        if self.forecasts is None:
            return "0-"
        pairs = self.forecasts.image_ids.tobytes() + self.forecasts.best.tobytes()
        return f"{self.number}-{hashlib.sha256(pairs).hexdigest()[:16]}"

    @property
    def why_none(self) -> str:
        """Why nothing can be accepted, and what would help; empty where something can."""
        if self.number:
            return ""
        if self.why_no_candidate:
            return self.why_no_candidate
        if not self.labeled:
            return "No image is labeled yet, so nothing can be suggested. Label a first batch."
        if self.unlike == self.candidates:
            return (
                "All images that are left look like nothing labeled so far: they may be of labels "
                "that the project does not have yet. Label some of them."
            )
        return self._too_few()

    def _too_few(self) -> str:
        percent = percent_text(100 * self.allowed)
        have = count(self.labeled, "image")
        if self.needed is not None:
            need = (
                f"At {percent} % about {_rounded_up(self.needed):,} labeled images are needed to "
                f"accept a tenth of what is left; {have} {'is' if self.labeled == 1 else 'are'} "
                "labeled."
            )
        else:
            need = (
                f"Of the images that are left, even the surest suggestions are wrong too often for "
                f"{percent} %, as far as {have} labeled so far can tell. Label a batch of them: "
                "each counts in the next suggestions."
            )
        more = [(share, n) for share, n in self.choices if share > self.allowed and n]
        if not more:
            return need
        return f"{need} {percent_text(100 * more[0][0])} % would allow {more[0][1]:,} now."


def percent_text(percent: float) -> str:
    """Return a percentage as people write it: 0.5, 1, 6.7, 21."""
    return f"{percent:.1f}".removesuffix(".0") if percent < 10 else f"{percent:.0f}"


def _rounded_up(number: int) -> int:
    """To two digits: the estimate is no better."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def offer(project: Project, *, allowed: float, method: str = AUTO) -> Offer:
    """Say how many suggestions can be accepted unseen so that at most `allowed` of them are wrong.

    Looked at are all images that could come in a next batch, without those that a person looked at
    and left without a label. At most `MOST_AT_ONCE` are accepted at once, the surest. Not to be
    called in a transaction that raised the revision.

    Raises:
        Refusal: the project allows several labels an image; or no method has that name.
    """
    if project.multi_label:
        raise Refusal(
            "In a project with several labels an image, each label has a threshold of its own; "
            "review a batch instead.",
            code="multi_label",
        )
    free = project.images.for_next_batch().never_left_out().order_by("pk")
    ids = list(free.values_list("pk", flat=True))
    lesson = taught(project, method) if ids else None
    found = _forecasts(project, lesson, ids) if lesson else None
    like = found.part(~found.unlike) if found else None
    surest = _surest(like) if like is not None else None
    numbers = {share: _number(surest, lesson, share) for share in (*ALLOWED_ERRORS, allowed)}
    accepted = surest.part(np.arange(numbers[allowed])) if surest is not None else None
    return Offer(
        allowed=allowed,
        method=method,
        expected_wrong=float((1 - accepted.probability).sum()) if accepted is not None else 0.0,
        candidates=len(ids),
        unlike=len(found) - len(like) if found is not None and like is not None else 0,
        labeled=len(lesson.labeled) if lesson else 0,
        per_label=_per_label(project, accepted),
        choices=tuple((share, numbers[share]) for share in ALLOWED_ERRORS),
        needed=_needed(surest, lesson, allowed) if not numbers[allowed] else None,
        reason=lesson.reason if lesson else "",
        why_no_candidate="" if ids else why_none_is_left(project),
        revision=project.revision,
        forecasts=accepted,
    )


def _surest(found: Forecasts) -> Forecasts:
    return found.part(np.argsort(-found.certainty, kind="stable")[:MOST_AT_ONCE])


def _number(surest: Forecasts | None, lesson: Taught | None, allowed: float) -> int:
    if surest is None or lesson is None:
        return 0
    checked, right = comparable(surest.certainty, lesson.checked, lesson.right)
    return accept_within(
        surest.certainty, surest.probability, checked=checked, right=right, allowed=allowed
    ).number


def _needed(surest: Forecasts | None, lesson: Taught | None, allowed: float) -> int | None:
    if surest is None or lesson is None or not len(surest):
        return None
    checked, right = comparable(surest.certainty, lesson.checked, lesson.right)
    seen = labeled_needed(
        surest.certainty,
        checked=checked,
        right=right,
        allowed=allowed,
        least=max(1, round(_WORTH_IT * len(surest))),
    )
    # Of all labeled images, as many are like the ones that are left as now.
    return None if seen is None else round(seen * len(lesson.labeled) / len(checked))


def _per_label(project: Project, accepted: Forecasts | None) -> tuple[LabelCount, ...]:
    if accepted is None:
        return ()
    ids, numbers = np.unique(accepted.best, return_counts=True)
    by_id = dict(zip(ids.tolist(), numbers.tolist(), strict=True))
    labels = Label.objects.live().filter(project=project, pk__in=one_variable(list(by_id)))
    counts = [LabelCount(label, by_id[label.pk]) for label in labels]
    return tuple(sorted(counts, key=lambda each: -each.number))


_kept: OrderedDict[int, tuple[tuple[int, str], NDArray[np.int64], Forecasts]] = OrderedDict()
"""Of the projects asked about last, so that another allowed error and the act itself need not
compare 100,000 images again. 45 bytes an image."""
_kept_lock = threading.Lock()
_MOST_KEPT = 4


def _forecasts(project: Project, lesson: Taught, ids: list[int]) -> Forecasts:
    asked, key = np.array(ids, np.int64), (project.revision, lesson.name)
    with _kept_lock:
        kept = _kept.get(project.pk)
    # Which images are free may change without the revision: a batch was opened.
    if kept is not None and kept[0] == key and np.array_equal(kept[1], asked):
        return kept[2]
    found = forecast(project, lesson, ids)
    with _kept_lock:
        _kept[project.pk] = (key, asked, found)
        _kept.move_to_end(project.pk)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found
