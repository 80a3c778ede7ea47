"""Every bound of what people and scripts may send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any, Self

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.http import QueryDict
from django.utils import timezone

from similarity.duplicates import LOOSE, NORMAL, STRICT
from similarity.splits import MOST_PERCENT as MOST_VALIDATION

from .errors import Refusal
from .models import (
    Image,
    ImageLabel,
    ImageQuerySet,
    Label,
    Project,
    Scope,
    Upload,
    UploadResult,
)
from .services.reembeddings import Choice
from .services.uploads import Announced


class ProjectForm(forms.Form):
    """Name and kind of a project."""

    KINDS = (("single", "One label an image"), ("multi", "Several labels an image"))

    name = forms.CharField(max_length=200, strip=True)
    kind = forms.ChoiceField(choices=KINDS, initial="single", widget=forms.RadioSelect)

    @property
    def is_multi_label(self) -> bool:
        return bool(self.cleaned_data["kind"] == "multi")


class EncoderForm(forms.Form):
    """Which encoder a project changes to: one that is offered, or any open_clip model by name."""

    OTHER = "other"
    OPEN_CLIP = re.compile(r"open_clip:[^/\s]+/\S.*")

    encoder = forms.ChoiceField(
        widget=forms.RadioSelect,
        required=False,
        error_messages={
            "invalid_choice": "This encoder is not offered (any more). Choose one of these."
        },
    )
    open_clip = forms.CharField(max_length=255, required=False, strip=True)

    def __init__(self, *args: object, choices: list[Choice], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        names = [choice.name for choice in choices] + [self.OTHER]
        self.fields["encoder"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        # A name that was typed is a choice, also where nothing else was clicked.
        typed = cleaned.get("open_clip", "")
        if cleaned.get("encoder") == "" and not typed and not self.errors:
            self.add_error("encoder", "Choose an encoder.")
        is_other = cleaned.get("encoder") in {"", self.OTHER}
        if is_other and not self.errors and not self.OPEN_CLIP.fullmatch(typed):
            self.add_error(
                "open_clip",
                "Write open_clip:<model>/<weights>, for example "
                "open_clip:ViT-B-32/laion2b_s34b_b79k.",
            )
        return cleaned

    @property
    def name(self) -> str:
        """The encoder's name, of a valid form."""
        chosen: str = self.cleaned_data["encoder"]
        return str(self.cleaned_data["open_clip"]) if chosen in {"", self.OTHER} else chosen


class DeleteProjectForm(forms.Form):
    """Deleting asks for the name, typed."""

    typed_name = forms.CharField(max_length=200, strip=True)

    def __init__(self, *args: object, project: Project, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.project = project

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        if typed != self.project.name.strip():
            raise forms.ValidationError(
                f"That is not the project's name. Type “{self.project.name}” to delete it."
            )
        return typed


class ReadableForm(forms.Form):
    """A form whose problems can be said in one sentence."""

    def problem(self) -> str:
        """Return the first problem, with the field's name unless it is the form's as a whole."""
        field, messages = next(iter(self.errors.items()))
        label = self.fields[field].label or field if field in self.fields else ""
        return f"{label}: {messages[0]}" if label else str(messages[0])

    def valid(self) -> Self:
        """Return the form itself, or raise a `Refusal` with its first problem."""
        if not self.is_valid():
            raise Refusal(self.problem(), code="bad_request")
        return self


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

    def images(self) -> ImageQuerySet:
        """Return the images of the dataset that match, in no particular order."""
        images = Image.objects.in_dataset().filter(project=self.project)
        images = self._by_label(images)
        chosen = self.cleaned_data
        if chosen["show"]:
            images = getattr(images, chosen["show"])()
        if chosen["name"]:
            images = images.filter(name__icontains=chosen["name"])
        if chosen["since"]:
            images = images.filter(uploaded_at__gte=_start_of(chosen["since"]))
        if chosen["until"]:
            images = images.filter(uploaded_at__lt=_start_of(chosen["until"]) + timedelta(days=1))
        return images

    def _by_label(self, images: ImageQuerySet) -> ImageQuerySet:
        labels: QuerySet[Label] = self.cleaned_data["label"]
        carried = ImageLabel.objects.filter(image=OuterRef("pk"))
        ours = carried
        if source := self.cleaned_data["source"]:
            ours = carried.filter(source=source)
        if not labels:
            return images.filter(Exists(ours)) if source else images
        match self.cleaned_data["match"]:
            case self.Match.ALL:
                for label in labels:
                    images = images.filter(Exists(ours.filter(label=label)))
                return images
            case self.Match.NONE:
                images = images.filter(~Exists(carried.filter(label__in=labels)))
                return images.filter(Exists(ours)) if source else images
            case _:
                return images.filter(Exists(ours.filter(label__in=labels)))


def _start_of(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class SplitForm(ReadableForm):
    """How many percent of the images an export marks for validation; empty: no split."""

    validation = forms.IntegerField(min_value=1, max_value=MOST_VALIDATION, required=False)

    @property
    def percent(self) -> int | None:
        chosen: int | None = self.cleaned_data["validation"]
        return chosen


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


class ImportForm(forms.Form):
    """A CSV of labels."""

    file = forms.FileField(
        error_messages={"required": "Choose a CSV file.", "empty": "That file is empty."}
    )


class UploadForm(ReadableForm):
    """How an upload begins."""

    kind = forms.ChoiceField(choices=Upload.Kind.choices)
    labels = forms.CharField(max_length=6000, required=False)
    label_by_folder = forms.BooleanField(required=False)
    review = forms.BooleanField(required=False)
    batch = forms.IntegerField(min_value=1, required=False)
    announced = forms.IntegerField(min_value=0, max_value=10_000_000, required=False)

    def clean_labels(self) -> list[str]:
        """Labels are separated by commas; the same one twice counts once."""
        names = (" ".join(name.split()) for name in self.cleaned_data["labels"].split(","))
        return list(dict.fromkeys(name for name in names if name))


class AnnouncedFilesForm(ReadableForm):
    """Files that could be sent: `[{"path": ..., "size": ..., "sha256": ...}, ...]`."""

    MOST = 500
    SHA256 = re.compile(r"[0-9a-fA-F]{64}")

    announced = forms.JSONField(label="Files")

    def clean_announced(self) -> list[Announced]:
        given = self.cleaned_data["announced"]
        if not isinstance(given, list) or not 1 <= len(given) <= self.MOST:
            raise forms.ValidationError(f"a list of 1 to {self.MOST} files is needed.")
        return [self._announced(each) for each in given]

    def _announced(self, each: Any) -> Announced:
        each = each if isinstance(each, dict) else {}
        path, size, sha256 = each.get("path"), each.get("size"), each.get("sha256", "")
        if not isinstance(path, str) or not isinstance(size, int) or not 0 <= size < 2**53:
            raise forms.ValidationError("each file needs its “path” and its “size” in bytes.")
        if not isinstance(sha256, str) or (sha256 and not self.SHA256.fullmatch(sha256)):
            raise forms.ValidationError("“sha256” must have 64 hexadecimal digits.")
        return Announced(path, size, sha256)


class UploadResultsForm(ReadableForm):
    """A page of what became of an upload's files."""

    outcome = forms.ChoiceField(choices=UploadResult.Outcome.choices)
    after = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False)


class FailuresForm(ReadableForm):
    """A page of the images that could not be read."""

    after = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False)


class FailedImagesForm(ReadableForm):
    """Which failed images are meant: one, or all."""

    image = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)


class TokenForm(forms.Form):
    """A new token for scripts."""

    name = forms.CharField(max_length=100, strip=True, label="What it is for")
    scope = forms.ChoiceField(choices=Scope.choices, initial=Scope.READ, label="What it may do")
    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), required=False, empty_label="All my projects"
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=3650,
        required=False,
        label="Days it lasts",
        help_text="Empty: until you revoke it.",
    )

    def __init__(self, projects: QuerySet[Project], data: QueryDict | None = None) -> None:
        super().__init__(data, label_suffix="")
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
