"""Calls of the product we match: its clients move over by changing host, token and project.

Success is always 200. Bodies are decided by trying; see `bodies`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from .. import tasks
from ..access import refuse_restricted
from ..errors import Conflict, NotFound
from ..models import Image, Project, Role, Scope
from ..models.batches import DEFAULT_K, DEFAULT_THRESHOLD, MAX_K
from ..pictures import picture
from ..services.additions import add_image, save_with_labels
from ..services.fetching import fetch
from ..services.jobs import told
from ..services.predictions import Answer, Controls, similar_images, suggest_labels
from ..services.projects import create_project
from ..services.queries import (
    Query,
    image_named,
    query_of_bytes,
    query_of_image,
    refuse_without_vector,
)
from ..services.renderings import CONTENT_TYPES
from ..services.trash import trash_images
from ..services.usage import count_predictions
from .base import ApiView, image_body_limit
from .bodies import given_image
from .conditional import etag_of_images, not_modified
from .parameters import Parameters
from .v1.serializers import ProjectIn


class CompatibleView(ApiView):
    """Clients that were written for another server may send more than we know."""

    parameters = None


class ImageBodyView(CompatibleView):
    """A view whose body is one image, in one of four forms."""

    @property
    def body_limit(self) -> int:  # type: ignore[override]
        return image_body_limit()

    def query(self, project: Project, *, names: bool = True) -> Query:
        """Return the query that the body gives, embedded where this process can."""
        given = given_image(self.raw_body(), names=names)
        if given.name is not None:
            return query_of_image(image_named(project, given.name))
        content = given.content if given.url is None else fetch(given.url)
        return query_of_bytes(project, content or b"")


class SimilarityLabels(ImageBodyView):
    """Suggested labels of one image."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.PREDICT}

    def post(self, request: Request) -> Response:
        given = Parameters(request.query_params)
        save, explain = given.boolean("save"), given.boolean("explain")
        controls = Controls(
            results=given.whole("limit", default=DEFAULT_K, low=1, high=MAX_K),
            threshold=given.number("threshold", default=DEFAULT_THRESHOLD, low=0, high=100),
            use_first=given.boolean("use-first"),
        )
        if save:
            self.require(Scope.WRITE)
        project = self.project(given.project(), needs=Role.LABELER if save else Role.VIEWER)
        query = self.query(project)
        refuse_without_vector(project, [query])
        count_predictions(project)
        [answer] = suggest_labels(project, [query], controls, with_hits=explain)
        saved = self._save(project, query, answer, given.text("image-name")) if save else None
        return Response(_explained(answer, saved) if explain else told(answer))

    def _save(self, project: Project, query: Query, answer: Answer, name: str) -> str:
        saved = save_with_labels(project, self.user, query, answer, name=name)
        return saved.image.name


def _explained(answer: Answer, saved: str | None) -> dict[str, Any]:
    hits = [hit._asdict() for hit in answer.hits]
    return {"suggestions": told(answer), "hits": hits, "saved": saved}


class Similarity(ImageBodyView):
    """Images of the dataset similar to one image."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.PREDICT}

    def post(self, request: Request) -> Response:
        given = Parameters(request.query_params)
        limit = given.whole("limit", default=DEFAULT_K, low=1, high=1000)
        threshold = given.number("threshold", default=0, low=0, high=100)
        every = given.boolean("and")
        project = self.project(given.project())
        query = self.query(project)
        refuse_without_vector(project, [query])
        count_predictions(project)
        found = similar_images(
            project,
            query,
            limit=limit,
            threshold=threshold,
            labels=given.texts("labels"),
            all_labels=every,
        )
        return Response([{"image": each.image.name, "score": each.score} for each in found])


class OneImage(ImageBodyView):
    """One image by its name: stored, its bytes, thrown away."""

    def post(self, request: Request, project: int, name: str) -> Response:
        embed = Parameters(request.query_params).boolean("preprocess", default=True)
        there = self.project(project, needs=Role.LABELER)
        query = self.query(there, names=False)
        saved = add_image(there, self.user, query, name=name.rstrip("/"), embed=embed)
        if saved.image.embedding_state == Image.EmbeddingState.PENDING:
            tasks.look_for_work()
        result = "added" if saved.is_new else "duplicate"
        return Response({"name": saved.image.name, "result": result})

    def get(self, request: Request, project: int, name: str) -> HttpResponseBase:  # noqa: ARG002
        image = image_named(self.project(project), name.rstrip("/"))
        # The bytes of a name may be others tomorrow; their hash says so.
        if unchanged := not_modified(self.request, image.content_hash):
            return unchanged
        kind = CONTENT_TYPES[image.extension]
        try:
            answer = picture(image.file_name, kind, name=image.name, cached="private, no-cache")
        except FileNotFoundError:
            raise NotFound("The file of this image is missing.", code="file_missing") from None
        answer["ETag"] = f'"{image.content_hash}"'
        return answer

    def delete(self, request: Request, project: int, name: str) -> Response:  # noqa: ARG002
        there = self.project(project, needs=Role.LABELER)
        image = image_named(there, name.rstrip("/"))
        if image.state == Image.State.STAGED:
            raise Conflict(
                f"“{image.name}” is under review in the application; discard it there.",
                code="under_review",
            )
        trash_images(there, self.user, [image.pk])
        return Response({"name": image.name, "result": "deleted"})


class ImageNames(CompatibleView):
    """The names of all images of the dataset."""

    def get(self, request: Request, project: int) -> HttpResponseBase:
        there = self.project(project)
        etag = etag_of_images(request, there)
        if unchanged := not_modified(request, etag):
            return unchanged
        images = there.images.in_dataset().order_by("name", "pk")
        return Response(list(images.values_list("name", flat=True)), headers={"ETag": etag})


class NewProject(CompatibleView):
    """A project is made."""

    def post(self, request: Request) -> Response:  # noqa: ARG002
        refuse_restricted(self.token)
        given = self.valid(ProjectIn)
        project = create_project(self.user, name=given["name"], multi_label=given["multi_label"])
        return Response({"id": project.pk})
