"""Near-duplicates, acceptances, progress and labels that look wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from similarity.duplicates import LOOSE, NORMAL, STRICT

from ..models import (
    Label,
    Project,
)
from ..models.batches import ALLOWED_ERRORS
from .base import ReadableForm


class DuplicatesForm(ReadableForm):
    """How alike near-duplicates must be, in percent, and behind which group the page goes on."""

    LEAST = round(100 * LOOSE)
    NORMAL = round(100 * NORMAL)
    STRICT = round(100 * STRICT)
    MOST = 99
    """What may be asked for: less alike was not compared, and 100 % is for exact copies, which the
    content hash has refused already."""

    PLACE = re.compile(r"([0-3])-(\d{1,18})", re.ASCII)

    alike = forms.IntegerField(min_value=LEAST, max_value=MOST, required=False, label="How alike")
    after = forms.CharField(max_length=30, required=False)

    @property
    def percent(self) -> int:
        return self.cleaned_data["alike"] or self.NORMAL

    def clean_after(self) -> tuple[int, int] | None:
        """A place among the groups: what their labels say, and the group's number."""
        text = self.cleaned_data["after"]
        place = self.PLACE.fullmatch(text)
        if text and not place:
            raise forms.ValidationError("this place in the list is not known; reload the page.")
        return (int(place[1]), int(place[2])) if place else None


class StandingForm(ReadableForm):
    """How many percent of the suggestions accepted unseen may be wrong."""

    ALLOWED = (1, 2, 5)

    allowed = forms.TypedChoiceField(
        choices=[(1, "1 %"), (2, "2 %"), (5, "5 %")],
        coerce=int,
        empty_value=None,
        required=False,
        label="Allowed error",
        error_messages={"invalid_choice": "choose 1, 2 or 5 percent."},
    )
    wait = forms.BooleanField(required=False)
    """Whether to compare now, however long it takes: for browsers without scripts."""


class AcceptForm(ReadableForm):
    """How many percent of accepted suggestions may be wrong, and by which method they are made."""

    CHOICES = [(f"{100 * share:g}", f"{100 * share:g} %") for share in ALLOWED_ERRORS]

    allowed = forms.ChoiceField(
        choices=CHOICES,
        label="Allowed error",
        error_messages={"invalid_choice": "it is 0.5, 1, 2, 5 or 10 percent."},
    )
    method = forms.CharField(max_length=12, empty_value="auto", required=False)
    seen = forms.CharField(max_length=40, required=False)

    @property
    def share(self) -> float:
        """The allowed error, 0..1."""
        return dict(zip((value for value, _ in self.CHOICES), ALLOWED_ERRORS, strict=True))[
            self.cleaned_data["allowed"]
        ]


class WrongLabelsForm(ReadableForm):
    """Which labels that look wrong are shown: all, or those of one present label."""

    label = forms.ModelChoiceField(
        queryset=Label.objects.none(),
        required=False,
        label="Label",
        error_messages={"invalid_choice": "the project has no such label (any more)."},
    )

    def __init__(self, project: Project, data: QueryDict | dict[str, Any]) -> None:
        super().__init__(data)
        self.fields["label"].queryset = Label.objects.live().filter(project=project)  # type: ignore[attr-defined]

    @property
    def label_chosen(self) -> Label | None:
        chosen: Label | None = self.cleaned_data["label"]
        return chosen


class ByLabelForm(ReadableForm):
    """Which sheet of suggestions is shown: of one label, of what is like nothing, or of all."""

    MOST_LEFT_OUT = 500
    """Images a page leaves out for now; an address has room for no more."""

    label = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    new = forms.BooleanField(required=False)
    method = forms.ChoiceField(required=False)
    but = forms.RegexField(
        r"^\d{1,18}(,\d{1,18})*$",
        required=False,
        max_length=8_000,
        error_messages={"invalid": "images are named by numbers with commas."},
    )

    def __init__(self, data: QueryDict, *, methods: Mapping[str, str]) -> None:
        super().__init__(data)
        self.methods = methods
        self.fields["method"].choices = list(methods.items())  # type: ignore[attr-defined]

    def clean_method(self) -> str:
        """The first method where none is named."""
        return self.cleaned_data["method"] or next(iter(self.methods))

    def clean_but(self) -> list[int]:
        ids = [int(each) for each in self.cleaned_data["but"].split(",") if each]
        if len(ids) > self.MOST_LEFT_OUT:
            raise forms.ValidationError(f"at most {self.MOST_LEFT_OUT} images are left out.")
        return ids
