"""Whether a project is done within an allowed error, and if not, what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from projects.models import Project
from similarity.acceptance import Acceptance, checks_needed
from similarity.calibration import LEAST_LABELED

from .acts import count
from .outlook import Outlook, surest
from .standing import Held, Standing


class Kind(StrEnum):
    """What is said, and by it what the page offers to do."""

    EMPTY = "empty"
    FIRST = "first"
    """Nothing is labeled."""
    WAITING = "waiting"
    """Nothing that is left can be compared (yet)."""
    STOP = "stop"
    PARTLY = "partly"
    NOT_YET = "not-yet"
    DONE = "done"
    LOOK = "look"
    """Several labels an image: no probability speaks of all of them, so each needs a look."""


@dataclass(frozen=True)
class Verdict:
    """A sentence that decides, and one that says why. Neither names a figure the other denies."""

    kind: Kind
    headline: str
    reason: str


@dataclass(frozen=True)
class _Case:
    """What a verdict is about, once there is something to compare."""

    project: Project
    outlook: Outlook
    held: Held
    percent: int

    @property
    def left(self) -> int:
        return len(self.outlook)

    @property
    def acceptance(self) -> Acceptance:
        return self.outlook.acceptance(self.percent / 100, self.held.images)

    @property
    def candidates(self) -> int:
        return len(self.outlook.candidates(self.held.images))

    @property
    def look_at(self) -> str:
        """What no acceptance takes, as sentences."""
        unlike, left_out = self.outlook.unlike, len(self.held.left_out)
        parts = [
            f"{count(n, 'image is', 'images are')} {words}"
            for n, words in (
                (unlike, "unlike everything labeled"),
                (len(self.held.under_review), "under review in an open batch"),
                (left_out, "left without a label by a person"),
            )
            if n
        ]
        return f"Never accepted unseen: {'; '.join(parts)}." if parts else ""


def verdict(
    project: Project, standing: Standing, outlook: Outlook | None, held: Held, *, percent: int
) -> Verdict:
    """Say whether the person can stop, with `percent` of the accepted suggestions allowed wrong.

    Args:
        outlook: of the same moment, None where nothing can be compared.
    """
    early = _before_comparing(standing)
    if early:
        return early
    if outlook is None or not len(outlook):
        return _nothing_to_compare(standing)
    if project.multi_label:
        return _several_labels(outlook)
    case = _Case(project, outlook, held, percent)
    if not case.acceptance.number:
        return _not_yet(case)
    return _stop(case) if case.acceptance.number == case.candidates else _partly(case)


def _before_comparing(standing: Standing) -> Verdict | None:
    if not standing.images:
        return Verdict(
            Kind.EMPTY, "No images yet.", "Upload some; this page says how far their labels are."
        )
    if not standing.left:
        return Verdict(Kind.DONE, "Every image has a label.", "")
    if not standing.labeled:
        return Verdict(
            Kind.FIRST,
            f"Not yet: label about {LEAST_LABELED} images.",
            "None is labeled, so there is nothing to compare the others with.",
        )
    return None


def _nothing_to_compare(standing: Standing) -> Verdict:
    if standing.ready:
        return Verdict(
            Kind.WAITING,
            "Not yet: the labeled images are still being prepared.",
            "As soon as one of them has its embedding, the others are compared with it.",
        )
    parts = [
        f"{count(n, 'image')} {words}"
        for n, words in (
            (standing.waiting, "still being prepared"),
            (standing.failed, "that could not be read"),
        )
        if n
    ]
    return Verdict(
        Kind.WAITING,
        "Every image that is ready has a label.",
        f"Left: {' and '.join(parts)}.",
    )


def _several_labels(outlook: Outlook) -> Verdict:
    return Verdict(
        Kind.LOOK,
        f"{len(outlook):,} left to review.",
        "Images of this project carry several labels. The probabilities here speak of the best "
        "label of each, not of all it should carry, so no suggestion is accepted without a look.",
    )


def _stop(case: _Case) -> Verdict:
    wrong = _about(case.acceptance.expected_wrong)
    remaining = count(case.candidates, "suggestion")
    return Verdict(
        Kind.STOP,
        f"You can stop: accepting the remaining {remaining} keeps the error within "
        f"{case.percent} %.",
        f"Expected to be wrong: about {wrong:,}. {_reaches(case)}{case.look_at}",
    )


def _reaches(case: _Case) -> str:
    """What the range of the rest adds where it is wider than the promise, empty elsewhere."""
    most_wrong = 100 * (1 - case.outlook.share.low)
    if most_wrong <= case.percent:
        return ""
    return (
        f"Few of the labeled images are as unsure as these, so the range below reaches "
        f"{most_wrong:.0f} % wrong: check the sample that is asked back. "
    )


def _partly(case: _Case) -> Verdict:
    rest = _about(case.outlook.corrections_after(case.acceptance, case.held.images))
    return Verdict(
        Kind.PARTLY,
        f"{case.acceptance.number:,} of {case.left:,} could be accepted now, within "
        f"{case.percent} %.",
        f"About {count(rest, 'more correction')} expected for the rest. {case.look_at}",
    )


def _not_yet(case: _Case) -> Verdict:
    """Why nothing may be accepted: too few labeled, too few left, or too many wrong."""
    candidates, percent, n = case.candidates, case.percent, len(case.outlook.lesson.checked)
    if n < LEAST_LABELED <= n + case.left:
        return _label_more(
            LEAST_LABELED - n,
            f"With {count(n, 'labeled image')} nobody can tell sure suggestions from others.",
        )
    if not candidates:
        return _review_all(case, case.look_at)
    if candidates * percent < 100:
        one = f"{100 / candidates:.0f} %"
        return _review_all(case, f"One wrong among {candidates:,} would be {one} already.")
    # Of 150, the surest 100 ask for fewer labels under 1 % than all: one of both may be wrong.
    run = candidates * percent // 100 * 100 // percent
    needed = checks_needed(run, percent / 100)
    if needed is None or needed - n >= case.left:
        return _review_all(
            case,
            f"To bear out an error of at most {percent} %, more labeled images would be needed "
            "than are left.",
        )
    if n < needed:
        return _label_more(
            needed - n,
            f"{count(n, 'labeled image')} cannot bear out an error of at most {percent} %, even if "
            f"all were right when left out in turn: that takes about {needed:,}.",
        )
    return _some_wrong(case, run, needed)


def _label_more(number: int, reason: str) -> Verdict:
    return Verdict(Kind.NOT_YET, f"Not yet: label about {number:,} more.", reason)


def _review_all(case: _Case, reason: str) -> Verdict:
    last = "the last one" if case.left == 1 else f"the last {case.left:,}"
    return Verdict(Kind.NOT_YET, f"Not yet: review {last}.", reason)


def _some_wrong(case: _Case, run: int, needed: int) -> Verdict:
    """Enough are labeled, were they all right: the surest of them tell how many it takes."""
    lesson, percent = case.outlook.lesson, case.percent
    wrong, n = surest(lesson.checked, lesson.right, needed), len(lesson.checked)
    seen = (
        f"Of the {needed:,} surest labeled images, {wrong:,} got another label when left out in "
        "turn"
    )
    at_that_rate = checks_needed(run, percent / 100, missed=wrong / needed)
    if at_that_rate is not None and n < at_that_rate < n + case.left:
        return _label_more(
            at_that_rate - n,
            f"{seen}: at that rate about {at_that_rate:,} bear out an error of at most {percent} "
            f"%, and {n:,} are labeled.",
        )
    if not wrong:
        reason = "The suggestions that are left are less sure than the labeled ones that were right"
    elif wrong * 100 > percent * needed:
        reason = f"{seen}: too many for {percent} %"
    else:
        reason = (
            f"{seen}, and more of the less sure: no promise of at most {percent} % for the rest"
        )
    return _label_more(
        min(case.project.batch_size, case.left),
        f"{reason}. How many it takes cannot be told: label the least certain and look again.",
    )


def _about(number: float) -> int:
    """A whole number of images, rounded up: it is no good to promise fewer wrong ones."""
    return math.ceil(number - 1e-9)
