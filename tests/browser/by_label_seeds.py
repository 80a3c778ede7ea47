"""Projects to review by label, made in a running application's database; see `seeder`."""

from __future__ import annotations

from typing import Any

NAMES = ("cat", "dog", "owl", "ant", "bee", "cow", "elk", "fox", "gnu", "hen", "ibex", "jay")


def make_by_label(
    *, classes: int = 3, labeled: int = 8, unlabeled: int = 12, new: int = 0, **fields: Any
) -> dict[str, Any]:
    """Make a project with classes that are told apart, and images that have no label.

    The unlabeled ones come as cat, dog, owl, cat ...; `new` more are unlike everything labeled.
    """
    import numpy as np
    from django.contrib.auth.models import User

    from projects.models import Project
    from tests import reviews

    owner = User.objects.order_by("pk").first()
    assert owner
    project = Project.objects.create(**{"name": "Animals", "owner": owner} | fields)
    rng = np.random.default_rng(5)
    labels = [
        reviews.make_label(project, name, str(at + 1) if at < 9 else "")
        for at, name in enumerate(NAMES[:classes])
    ]
    for at, label in enumerate(labels):
        for _ in range(labeled):
            reviews.make_image(project, reviews.near(at, rng, 0.05), label)
    images = [
        reviews.make_image(project, reviews.near(at % classes, rng, 0.05))
        for at in range(unlabeled)
    ]
    away = -sum(reviews.direction(number) for number in range(classes))
    away = away / np.linalg.norm(away)
    unlike = [reviews.make_image(project, away) for _ in range(new)]
    return {
        "project": project.pk,
        "images": [image.pk for image in images],
        "new": [image.pk for image in unlike],
        "labels": {label.name: label.pk for label in labels},
    }
