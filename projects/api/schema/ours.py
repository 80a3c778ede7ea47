"""Our own calls, as the schema tells of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from similarity.methods import DEFAULT_METHOD

from ...forms import MOST_VALIDATION, GridFilter
from ...models import ImageLabel
from ...services.teaching import METHOD_NAMES
from ..v1 import images, labels, projects, suggestions, uploads
from ..v1 import serializers as s
from .parameters import (
    CURSOR,
    ETAG,
    IMAGE_NAME,
    LIMIT,
    NAME_IN_PATH,
    boolean,
    choice,
    number,
    parameter,
    texts,
    whole,
)

LIST = [CURSOR, LIMIT, ETAG]
FILTERS = [
    texts("label", "Images that carry one of these labels; may be repeated."),
    choice("match", "Any of the labels, all or none.", [value for value, _ in GridFilter.MATCHES]),
    choice("show", "Only these.", [value for value, _ in GridFilter.SHOWS]),
    parameter("name", "Part of the name.", {"type": "string", "maxLength": 255}),
    choice("source", "Where a label came from.", ["", *ImageLabel.Source.values]),
    parameter("since", "Uploaded on this day or later.", {"type": "string", "format": "date"}),
    parameter("until", "Uploaded on this day or earlier.", {"type": "string", "format": "date"}),
    choice("sort", "Order.", [value for value, _ in GridFilter.SORTS]),
]


def listed(name: str, rows: type[s.Strict]) -> type[Any]:
    """Return the serializer of a part of a list."""
    fields = {
        "results": rows(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next part, or null."),
    }
    return type(name, (s.Strict,), fields)


class SimilarList(s.Strict):
    results = s.SimilarOut(many=True)


FILE = {"type": "string", "format": "binary"}
FILES = {"type": "array", "items": FILE, "minItems": 1}
FIELDS = {
    "labels": {
        "type": "string",
        "description": "For all images, with commas between; in a single-label project one.",
        "pattern": r"^[A-Za-z0-9 ]{0,90}$",
    },
    "label_by_folder": {"type": "boolean", "description": "Instead: the name of each's folder."},
}
PATHS = {
    "type": "array",
    "items": {"type": "string"},
    "description": "With files in folders: the path of each, as many as files.",
}


def form(file: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Return the request of a form with files."""
    properties = {"file": file, **fields}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    return {"multipart/form-data": schema}


SUGGEST_FIELDS = {
    "results": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    "threshold": {"type": "number", "minimum": 0, "maximum": 100, "default": 30},
    "use_first": {"type": "boolean", "default": False},
    "method": {"type": "string", "enum": list(METHOD_NAMES), "default": DEFAULT_METHOD},
    "explain": {"type": "boolean", "default": False},
    "wait": {"type": "boolean", "default": True},
}


def described(method: Any, operation_id: str, tag: str, summary: str, **more: Any) -> None:
    if isinstance(more.get("request"), type):
        more["request"] = {"application/json": more["request"]}
    extend_schema(operation_id=operation_id, tags=[tag], summary=summary, **more)(method)


def example(name: str, value: Any, *, asked: bool = True) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=asked, response_only=not asked)


P, L, I, S, U, J = "Projects", "Labels", "Images", "Suggestions", "Uploads", "Jobs"  # noqa: E741

described(
    projects.Projects.get,
    "projects_list",
    P,
    "Your projects",
    parameters=LIST,
    responses=listed("ProjectList", s.ProjectOut),
)
described(
    projects.Projects.post,
    "projects_create",
    P,
    "Make a project",
    request=s.ProjectIn,
    responses={201: s.ProjectOut},
    examples=[example("pets", {"name": "Pets", "multi_label": False})],
)
described(projects.OneProject.get, "projects_get", P, "One project", responses=s.ProjectOut)
described(
    projects.OneProject.patch,
    "projects_change",
    P,
    "Rename a project, or let images have several labels",
    request=s.ProjectChange,
    responses=s.ProjectOut,
    examples=[example("name", {"name": "Cats and dogs"})],
)
described(
    projects.OneProject.delete,
    "projects_delete",
    P,
    "Delete a project",
    description="It can be restored in the application for 30 days.",
    responses={204: None},
)
described(
    labels.Labels.get,
    "labels_list",
    L,
    "Labels of a project",
    parameters=LIST,
    responses=listed("LabelList", s.LabelOut),
)
described(
    labels.Labels.post,
    "labels_create",
    L,
    "Add a label to the list",
    request=s.LabelIn,
    responses={201: s.LabelOut},
    examples=[example("cat", {"name": "cat", "color": "#0090ff"})],
)
described(labels.OneLabel.get, "labels_get", L, "One label", responses=s.LabelOut)
described(
    labels.OneLabel.patch,
    "labels_change",
    L,
    "Rename or recolor a label",
    request=s.LabelChange,
    responses=s.LabelOut,
    examples=[example("name", {"name": "house cat"})],
)
described(
    labels.OneLabel.delete,
    "labels_delete",
    L,
    "Delete a label, and take it from every image",
    responses={204: None},
)
described(
    labels.MergeLabel.post,
    "labels_merge",
    L,
    "Give every image of this label another one instead, and delete it",
    request=s.MergeIn,
    responses=s.LabelOut,
    examples=[example("into label 3", {"into": 3})],
)
described(
    images.Images.get,
    "images_list",
    I,
    "Images of the dataset",
    parameters=[*FILTERS, *LIST],
    responses=listed("ImageList", s.ImageOut),
)
described(
    images.OneImage.get,
    "images_get",
    I,
    "One image with its labels",
    parameters=[NAME_IN_PATH],
    responses=s.ImageOut,
)
described(
    labels.ImageLabels.post,
    "images_label",
    I,
    "Label many images: all or nothing",
    description="`set` leaves exactly these labels, `add` adds, `remove` takes. Labels that the "
    "project does not have are made. One act, which undo in the application takes back.",
    request=s.ChangesIn,
    responses=s.ChangesOut,
    examples=[
        example("set", {"changes": [{"image": "cat.jpg", "labels": ["cat"]}], "mode": "set"})
    ],
)
described(
    uploads.Uploads.get,
    "uploads_list",
    U,
    "Uploads, the newest first",
    parameters=LIST,
    responses=listed("UploadList", s.UploadOut),
)
described(
    uploads.Uploads.post,
    "uploads_create",
    U,
    "Upload up to 500 files",
    description="They are stored at once, and embedded by the worker.",
    request=form(FILES, {"path": PATHS, **FIELDS}),
    responses={201: s.UploadWithResultsOut},
)
described(
    uploads.Zips.post,
    "uploads_zip",
    U,
    "Upload a zip of images",
    description="The worker unpacks it; the upload tells how far it is.",
    request=form(FILE, FIELDS),
    responses={202: s.UploadOut},
)
described(
    uploads.UploadCheck.post,
    "uploads_check",
    U,
    "Which files the project has already, by the SHA-256 of their bytes",
    description="So that an upload that was broken off goes on where it was.",
    request=s.HashesIn,
    responses=s.HashesOut,
    examples=[example("one file", {"sha256": ["ab" * 32]})],
)
described(uploads.OneUpload.get, "uploads_get", U, "How far an upload is", responses=s.UploadOut)
described(
    uploads.UploadResults.get,
    "uploads_results",
    U,
    "What became of each file",
    parameters=LIST,
    responses=listed("UploadResultList", s.UploadResultOut),
)
described(
    suggestions.Suggestions.post,
    "suggestions_create",
    S,
    "Suggested labels for up to 1,000 images",
    description="By name as JSON, or as files in a form. What does not fit into about 20 seconds "
    "becomes a job: 202, with the results so far. An image that cannot be read has an error of its "
    "own.",
    request={"application/json": s.SuggestionsIn, **form(FILES, SUGGEST_FIELDS)},
    responses={200: s.SuggestionsOut, 202: s.SuggestionsOut},
    examples=[
        OpenApiExample(
            "two images",
            {"images": ["a.jpg", "b.jpg"], "results": 10, "threshold": 30},
            request_only=True,
            media_type="application/json",
        )
    ],
)
described(
    labels.CommitSuggestions.post,
    "suggestions_commit",
    S,
    "Save suggestions that you confirmed",
    description="Takes results as they were suggested. They are saved with their scores as "
    "confirmed suggestions, in one act: all or nothing.",
    request=s.CommitIn,
    responses=s.ChangesOut,
    examples=[
        example(
            "one image",
            {"results": [{"image": "a.jpg", "suggestions": [{"label": "cat", "score": 87.3}]}]},
        )
    ],
)
described(
    suggestions.Similar.get,
    "similar",
    S,
    "Images similar to an image of the project",
    parameters=[
        parameter("image", "Name of the image.", IMAGE_NAME, required=True),
        whole("limit", "Most images of the answer.", default=50, high=1000),
        number("threshold", "Least similarity, in percent.", default=0),
        texts("label", "Only images that carry one of these labels; may be repeated."),
        boolean("and", "Only images that carry all of them."),
        ETAG,
    ],
    responses=SimilarList,
)
described(
    images.Export.get,
    "export",
    I,
    "Labels of all images that match, as CSV or JSON",
    parameters=[
        choice("format", "The kind of file.", ["csv", "json"]),
        whole(
            "validation",
            "Mark so many percent of the images for validation and the others for training, in a "
            "column or field `split`: near-duplicates on one side, each label in proportion.",
            high=MOST_VALIDATION,
        ),
        *FILTERS,
        ETAG,
    ],
    responses={
        (200, "text/csv"): OpenApiTypes.STR,
        (200, "application/json"): {"type": "array", "items": {"type": "object"}},
    },
)
described(
    suggestions.Jobs.get,
    "jobs_list",
    J,
    "Jobs, the newest first",
    parameters=LIST,
    responses=listed("JobList", s.JobOut),
)
described(
    suggestions.OneJob.get,
    "jobs_get",
    J,
    "How far a job is, with its results so far",
    responses=OpenApiResponse(s.JobWithResultsOut),
)
