"""The list of labels, and labels of images, over the API."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from ...errors import NotFound, Refusal
from ...models import Image, ImageLabel, Label, Project, Role
from ...services import label_list
from ...services.label_changes import Change, Changed, NamedLabel, change_labels, confirm
from ..base import ApiView
from ..conditional import etag_of
from ..parameters import Parameters
from .paging import PAGING, list_answer, part_by_id
from .serializers import ChangesIn, CommitIn, LabelChange, LabelIn, MergeIn


def _labels(project: Project) -> QuerySet[Label]:
    there = Q(image_labels__image__state=Image.State.DATASET)
    labels = Label.objects.live().filter(project=project)
    return labels.annotate(images=Count("image_labels", filter=there))


def _told(label: Any) -> dict[str, Any]:
    return {
        "id": label.pk,
        "name": label.name,
        "color": label.color,
        "key": label.key,
        "images": label.images,
    }


def _one(project: Project, pk: int) -> Label:
    label = _labels(project).filter(pk=pk).first()
    if label is None:
        raise NotFound(f"The project has no label number {pk}.", code="label_not_found")
    return label


class Labels(ApiView):
    """The project's labels."""

    parameters = PAGING

    def get(self, request: Request, pk: int) -> HttpResponseBase:
        project = self.project(pk)
        part = part_by_id(Parameters(request.query_params), _labels(project))
        return list_answer(request, part, _told, etag=etag_of(request, project.revision))

    def post(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        given = self.valid(LabelIn)
        with transaction.atomic():
            _, label = label_list.add_label(project, self.user, given["name"])
            if "color" in given:
                label_list.recolor(project, self.user, label, given["color"])
        return Response(_told(_one(project, label.pk)), status=201)


class OneLabel(ApiView):
    """One label: looked at, renamed or recolored, deleted."""

    def get(self, request: Request, pk: int, label_pk: int) -> Response:  # noqa: ARG002
        return Response(_told(_one(self.project(pk), label_pk)))

    def patch(self, request: Request, pk: int, label_pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        label = _one(project, label_pk)
        given = self.valid(LabelChange)
        with transaction.atomic():
            if "name" in given:
                label_list.rename_label(project, self.user, label, given["name"])
            if "color" in given:
                label_list.recolor(project, self.user, label, given["color"])
        return Response(_told(_one(project, label_pk)))

    def delete(self, request: Request, pk: int, label_pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        label_list.delete_label(project, self.user, _one(project, label_pk))
        return Response(status=204)


class MergeLabel(ApiView):
    """A label becomes another one on every image."""

    def post(self, request: Request, pk: int, label_pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        label = _one(project, label_pk)
        into = _one(project, self.valid(MergeIn)["into"])
        label_list.merge_labels(project, self.user, [label], into)
        return Response(_told(_one(project, into.pk)))


class ImageLabels(ApiView):
    """Labels of many images are set, added or removed: all or nothing."""

    def post(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        given = self.valid(ChangesIn)
        changes = [
            Change(each["image"], tuple(NamedLabel(name) for name in each["labels"]))
            for each in given["changes"]
        ]
        source = ImageLabel.Source.API
        changed = change_labels(project, self.user, changes, mode=given["mode"], source=source)
        return Response(_told_changed(project, changed))


class CommitSuggestions(ApiView):
    """Suggestions that somebody confirmed become labels."""

    def post(self, request: Request, pk: int) -> Response:  # noqa: ARG002
        project = self.project(pk, needs=Role.LABELER)
        changes = [_confirmed(each) for each in self.valid(CommitIn)["results"]]
        if not any(change.labels for change in changes):
            raise Refusal("None of the results has a suggestion.", code="nothing_suggested")
        return Response(_told_changed(project, confirm(project, self.user, changes)))


def _confirmed(result: dict[str, Any]) -> Change:
    labels = (NamedLabel(each["label"], each.get("score")) for each in result["suggestions"])
    return Change(result["image"], tuple(labels))


def _told_changed(project: Project, changed: Changed) -> dict[str, Any]:
    return {
        "images": changed.images,
        "created_labels": [label.name for label in changed.created],
        "summary": changed.act.summary if changed.act else "Nothing had to change.",
        "revision": project.revision,
    }
