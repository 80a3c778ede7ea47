"""Projects with near-duplicates made in a running application's database; see `seeder`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def make_duplicates(*, groups: Sequence[Sequence[str]], number: int = 0) -> dict[str, Any]:
    """Make a project with groups of near-duplicates; each image is given by its label, or "".

    `number` more groups of two unlabeled images follow. Returns the images' ids group by group.
    """
    import numpy as np
    from django.contrib.auth.models import User

    from projects.models import Project
    from tests import reviews

    owner = User.objects.order_by("pk").first()
    assert owner
    project = Project.objects.create(name="Copies", owner=owner)
    labels = {
        name: reviews.make_label(project, name, str(at + 1))
        for at, name in enumerate(("cat", "dog", "owl"))
    }
    rng = np.random.default_rng(1)
    made = []
    for subject, group in enumerate([*groups, *([("", "")] * number)]):
        images = []
        for name in group:
            vector = reviews.direction(subject) + rng.normal(scale=0.01, size=reviews.DIM)
            vector /= np.linalg.norm(vector)
            carried = [labels[name]] if name else []
            images.append(reviews.make_image(project, vector, *carried).pk)
        made.append(images)
    return {"project": project.pk, "groups": made}
