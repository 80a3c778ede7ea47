"""The compatible calls, as the schema tells of them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from .. import compatible
from ..v1 import serializers as ours
from .parameters import (
    ETAG,
    NAME_IN_PATH,
    PROJECT,
    PROJECT_IN_PATH,
    boolean,
    number,
    parameter,
    texts,
    whole,
)

TAGS = ["Compatible"]
ALIASES = "Also under `/rs/api/`, and with a slash at the end."


class NameAndScore(ours.Strict):
    image = serializers.CharField()
    score = serializers.FloatField(help_text="Similarity in percent.")


class Stored(ours.Strict):
    name = serializers.CharField(help_text="The name it has now.")
    result = serializers.ChoiceField(choices=["added", "duplicate", "deleted"])


class ProjectId(ours.Strict):
    id = serializers.IntegerField()


def _object(key: str, schema: dict[str, Any], others: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"pattern": r"\S", **schema}},
        "not": {"anyOf": [{"required": [other]} for other in others]},
    }


def ways(*, names: bool) -> list[dict[str, Any]]:
    """Return the schemas of JSON that leads to one image."""
    url = {"type": "string", "format": "uri", "maxLength": 2048}
    base64 = {"type": "string", "description": "Also as data: URI, or of the URL alphabet."}
    name = {"type": "string", "maxLength": 255}
    if not names:
        return [_object("url", url, ("base64",)), _object("base64", base64, ("url",))]
    return [
        _object("imageName", name, ("url", "base64")),
        _object("url", url, ("imageName", "base64")),
        _object("base64", base64, ("imageName", "url")),
    ]


PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR42mP8z8DAwMDAxMDAwMDAAAAN"
    "HQEDaB7T3gAAAABJRU5ErkJggg=="
)
"""A red dot."""
RAW = {"type": "string", "format": "binary", "minLength": 1}


SUGGESTIONS = {"type": "array", "items": {"$ref": "#/components/schemas/SuggestionOut"}}
EXPLANATION = {
    "type": "object",
    "required": ["suggestions", "hits", "saved"],
    "properties": {
        "suggestions": SUGGESTIONS,
        "hits": {"type": "array", "items": {"$ref": "#/components/schemas/HitOut"}},
        "saved": {"type": "string", "nullable": True, "description": "The saved image's name."},
    },
}


def body(*, names: bool) -> dict[str, Any]:
    """Return the media types of a body that holds one image."""
    json = {"oneOf": ways(names=names)}
    return {
        "application/octet-stream": RAW,
        "image/*": RAW,
        "application/json": json,
        "text/plain": json,
    }


BODIES = [
    OpenApiExample(
        "an image of the project",
        {"imageName": "cat.jpg"},
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample(
        "an image on the web",
        {"url": "https://example.com/cat.jpg"},
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample("base64", {"base64": PNG}, request_only=True, media_type="application/json"),
]
LABELS = [{"label": "cat", "score": 87.3}, {"label": "dog", "score": 31.0}]
EXPLAINED = {
    "suggestions": LABELS,
    "hits": [{"image": "cats/01.jpg", "labels": ["cat"], "similarity": 91.2}],
    "saved": None,
}

extend_schema(
    operation_id="similarity_labels",
    tags=TAGS,
    summary="Suggested labels of one image",
    description="Labels of the most similar labeled images, best first. Nothing is stored without "
    f"`save`. Also at `/api/similarity-labeling`. {ALIASES}",
    parameters=[
        PROJECT,
        number("threshold", "Least score of a label, in percent.", default=30),
        whole("limit", "Number of results: similar images that are asked.", default=10, high=100),
        boolean("use-first", "Only the best label, whatever its score."),
        boolean("save", "Adds the image with these labels, or labels the named image."),
        boolean("explain", "Answers with an object: suggestions, hits and the saved image's name."),
        parameter(
            "image-name",
            "With save: how the image is called; else by its content.",
            {"type": "string", "maxLength": 255},
        ),
    ],
    request=body(names=True),
    responses={
        200: OpenApiResponse(
            {"oneOf": [SUGGESTIONS, EXPLANATION]},
            examples=[
                OpenApiExample("labels", LABELS, response_only=True),
                OpenApiExample("explain=true", EXPLAINED, response_only=True),
            ],
        )
    },
    examples=BODIES,
)(compatible.SimilarityLabels.post)

extend_schema(
    operation_id="similarity",
    tags=TAGS,
    summary="Images similar to one image",
    description=f"Of the dataset, labeled or not, the most similar first. {ALIASES}",
    parameters=[
        PROJECT,
        whole("limit", "Most images of the answer.", default=10, high=1000),
        number("threshold", "Least similarity, in percent.", default=0),
        texts("labels", "Only images that carry one of these labels; may be repeated."),
        boolean("and", "Only images that carry all of `labels`."),
    ],
    request=body(names=True),
    responses={200: NameAndScore(many=True)},
    examples=[
        *BODIES,
        OpenApiExample("images", [{"image": "cats/01.jpg", "score": 91.2}], response_only=True),
    ],
)(compatible.Similarity.post)

extend_schema(
    operation_id="image_add",
    tags=TAGS,
    summary="Store an image",
    description="The same bytes are stored once: then the answer names the image there is. Another "
    f"image of that name gets ` (2)`. {ALIASES}",
    parameters=[
        PROJECT_IN_PATH,
        NAME_IN_PATH,
        boolean("preprocess", "Embeds it at once; else the worker does.", default=True),
    ],
    request=body(names=False),
    responses={200: Stored},
    examples=[
        *BODIES[1:],
        OpenApiExample("added", {"name": "cat.jpg", "result": "added"}, response_only=True),
    ],
)(compatible.OneImage.post)

extend_schema(
    operation_id="image_file",
    tags=TAGS,
    summary="The bytes of an image",
    parameters=[PROJECT_IN_PATH, NAME_IN_PATH, ETAG],
    responses={(200, "image/*"): OpenApiTypes.BINARY},
)(compatible.OneImage.get)

extend_schema(
    operation_id="image_delete",
    tags=TAGS,
    summary="Delete an image",
    description="It can be brought back by undo in the application for a week.",
    parameters=[PROJECT_IN_PATH, NAME_IN_PATH],
    responses={200: Stored},
    examples=[OpenApiExample("deleted", {"name": "cat.jpg", "result": "deleted"})],
)(compatible.OneImage.delete)

extend_schema(
    operation_id="image_names",
    tags=TAGS,
    summary="Names of all images",
    parameters=[PROJECT_IN_PATH, ETAG],
    responses={200: {"type": "array", "items": {"type": "string"}}},
    examples=[OpenApiExample("names", ["cat.jpg", "dogs/02.jpg"], response_only=True)],
)(compatible.ImageNames.get)

extend_schema(
    operation_id="project_new",
    tags=TAGS,
    summary="Make a project",
    request={"application/json": ours.ProjectIn, "text/plain": ours.ProjectIn},
    responses={200: ProjectId},
    examples=[
        OpenApiExample("project", {"name": "Pets"}, request_only=True),
        OpenApiExample("its number", {"id": 7}, response_only=True),
    ],
)(compatible.NewProject.post)
