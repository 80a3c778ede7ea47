"""Uploads of many files, or of a zip, in one request."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from ... import tasks
from ...errors import NotFound, Refusal, TooLarge
from ...forms import UploadForm
from ...models import Project, Role, Scope, Upload, UploadResult
from ...services import archives, uploads
from ..base import ApiView
from ..parameters import Parameters
from .paging import PAGING, list_answer, part_by_id
from .serializers import HashesIn

FILES_A_REQUEST = 500


class FormView(ApiView):
    """A view whose body is a form with files."""

    def files(self) -> list[Any]:
        """Return the files in `file`, at least one."""
        if not self.request.content_type.startswith("multipart/form-data"):
            raise Refusal(
                "Send a form (multipart/form-data) with “file”.", code="not_a_form", status=415
            )
        files: list[Any] = self.request.FILES.getlist("file")
        if not files:
            raise Refusal("The form has no file named “file”.", code="bad_form")
        return files

    def start(self, project: Project, kind: Upload.Kind, announced: int = 0) -> Upload:
        """Begin an upload as the other fields of the form say."""
        chosen = UploadForm({**self.request.data.dict(), "kind": kind}).valid().cleaned_data
        return uploads.start_upload(
            project,
            self.user,
            kind=kind,
            labels=chosen["labels"],
            label_by_folder=chosen["label_by_folder"],
            announced=announced,
        )


class Uploads(FormView):
    """Files become images: `file` repeated, with a `path` each if they are in folders."""

    parameters = PAGING

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        project = self.project(pk)
        rows = Upload.objects.filter(project=project)
        part = part_by_id(Parameters(request.query_params), rows, newest_first=True)
        return list_answer(request, part, upload_out)

    def post(self, request: Request, pk: int) -> Response:
        project = self.project(pk, needs=Role.LABELER)
        files = self.files()
        if len(files) > FILES_A_REQUEST:
            raise TooLarge(f"At most {FILES_A_REQUEST} files a request.", code="too_many_files")
        paths = request.data.getlist("path") or [file.name for file in files]
        if len(paths) != len(files) or not all(isinstance(path, str) for path in paths):
            raise Refusal("Send one “path” for each “file”, or none at all.", code="bad_form")
        upload = self.start(project, Upload.Kind.FILES, len(files))
        results = uploads.add_files(upload, list(zip(paths, files, strict=True)))
        uploads.finish_upload(upload)
        tasks.look_for_work()
        told = {**upload_out(upload), "results": [result_out(each) for each in results]}
        return Response(told, status=201)


class Zips(FormView):
    """A zip file, which the worker unpacks."""

    def post(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        file = self.files()[0]
        upload = self.start(project, Upload.Kind.ZIP)
        archives.receive_archive(upload, file)
        tasks.unpack_soon(upload)
        return Response(upload_out(upload), status=202)


class UploadCheck(ApiView):
    """Which files need not be sent, because the project has their bytes."""

    scopes: ClassVar[dict[str, Scope]] = {"POST": Scope.READ}

    def post(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk)
        hashes = [each.lower() for each in self.valid(HashesIn)["sha256"]]
        return Response({"images": uploads.names_by_bytes(project, hashes)})


class OneUpload(ApiView):
    """How far an upload is."""

    def get(self, request: Request, pk: int, upload_pk: int) -> Response:  # noqa: ARG002
        return Response(upload_out(_one(self.project(pk), upload_pk)))


class UploadResults(ApiView):
    """What became of each file of an upload."""

    parameters = PAGING

    def get(self, request: Request, pk: int, upload_pk: int) -> HttpResponseBase:
        rows = UploadResult.objects.filter(upload=_one(self.project(pk), upload_pk))
        part = part_by_id(Parameters(request.query_params), rows.select_related("image"))
        return list_answer(request, part, result_out)


def _one(project: Project, pk: int) -> Upload:
    upload = Upload.objects.filter(project=project, pk=pk).first()
    if upload is None:
        raise NotFound(f"The project has no upload number {pk}.", code="upload_not_found")
    return upload


def upload_out(upload: Upload) -> dict[str, Any]:
    return {
        "id": upload.pk,
        "kind": upload.kind,
        "state": upload.state,
        **uploads.totals(upload),
        "error": upload.error,
        "created_at": upload.created_at,
    }


def result_out(result: UploadResult) -> dict[str, Any]:
    return {
        "path": result.path,
        "outcome": result.outcome,
        "reason": result.reason,
        "image": result.image.name if result.image else None,
    }
