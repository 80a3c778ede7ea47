"""Projects with sure suggestions in a running application's database; see `seeder`."""

from __future__ import annotations

from typing import Any


def make_sure(*, labeled: int = 420, unlabeled: int = 300) -> dict[str, Any]:
    """Make a project whose unlabeled images can be accepted at 1 %."""
    from django.contrib.auth.models import User

    from projects.models import Project
    from tests import acceptances

    owner = User.objects.order_by("pk").first()
    assert owner
    project = Project.objects.create(name="Sure", owner=owner)
    labels, images = acceptances.sure_project(project, labeled=labeled, unlabeled=unlabeled)
    return {
        "project": project.pk,
        "labels": {label.name: label.pk for label in labels},
        "images": [image.pk for image in images],
    }
