"""What scripts send and get. Bounds of what is sent stand here; what it means, in the services."""

from __future__ import annotations

import math
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from similarity.methods import DEFAULT_METHOD

from ...models import Image, ImageLabel, Job, Project, Role, Upload
from ...models.batches import DEFAULT_K, DEFAULT_THRESHOLD, MAX_K
from ...services.jobs import MAX_ITEMS
from ...services.names import MAX_NAME
from ...services.teaching import METHOD_NAMES

MAX_CHANGES = 10_000
MAX_LABELS_AN_IMAGE = 100
LABEL_NAME = r"^[^|\x00-\x1f\x7f-\x9f]*[^|\s\x00-\x1f\x7f-\x9f][^|\x00-\x1f\x7f-\x9f]*$"


class Strict(serializers.Serializer[Any]):
    """Checks what is sent."""


class Text(serializers.CharField):
    """A text, and nothing that would become one: 12 and true are no names."""

    pattern = r"^[^\x00]*[^\s\x00][^\x00]*$"

    def __init__(self, **knobs: Any) -> None:
        super().__init__(min_length=1, **knobs)
        self.validators.append(RegexValidator(self.pattern, "This text cannot be used."))

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if any("\ud800" <= sign <= "\udfff" for sign in data):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        return text


class LabelName(Text):
    """A label's name: no bar, which separates labels in downloads, and no control characters."""

    pattern = LABEL_NAME

    def __init__(self, **knobs: Any) -> None:
        super().__init__(max_length=100, **knobs)


class Number(serializers.FloatField):
    """A finite number; JSON of Python may hold NaN."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("invalid")
        value = float(super().to_internal_value(data))
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class Whole(serializers.IntegerField):
    """A whole number that is not written as a text."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """true or false, and no text."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ProjectIn(Strict):
    name = Text(max_length=200)
    multi_label = Flag(default=False, help_text="Whether an image may have several labels.")


class ProjectChange(Strict):
    name = Text(max_length=200, required=False)
    multi_label = Flag(required=False)


class ProjectOut(Strict):
    id = serializers.IntegerField()
    name = serializers.CharField()
    multi_label = serializers.BooleanField()
    role = serializers.ChoiceField(choices=Role.choices)
    encoder = serializers.CharField(help_text="Empty until the first image fixes it.")
    images = serializers.IntegerField()
    labeled = serializers.IntegerField()
    revision = serializers.IntegerField(help_text="Moves with every label and embedding.")
    created_at = serializers.DateTimeField()


class LabelIn(Strict):
    name = LabelName()
    color = serializers.RegexField(r"^#[0-9a-fA-F]{6}$", required=False)


class LabelChange(Strict):
    name = LabelName(required=False)
    color = serializers.RegexField(r"^#[0-9a-fA-F]{6}$", required=False)


class MergeIn(Strict):
    into = Whole(min_value=1, max_value=2**63 - 1, help_text="Number of the label that stays.")


class LabelOut(Strict):
    id = serializers.IntegerField()
    name = serializers.CharField()
    color = serializers.CharField()
    key = serializers.CharField(help_text="1 to 9, or empty.")
    images = serializers.IntegerField(help_text="Images of the dataset that carry it.")


class CarriedLabelOut(Strict):
    label = serializers.CharField()
    is_default = serializers.BooleanField()
    source = serializers.ChoiceField(choices=ImageLabel.Source.choices)
    score = serializers.FloatField(allow_null=True)
    labeled_by = serializers.CharField()
    labeled_at = serializers.CharField()


class ImageOut(Strict):
    name = serializers.CharField()
    path = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bytes = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Image.State.choices)
    embedding = serializers.ChoiceField(choices=Image.EmbeddingState.choices)
    failure = serializers.CharField(help_text="Why it could not be read, or empty.")
    labels = CarriedLabelOut(many=True)
    absent = serializers.ListField(
        child=serializers.CharField(),
        help_text="Labels that somebody said it does not carry; of the others nobody knows.",
    )
    uploaded_at = serializers.DateTimeField()


class ChangeIn(Strict):
    image = Text(max_length=MAX_NAME, trim_whitespace=False)
    labels = serializers.ListField(
        child=LabelName(), allow_empty=True, max_length=MAX_LABELS_AN_IMAGE
    )


class ChangesIn(Strict):
    changes = serializers.ListField(child=ChangeIn(), min_length=1, max_length=MAX_CHANGES)
    mode = serializers.ChoiceField(choices=["set", "add", "remove"], default="set")


class ChangesOut(Strict):
    images = serializers.IntegerField(help_text="Images that were named.")
    created_labels = serializers.ListField(child=serializers.CharField())
    summary = serializers.CharField(help_text="What was done, as undo in the application says it.")
    revision = serializers.IntegerField()


class SuggestionOut(Strict):
    label = serializers.CharField()
    score = serializers.FloatField(help_text="Percent.")


class HitOut(Strict):
    image = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    similarity = serializers.FloatField(help_text="Percent.")


class ResultOut(Strict):
    image = serializers.CharField()
    suggestions = SuggestionOut(many=True)
    hits = HitOut(many=True, required=False)
    error = serializers.CharField(required=False)
    code = serializers.CharField(required=False)


class SuggestionsIn(Strict):
    images = serializers.ListField(
        child=Text(max_length=MAX_NAME, trim_whitespace=False),
        min_length=1,
        max_length=MAX_ITEMS,
        help_text="Names of images of the project.",
    )
    results = Whole(min_value=1, max_value=MAX_K, default=DEFAULT_K)
    threshold = Number(min_value=0, max_value=100, default=DEFAULT_THRESHOLD)
    use_first = Flag(default=False)
    method = serializers.ChoiceField(
        choices=list(METHOD_NAMES),
        default=DEFAULT_METHOD,
        help_text="What scores the labels; with `auto`, whatever does best on the labeled images.",
    )
    explain = Flag(default=False)
    wait = Flag(default=True, help_text="false: make a job at once, and answer with it.")


class JobOut(Strict):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Job.State.choices)
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    error = serializers.CharField(help_text="Why it failed, or empty.")
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class JobWithResultsOut(JobOut):
    results = ResultOut(many=True, help_text="In the order of the images, as far as it is.")


class SuggestionsOut(Strict):
    results = ResultOut(many=True)
    job = JobOut(allow_null=True, help_text="Poll it where not all was answered at once.")


class ConfirmedLabelIn(Strict):
    label = LabelName()
    score = Number(min_value=0, max_value=100, required=False, allow_null=True)


class ConfirmedIn(Strict):
    image = Text(max_length=MAX_NAME, trim_whitespace=False)
    suggestions = serializers.ListField(
        child=ConfirmedLabelIn(), allow_empty=True, max_length=MAX_LABELS_AN_IMAGE
    )


class CommitIn(Strict):
    results = serializers.ListField(
        child=ConfirmedIn(),
        min_length=1,
        max_length=MAX_CHANGES,
        help_text="As they were suggested.",
    )


class SimilarOut(Strict):
    image = serializers.CharField()
    score = serializers.FloatField(help_text="Percent.")


class UploadResultOut(Strict):
    path = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["added", "duplicate", "refused"])
    reason = serializers.CharField()
    image = serializers.CharField(allow_null=True, help_text="Name of the image it became or is.")


class HashesIn(Strict):
    sha256 = serializers.ListField(
        child=serializers.RegexField(r"^[0-9a-fA-F]{64}$"),
        min_length=1,
        max_length=MAX_CHANGES,
    )


class HashesOut(Strict):
    images = serializers.DictField(
        child=serializers.CharField(), help_text="Name of the image by the hash of its bytes."
    )


class UploadOut(Strict):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=["files", "folder", "zip"])
    state = serializers.ChoiceField(choices=Upload.State.choices)
    added = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()


class UploadWithResultsOut(UploadOut):
    results = UploadResultOut(many=True)


def project_out(
    project: Project, *, role: Role | None, images: int, labeled: int
) -> dict[str, Any]:
    """Return a project as scripts get it."""
    return {
        "id": project.pk,
        "name": project.name,
        "multi_label": project.multi_label,
        "role": role,
        "encoder": project.encoder,
        "images": images,
        "labeled": labeled,
        "revision": project.revision,
        "created_at": project.created_at,
    }
