"""What comparing says of the images of a project that have no label yet.

Kept in this process until the project's revision moves, since comparing 100,000 images takes long;
the database stays the only truth.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from projects.models import Project
from similarity.acceptance import Acceptance, Interval, accept_within
from similarity.accuracy import expected_share

from .by_label import rejections
from .teaching import Forecasts, Taught, forecast, taught

LEVELS = (99, 90, 50)
"""Percent of calibrated probability that are told apart, the surest first."""
_MOST_KEPT = 8


@dataclass(frozen=True)
class Outlook:
    """Forecasts of the unlabeled images that have a vector, as of one revision."""

    lesson: Taught = field(repr=False)
    forecasts: Forecasts = field(repr=False)
    share: Interval
    """Of right suggestions, if all of them were accepted now."""
    _acceptances: dict[tuple[float, frozenset[int]], Acceptance] = field(
        default_factory=dict, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.forecasts)

    @property
    def unlike(self) -> int:
        """Images unlike everything labeled: of a label perhaps that the project does not have."""
        return int(self.forecasts.unlike.sum())

    @property
    def like(self) -> Forecasts:
        """All but those unlike everything labeled."""
        return self.forecasts.part(~self.forecasts.unlike)

    def at_least(self, percent: float) -> int:
        """Of `like`, those whose calibrated probability reaches this."""
        return int((self.like.probability >= percent / 100).sum())

    def candidates(self, held: frozenset[int]) -> Forecasts:
        """What could be accepted without a look: of `like`, those not held for a person."""
        return self.forecasts.part(self._may_be_accepted(held))

    def _may_be_accepted(self, held: frozenset[int]) -> NDArray[np.bool_]:
        waits = np.isin(self.forecasts.image_ids, np.fromiter(held, np.int64, len(held)))
        return ~self.forecasts.unlike & ~waits

    def acceptance(self, allowed: float, held: frozenset[int]) -> Acceptance:
        """The longest run of the surest candidates within an allowed error."""
        key = (allowed, held)
        if key not in self._acceptances:
            candidates = self.candidates(held)
            self._acceptances[key] = accept_within(
                candidates.certainty,
                candidates.probability,
                checked=self.lesson.checked,
                right=self.lesson.right,
                allowed=allowed,
            )
        return self._acceptances[key]

    def corrections_after(self, acceptance: Acceptance, held: frozenset[int]) -> float:
        """How many of the suggestions that are not accepted are expected to be wrong."""
        sure = self.forecasts.certainty >= acceptance.least
        taken = self._may_be_accepted(held) & sure
        return float((1.0 - self.forecasts.probability[~taken]).sum())


_kept: OrderedDict[tuple[int, int], Outlook | None] = OrderedDict()
_locks = [threading.Lock() for _ in range(16)]
"""Two pages of one project compare once; those of others seldom wait for it."""


def is_kept(project: Project) -> bool:
    """Whether this revision's outlook was made before, so that asking for it takes no time."""
    with _kept_lock:
        return (project.pk, project.revision) in _kept


def outlook(project: Project) -> Outlook | None:
    """Return what is forecast of the unlabeled images, None where nothing labeled can be compared.

    Cost: what `taught` and `forecast` cost, once a revision: with 100,000 images beside 2,000
    labeled ones half a minute was measured on a busy machine, once the vectors are read.
    """
    key = (project.pk, project.revision)
    with _locks[project.pk % len(_locks)]:
        if key not in _kept:
            made = _look(project)
            with _kept_lock:
                _kept[key] = made
                while len(_kept) > _MOST_KEPT:
                    _kept.popitem(last=False)
        return _kept[key]


_kept_lock = threading.Lock()
"""Held for moments only, so that a page that only asks whether it is known never waits."""


def forget() -> None:
    """Drop what is kept."""
    with _kept_lock:
        _kept.clear()


def _look(project: Project) -> Outlook | None:
    lesson = taught(project)
    if lesson is None:
        return None
    unlabeled = project.images.in_dataset().unlabeled().embedded().order_by()
    ids = list(unlabeled.values_list("pk", flat=True))
    forecasts = forecast(project, lesson, ids, rejected=rejections(project))
    share = expected_share(forecasts.probability, forecasts.certainty, checked=lesson.checked)
    return Outlook(lesson, forecasts, share)


def surest(checked: NDArray[np.float64], right: NDArray[np.bool_], number: int) -> int:
    """Return how many of the `number` surest labeled images were wrong when left out."""
    order = np.argsort(-checked, kind="stable")[:number]
    return int((~right[order]).sum())
