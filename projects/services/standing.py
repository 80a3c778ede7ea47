"""How far a project is: its images by how they came to a label, and how right that was.

Counts only: nothing is compared, so it costs the same with any encoder. What comparing says of the
images that are left is `outlook`; whether to go on is `stopping`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, FilteredRelation, OuterRef, Q, QuerySet, Sum

from projects.models import Batch, BatchItem, Image, ImageLabel, Project
from similarity.acceptance import Interval, share_of
from similarity.accuracy import Sample, pooled_share

from .commits import Tally, tallies

RECENT = 5
"""Batches whose suggestions say how right they are now: earlier ones knew fewer labels."""


@dataclass(frozen=True)
class Standing:
    """The images of the dataset, each counted once: the first four carry a label, the rest none."""

    images: int
    by_hand: int
    imported: int
    """Labeled over the API or by a file."""
    reviewed: int
    """Suggested, and accepted by a person who saw them."""
    unseen: int
    """Suggested, and accepted within an allowed error without being looked at."""
    waiting: int
    """Without a label and without an embedding yet."""
    failed: int
    """Without a label, and not readable."""

    @property
    def labeled(self) -> int:
        return self.by_hand + self.imported + self.reviewed + self.unseen

    @property
    def left(self) -> int:
        return self.images - self.labeled

    @property
    def ready(self) -> int:
        """Without a label, and ready to be suggested one."""
        return self.left - self.waiting - self.failed

    @property
    def percent_labeled(self) -> float:
        return 100 * self.labeled / self.images if self.images else 0.0


def standing_of(project: Project) -> Standing:
    """Count the dataset. One query: it sees all images at one moment, so the sums hold."""
    sources, states = ImageLabel.Source, Image.EmbeddingState
    images = Image.objects.in_dataset().filter(project=project)
    suggested, unlabeled = Q(starred__source=sources.SUGGESTION), Q(starred=None)
    counts = images.alias(
        starred=FilteredRelation("image_labels", condition=Q(image_labels__is_default=True)),
        is_unseen=Exists(_accepted_unseen()) & ~Exists(_reviewed()),
    ).aggregate(
        images=Count("pk"),
        by_hand=Count("pk", filter=Q(starred__source=sources.HAND)),
        imported=Count("pk", filter=Q(starred__source__in=(sources.API, sources.IMPORT))),
        reviewed=Count("pk", filter=suggested & Q(is_unseen=False)),
        unseen=Count("pk", filter=suggested & Q(is_unseen=True)),
        waiting=Count("pk", filter=unlabeled & Q(embedding_state=states.PENDING)),
        failed=Count("pk", filter=unlabeled & Q(embedding_state=states.FAILED)),
    )
    return Standing(**counts)


@dataclass(frozen=True)
class Held:
    """Unlabeled images that are ready, and yet are not to be accepted unseen."""

    under_review: frozenset[int]
    """In a batch that is open."""
    left_out: frozenset[int]
    """A person looked at them and left them without a label, or said what they are not."""

    @property
    def images(self) -> frozenset[int]:
        return self.under_review | self.left_out


def held_of(project: Project) -> Held:
    """Return which images wait for a person or had one. One query."""
    rows = BatchItem.objects.filter(image=OuterRef("pk"))
    committed = rows.filter(batch__state=Batch.State.COMMITTED)
    images = project.images.in_dataset().unlabeled().embedded().order_by()
    found = images.annotate(
        is_open=Exists(rows.filter(batch__state=Batch.State.OPEN)),
        is_left_out=Exists(committed.filter(Q(chosen=[]) | Q(checked_right=False))),
    ).filter(Q(is_open=True) | Q(is_left_out=True))
    pairs = list(found.values_list("pk", "is_open"))
    return Held(
        frozenset(pk for pk, is_open in pairs if is_open),
        frozenset(pk for pk, is_open in pairs if not is_open),
    )


def _accepted_unseen() -> QuerySet[BatchItem]:
    """Rows of an image that were accepted without a look, and not checked since."""
    return BatchItem.objects.filter(
        image=OuterRef("pk"),
        batch__kind=Batch.Kind.ACCEPTED,
        batch__state=Batch.State.COMMITTED,
        checked_right=None,
    )


def _reviewed() -> QuerySet[BatchItem]:
    """Rows of an image by which a person gave it a label in a review."""
    rows = BatchItem.objects.filter(image=OuterRef("pk"), batch__state=Batch.State.COMMITTED)
    return rows.exclude(batch__kind=Batch.Kind.ACCEPTED).exclude(chosen=[])


@dataclass(frozen=True)
class BatchShare:
    """How many suggestions of one reviewed batch were right, with the interval."""

    number: int
    """1 for the oldest that is told about."""
    batch: Batch
    tally: Tally

    @property
    def share(self) -> Interval:
        return share_of(self.tally.right, self.tally.judged)


def batch_shares(project: Project, *, most: int = 50) -> list[BatchShare]:
    """Return the newest reviewed batches with a suggestion to judge, oldest first. Two queries.

    Batches that are open again (undone) or were accepted unseen are not among them.
    """
    judged = [
        (batch, tally)
        for batch, tally in tallies(project, most=most)
        if tally.judged and batch.kind != Batch.Kind.ACCEPTED
    ]
    return [BatchShare(at, batch, tally) for at, (batch, tally) in enumerate(judged, start=1)]


@dataclass(frozen=True)
class Measured:
    """A share that somebody counted: `hits` of `n`."""

    hits: int
    n: int
    batches: int = 0

    @property
    def share(self) -> Interval:
        return share_of(self.hits, self.n)


def recently_right(shares: list[BatchShare]) -> Measured:
    """Return how many suggestions of the last `RECENT` batches were right."""
    last = [each.tally for each in shares[-RECENT:]]
    return Measured(sum(t.right for t in last), sum(t.judged for t in last), len(last))


@dataclass(frozen=True)
class Accepted:
    """What is known of the images that were accepted without a look."""

    images: int
    """Accepted so, in all batches that stand."""
    drawn: int
    """Drawn at random to be checked."""
    checked: Measured
    """Of those drawn, how many were right of how many that a person has looked at."""
    share: Interval
    """Of right ones, each batch counted with its size."""
    expected: float | None
    """Share that is right by the calibrated probabilities; not checked. None: not written down."""

    @property
    def to_check(self) -> int:
        return self.drawn - self.checked.n


def accepted_of(project: Project) -> Accepted:
    """Count over the accepted batches that stand, images thrown away since left out. One query."""
    rows = BatchItem.objects.filter(
        batch__project=project,
        batch__kind=Batch.Kind.ACCEPTED,
        batch__state=Batch.State.COMMITTED,
        image__state=Image.State.DATASET,
    )
    drawn = Q(asked_back=True)
    found = list(
        rows.order_by()
        .values("batch")
        .annotate(
            images=Count("pk"),
            drawn=Count("pk", filter=drawn),
            checked=Count("pk", filter=drawn & Q(checked_right__isnull=False)),
            right=Count("pk", filter=drawn & Q(checked_right=True)),
            noted=Count("probability"),
            expected=Sum("probability"),
        )
    )
    samples = [Sample(each["images"], each["checked"], each["right"]) for each in found]
    noted = sum(each["noted"] for each in found)
    return Accepted(
        images=sum(each["images"] for each in found),
        drawn=sum(each["drawn"] for each in found),
        checked=Measured(sum(s.right for s in samples), sum(s.checked for s in samples)),
        share=pooled_share(samples),
        expected=sum(each["expected"] or 0.0 for each in found) / noted if noted else None,
    )


def overall_error(standing: Standing, accepted: Accepted) -> Interval | None:
    """Return the estimated share of wrong labels in the dataset, with its interval.

    Labels that a person gave or saw count as right, so only those accepted unseen can be wrong.
    None where some were, and none of them was checked.
    """
    if not standing.labeled:
        return None
    if not standing.unseen:
        return Interval(0.0, 0.0, 0.0)
    if not accepted.checked.n:
        return None
    part, share = standing.unseen / standing.labeled, accepted.share
    return Interval(part * (1 - share.share), part * (1 - share.high), part * (1 - share.low))
