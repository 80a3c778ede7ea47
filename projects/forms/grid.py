"""Which images are shown, exported and imported."""

from __future__ import annotations

from copy import copy
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone

from similarity.splits import MOST_PERCENT as MOST_VALIDATION

from ..errors import Refusal
from ..models import (
    Image,
    ImageLabel,
    ImageQuerySet,
    Label,
    Project,
)
from ..models.images import Unindexed
from .base import ReadableForm


class GridFilter(ReadableForm):
    """Which images of the dataset the grid shows, and in what order: the page's query string.

    `label` repeats; `match` says whether an image must carry any, all or none of them. With
    `source` only labels of that source count.
    """

    class Match:
        ANY, ALL, NONE = "any", "all", "none"

    MATCHES = [(Match.ANY, "any of"), (Match.ALL, "all of"), (Match.NONE, "none of")]
    SHOWS = [
        ("", "All images"),
        ("unlabeled", "Unlabeled"),
        ("labeled", "Labeled"),
        ("failed", "Failed"),
        ("pending", "Waiting for embedding"),
    ]
    SORTS = [
        ("name", "Name"),
        ("-name", "Name, Z to A"),
        ("-time", "Newest first"),
        ("time", "Oldest first"),
        ("label", "Label"),
    ]

    label = forms.ModelMultipleChoiceField(
        queryset=Label.objects.none(),
        required=False,
        error_messages={
            "invalid_choice": "the project has no such label (any more).",
            "invalid_pk_value": "“%(pk)s” is no label's number.",
        },
    )
    match = forms.ChoiceField(choices=MATCHES, required=False)
    show = forms.ChoiceField(choices=SHOWS, required=False)
    name = forms.CharField(max_length=255, required=False, strip=False)
    source = forms.ChoiceField(choices=[("", "Any"), *ImageLabel.Source.choices], required=False)
    since = forms.DateField(required=False, label="Uploaded from")
    until = forms.DateField(required=False, label="Uploaded until")
    sort = forms.ChoiceField(choices=SORTS, required=False)

    FILTERS = ("label", "show", "name", "source", "since", "until")

    def __init__(self, project: Project, data: QueryDict | dict[str, Any] | str = "") -> None:
        super().__init__(QueryDict(data) if isinstance(data, str) else data)
        self.project = project
        self.fields["label"].queryset = Label.objects.live().filter(project=project)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", "lies before “Uploaded from”.")
        return cleaned

    def checked(self) -> GridFilter:
        """Return the form itself, or raise a `Refusal` with its first problem."""
        if not self.is_valid():
            raise Refusal(f"This filter cannot be used. {self.problem()}", code="bad_filter")
        return self

    @property
    def order(self) -> str:
        """The chosen sort: by name unless another was asked for."""
        return self.cleaned_data.get("sort") or "name"

    @property
    def is_active(self) -> bool:
        """Whether it leaves anything out."""
        return any(self.cleaned_data.get(field) for field in self.FILTERS)

    def but(self, **chosen: Any) -> GridFilter:
        """Return this valid form with other values chosen in some fields."""
        other = copy(self)
        other.cleaned_data = {**self.cleaned_data, **chosen}
        return other

    @property
    def needs_label(self) -> bool:
        """Whether only images that carry certain labels match."""
        chosen = self.cleaned_data
        return bool(chosen["source"] or (chosen["label"] and chosen["match"] != self.Match.NONE))

    def images(self, *, from_labels: bool = False) -> ImageQuerySet:
        """Return the images of the dataset that match, in no particular order.

        `from_labels`: not as pages walk the sorted list, but all of them, for their number or to be
        sorted then; looked for among those that carry the labels, where there must be some.
        """
        chosen = self.cleaned_data
        images = Image.objects.in_dataset().filter(project=self.project)
        if from_labels and self.needs_label:
            images = Image.objects.found_otherwise(self.project)
        images = self._by_label(images, from_labels=from_labels)
        if chosen["show"]:
            images = getattr(images, chosen["show"])()
        if chosen["name"]:
            images = images.filter(name__icontains=chosen["name"])
        # Pages by name walk the names: half a year is 500,000 to look up and sort, 250 ms.
        time = "uploaded_at"
        if not from_labels and self.order.lstrip("-") != "time":
            images, time = images.alias(any_time=Unindexed("uploaded_at")), "any_time"
        if chosen["since"]:
            images = images.filter(**{f"{time}__gte": _start_of(chosen["since"])})
        if chosen["until"]:
            end = _start_of(chosen["until"]) + timedelta(days=1)
            images = images.filter(**{f"{time}__lt": end})
        return images

    def _by_label(self, images: ImageQuerySet, *, from_labels: bool) -> ImageQuerySet:
        """By lists of ids from the index of labels: 15 ms for one on 88,000 of 1,000,000 images,
        where asking of each image whether it carries the label took 320 ms. Pages of those without
        some labels ask of each that is left."""
        labels: QuerySet[Label] = self.cleaned_data["label"]
        carried = ImageLabel.objects.all()
        ours = carried
        if source := self.cleaned_data["source"]:
            ours = carried.filter(source=source)
        in_list = ours.filter(label__in=Label.objects.filter(project=self.project).values("pk"))
        if not labels:
            return images.filter(_among(in_list)) if source else images
        match self.cleaned_data["match"]:
            case self.Match.ALL:
                for label in labels:
                    images = images.filter(_among(ours.filter(label=label)))
                return images
            case self.Match.NONE:
                pks = [label.pk for label in labels]
                some = carried.filter(label__in=pks)
                if from_labels:
                    images = images.filter(~_among(some))
                else:
                    # A list of those on 161,000 images took 50 ms, for each part of a page. What
                    # the walked index holds leaves few images to be asked one by one.
                    asked = Exists(some.filter(image=OuterRef("pk")))
                    images = images.filter(~Q(default_label__in=pks), ~asked)
                return images.filter(_among(in_list)) if source else images
            case _:
                return images.filter(_among(ours.filter(label__in=[each.pk for each in labels])))


def _among(carried: QuerySet[ImageLabel]) -> Q:
    return Q(pk__in=carried.order_by().values("image"))


def _start_of(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class SplitForm(ReadableForm):
    """How many percent of the images an export marks for validation; empty: no split."""

    validation = forms.IntegerField(min_value=1, max_value=MOST_VALIDATION, required=False)

    @property
    def percent(self) -> int | None:
        chosen: int | None = self.cleaned_data["validation"]
        return chosen


class ImportForm(forms.Form):
    """A CSV of labels."""

    file = forms.FileField(
        error_messages={"required": "Choose a CSV file.", "empty": "That file is empty."}
    )
