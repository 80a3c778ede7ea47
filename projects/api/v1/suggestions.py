"""Suggestions for many images, similar images, and the jobs that answer what takes long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from similarity.methods import DEFAULT_METHOD

from ... import tasks
from ...errors import NotFound, Refusal
from ...models import Job, Project, Scope
from ...services.jobs import (
    MAX_ITEMS,
    SECONDS_AT_ONCE,
    Item,
    answer_items,
    item_of_file,
    make_job,
)
from ...services.predictions import Controls, refuse_unlabeled, similar_images
from ...services.queries import image_named, query_of_image, refuse_without_vector
from ...services.usage import count_predictions
from ..base import ApiView
from ..conditional import etag_of_images, not_modified
from ..parameters import Parameters
from .paging import PAGING, list_answer, part_by_id
from .serializers import SuggestionsIn


class Suggestions(ApiView):
    """Suggested labels for up to 1,000 images, by name or as files."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.PREDICT}

    def post(self, request: Request, pk: int) -> Response:
        project = self.project(pk)
        if request.content_type.startswith("multipart/form-data"):
            items, given = self._form()
        else:
            given = self.valid(SuggestionsIn)
            items = [Item(name) for name in given["images"]]
        refuse_unlabeled(project)
        count_predictions(project, len(items))
        return self._answer(project, items, given)

    def _form(self) -> tuple[list[Item], dict[str, Any]]:
        """Files come as `file`, repeated; what else there is as fields of the form."""
        files = self.request.FILES.getlist("file")
        if not 1 <= len(files) <= MAX_ITEMS:
            raise Refusal(f"Send 1 to {MAX_ITEMS:,} times “file”.", code="bad_form")
        fields = Parameters(self.request.data)
        plain = {
            "images": ["-"],
            "results": fields.whole("results", default=10, low=1, high=100),
            "threshold": fields.number("threshold", default=30, low=0, high=100),
        }
        flags = {name: fields.boolean(name) for name in ("use_first", "explain")}
        wait = {"wait": fields.boolean("wait", default=True)}
        method = {"method": fields.text("method") or DEFAULT_METHOD}
        given = self.valid(SuggestionsIn, {**plain, **flags, **wait, **method})
        return [item_of_file(file.name, file) for file in files], given

    def _answer(self, project: Project, items: Sequence[Item], given: dict[str, Any]) -> Response:
        controls = Controls(
            given["results"], given["threshold"], given["use_first"], given["method"]
        )
        results = []
        if given["wait"]:
            results = answer_items(
                project, items, controls, seconds=SECONDS_AT_ONCE, with_hits=given["explain"]
            )
        if len(results) == len(items):
            return Response({"results": results, "job": None})
        job = make_job(
            project, self.user, items, controls, results=results, with_hits=given["explain"]
        )
        tasks.run_soon(job)
        location = self.request.build_absolute_uri(reverse("api-job", args=[project.pk, job.pk]))
        return Response(
            {"results": results, "job": job_out(job)}, status=202, headers={"Location": location}
        )


class Similar(ApiView):
    """Images similar to an image of the project."""

    parameters = frozenset({"image", "limit", "threshold", "label", "and"})

    scopes: ClassVar[dict[str, Scope]] = {"GET": Scope.PREDICT, "HEAD": Scope.PREDICT}

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        given = Parameters(request.query_params)
        limit = given.whole("limit", default=50, low=1, high=1000)
        threshold = given.number("threshold", default=0, low=0, high=100)
        every = given.boolean("and")
        project = self.project(pk)
        image = image_named(project, _needed(given.text("image")))
        etag = etag_of_images(request, project)
        if unchanged := not_modified(request, etag):
            return unchanged
        query = query_of_image(image)
        refuse_without_vector(project, [query])
        count_predictions(project)
        labels = given.texts("label")
        found = similar_images(
            project, query, limit=limit, threshold=threshold, labels=labels, all_labels=every
        )
        told = [{"image": each.image.name, "score": each.score} for each in found]
        return Response({"results": told}, headers={"ETag": etag})


def _needed(name: str) -> str:
    if not name:
        raise Refusal("Say which image: ?image=<its name>.", code="bad_image")
    return name


class Jobs(ApiView):
    """Jobs of the project, the newest first."""

    parameters = PAGING

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        rows = Job.objects.filter(project=self.project(pk)).defer("items", "results")
        part = part_by_id(Parameters(request.query_params), rows, newest_first=True)
        return list_answer(request, part, job_out)


class OneJob(ApiView):
    """How far a job is, with the results so far."""

    def get(self, request: Request, pk: int, job_pk: int) -> Response:  # noqa: ARG002
        job = Job.objects.filter(project=self.project(pk), pk=job_pk).first()
        if job is None:
            raise NotFound(f"The project has no job number {job_pk}.", code="job_not_found")
        return Response({**job_out(job), "results": job.results})


def job_out(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "state": job.state,
        "total": job.total,
        "done": job.done,
        "error": job.error,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
    }
