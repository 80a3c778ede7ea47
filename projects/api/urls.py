"""Every address of the API: compatible ones under two roots, with and without a slash, and ours."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, path

from . import compatible, docs
from .v1 import images, labels, projects, suggestions, uploads

_compatible = [
    ("similarity-labels", compatible.SimilarityLabels),
    ("similarity-labeling", compatible.SimilarityLabels),
    ("similarity", compatible.Similarity),
    ("images/<int:project>", compatible.ImageNames),
    ("project", compatible.NewProject),
]


def _compatible_paths() -> Iterator[URLPattern]:
    for root in ("api", "rs/api"):
        for route, view in _compatible:
            for slash in ("", "/"):
                yield path(f"{root}/{route}{slash}", view.as_view())
        # The name takes what follows it, a slash included.
        yield path(f"{root}/image/<int:project>/<path:name>", compatible.OneImage.as_view())


_project = "api/v1/projects/<int:pk>"
_ours = [
    path("api/v1/projects", projects.Projects.as_view()),
    path(_project, projects.OneProject.as_view()),
    path(f"{_project}/labels", labels.Labels.as_view()),
    path(f"{_project}/labels/<int:label_pk>", labels.OneLabel.as_view()),
    path(f"{_project}/labels/<int:label_pk>/merge", labels.MergeLabel.as_view()),
    path(f"{_project}/images", images.Images.as_view()),
    path(f"{_project}/images/labels", labels.ImageLabels.as_view()),
    path(f"{_project}/images/by-name/<path:name>", images.OneImage.as_view()),
    path(f"{_project}/uploads", uploads.Uploads.as_view()),
    path(f"{_project}/uploads/zip", uploads.Zips.as_view()),
    path(f"{_project}/uploads/check", uploads.UploadCheck.as_view()),
    path(f"{_project}/uploads/<int:upload_pk>", uploads.OneUpload.as_view()),
    path(f"{_project}/uploads/<int:upload_pk>/results", uploads.UploadResults.as_view()),
    path(f"{_project}/suggestions", suggestions.Suggestions.as_view()),
    path(f"{_project}/suggestions/commit", labels.CommitSuggestions.as_view()),
    path(f"{_project}/similar", suggestions.Similar.as_view()),
    path(f"{_project}/export", images.Export.as_view()),
    path(f"{_project}/jobs", suggestions.Jobs.as_view()),
    path(f"{_project}/jobs/<int:job_pk>", suggestions.OneJob.as_view(), name="api-job"),
]

_documentation = [
    path("api/schema", docs.Schema.as_view(), name="api-schema"),
    path("api/docs", docs.docs, name="api-docs"),
]

urlpatterns = [*_compatible_paths(), *_ours, *_documentation]
