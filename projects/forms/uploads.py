"""Uploads, and images that could not be read."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from ..models import (
    Upload,
    UploadResult,
)
from ..services.uploads import Announced
from .base import ReadableForm


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
