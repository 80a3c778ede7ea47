"""How many images: numbers kept by triggers where there are some, counted from indexes elsewhere.

See docs/decisions/0064-a-million-images.md for what each costs at 1,000,000 images.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from projects.forms import GridFilter
from projects.models import Image, ImageCount, ImageLabel, ImageQuerySet, Label, LabelCount, Project
from projects.models.count_triggers import RECOUNT

States = Image.EmbeddingState

FROM_LABELS = 30_000
FROM_LABELS_BESIDES = 100_000
"""Labels given, up to which a page of a filter by label is found from them and then sorted, 0.5 to
2 µs each; where the filter asks for more than labels, up to the second. Else the sorted list is
walked until the page is full: 300 ms where 1,000,000 images hold too few that match."""


@dataclass(frozen=True)
class Counts:
    """Numbers of the dataset; `matching` is of the grid's filter."""

    images: int
    labeled: int
    failed: int
    pending: int
    matching: int

    @property
    def unlabeled(self) -> int:
        return self.images - self.labeled

    @property
    def ready(self) -> int:
        """Images with an embedding."""
        return self.images - self.pending - self.failed

    def as_dict(self) -> dict[str, int]:
        return {**asdict(self), "unlabeled": self.unlabeled}


def counts_of(project: Project, form: GridFilter | None = None) -> Counts:
    """Return the numbers of the dataset and of what a valid filter matches. 1 to 4 queries."""
    kinds = ImageCount.objects.filter(project=project, state=Image.State.DATASET)
    sums = kept_sums(
        kinds,
        images=Q(),
        labeled=Q(is_labeled=True),
        failed=Q(embedding_state=States.FAILED),
        pending=Q(embedding_state=States.PENDING),
    )
    matching = sums["images"]
    if form and form.is_active:
        matching = matching_count(form, sums)
    return Counts(**sums, matching=matching)


def kept_sums(kinds: QuerySet[ImageCount], **wanted: Q) -> dict[str, int]:
    """Return numbers of images by name, each of those kinds that meet its condition. One query."""
    sums = {name: Coalesce(Sum("number", filter=kind), 0) for name, kind in wanted.items()}
    return kinds.aggregate(**sums)


def matching_count(form: GridFilter, sums: dict[str, int]) -> int:
    """Return how many images match a valid filter, where `sums` are the dataset's own numbers."""
    chosen = form.cleaned_data
    active = {field for field in form.FILTERS if chosen.get(field)}
    if active == {"show"}:
        kept = {**sums, "unlabeled": sums["images"] - sums["labeled"]}
        return kept[chosen["show"]]
    match = chosen["match"] or form.Match.ANY
    if chosen["label"] and match == form.Match.NONE and not chosen["source"]:
        everything = matching_count(form.but(label=Label.objects.none()), sums)
        return everything - matching_count(form.but(match=form.Match.ANY), sums)
    one = len(chosen["label"]) == 1 and match == form.Match.ALL
    if active <= {"label", "source"} and (match == form.Match.ANY or one or active == {"source"}):
        return _carrying(form)
    if not active:
        return sums["images"]
    return form.images(from_labels=True).count()


def images_to_page(form: GridFilter) -> ImageQuerySet:
    """Return the images that match a valid filter, as pages of them are found fastest.

    From few labeled images all are looked at and sorted; from many, the list is walked until a page
    is full.
    """
    if not form.needs_label:
        return form.images()
    besides = any(form.cleaned_data[field] for field in ("show", "name", "since", "until"))
    most = FROM_LABELS_BESIDES if besides else FROM_LABELS
    return form.images(from_labels=_total(_kept(form)) <= most)


def _kept(form: GridFilter) -> QuerySet[LabelCount]:
    """Return the kept numbers of the chosen labels, of all where none is chosen, by the source."""
    labels, source = form.cleaned_data["label"], form.cleaned_data["source"]
    kept = LabelCount.objects.filter(label__project=form.project)
    if labels:
        kept = kept.filter(label__in=[label.pk for label in labels])
    return kept.filter(source=source) if source else kept


def _carrying(form: GridFilter) -> int:
    """Return how many images carry any of the chosen labels, given from the chosen source.

    An image carries a label once, so kept numbers of one label add up over its sources; those of
    several labels add up where no image carries two. Else it is the labels that are read, from an
    index alone, and not the images but for the few outside of the dataset.
    """
    labels, source = form.cleaned_data["label"], form.cleaned_data["source"]
    if len(labels) == 1 or not form.project.multi_label:
        return _total(_kept(form))
    chosen = labels or Label.objects.filter(project=form.project)
    ours = ImageLabel.objects.filter(label__in=[label.pk for label in chosen])
    if source:
        ours = ours.filter(source=source)
    # By their names, and not as all others: so they are found in an index.
    elsewhere = [Image.State.STAGED, Image.State.TRASH]
    outside = Image.objects.filter(project=form.project, state__in=elsewhere)
    carried = Exists(ours.filter(image=OuterRef("pk")))
    left_out = outside.labeled().filter(carried).count()
    return ours.order_by().values("image").distinct().count() - left_out


def _total(kept: QuerySet[LabelCount]) -> int:
    total: int = kept.aggregate(total=Coalesce(Sum("number"), 0))["total"]
    return total


def labels_with_counts(project: Project) -> list[Label]:
    """Return the labels, each with `images`: how many of the dataset carry it. Two queries."""
    numbers: dict[int, int] = {}
    kept = LabelCount.objects.filter(label__project=project, label__deleted_at=None)
    for label_id, number in kept.values_list("label", "number"):
        numbers[label_id] = numbers.get(label_id, 0) + number
    labels = list(Label.objects.live().filter(project=project))
    for label in labels:
        label.images = numbers.get(label.pk, 0)  # type: ignore[attr-defined]
    return labels


def plain_counts() -> dict[tuple[object, ...], int]:
    """Return what the kept numbers should be, counted row by row: a second a million images."""
    counted: dict[tuple[object, ...], int] = {}
    images = Image.objects.values_list("project", "state", "is_labeled", "embedding_state")
    carried = ImageLabel.objects.filter(image__state=Image.State.DATASET)
    labels: Iterable[tuple[object, ...]] = carried.values_list("label", "source")
    for rows in (images.iterator(), labels):
        for row in rows:
            counted[tuple(row)] = counted.get(tuple(row), 0) + 1
    return counted


def kept_counts() -> dict[tuple[object, ...], int]:
    """Return the kept numbers but for zeros, as `plain_counts` does."""
    kinds = ImageCount.objects.exclude(number=0)
    labels = LabelCount.objects.exclude(number=0)
    kept: dict[tuple[object, ...], int] = {}
    for *kind, number in kinds.values_list(
        "project", "state", "is_labeled", "embedding_state", "number"
    ):
        kept[tuple(kind)] = number
    for *given, number in labels.values_list("label", "source", "number"):
        kept[tuple(given)] = number
    return kept


def recount() -> bool:
    """Count everything anew; return whether any kept number was wrong.

    Nothing else writes meanwhile: SQLite has one writer, and PostgreSQL's lock keeps the rest out.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("LOCK TABLE projects_image, projects_imagelabel IN SHARE MODE")
        before = kept_counts()
        for statement in RECOUNT:
            cursor.execute(statement)
        return kept_counts() != before
