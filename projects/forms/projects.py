"""Projects, their encoder, and tokens."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from ..models import (
    Project,
    Scope,
)
from ..services.reembeddings import Choice


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
