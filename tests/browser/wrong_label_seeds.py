"""Projects with wrong labels made in a running application's database; see `seeder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def make_wrong_labels(
    *, wrong: Sequence[tuple[int, int]] = (), labeled: int = 20
) -> dict[str, Any]:
    """Make a project of cats, dogs and owls; `wrong` are images of one class labeled as another."""
    import numpy as np
    from django.contrib.auth.models import User

    from projects.models import Project
    from tests import reviews

    owner = User.objects.order_by("pk").first()
    assert owner
    project = Project.objects.create(name="Animals", owner=owner)
    labels, _ = reviews.three_classes(project, labeled=labeled, unlabeled=0)
    rng = np.random.default_rng(99)
    made = [
        reviews.make_image(project, reviews.near(true, rng), labels[given]).pk
        for true, given in wrong
    ]
    return {"project": project.pk, "wrong": made}
