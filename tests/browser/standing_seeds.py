"""Projects at some point of their progress, in a running application's database; see `seeder`."""

from __future__ import annotations

from typing import Any


def make_standing(
    *,
    batches: int = 0,
    labeled: int = 0,
    left: int = 0,
    wrong: int = 5,
    unseen: int = 0,
    checked: int = 0,
    names: tuple[str, ...] = ("cat", "dog", "owl"),
    **fields: Any,
) -> dict[str, Any]:
    """Make a project with batches of 10 that were reviewed, `wrong` or fewer corrected in each.

    `unseen` images are accepted without a look, `checked` of them were right when checked.
    """
    import numpy as np
    from django.contrib.auth.models import User

    from projects.models import Project
    from tests import reviews, standings

    owner = User.objects.order_by("pk").first()
    assert owner
    project = Project.objects.create(**{"name": "Animals", "owner": owner} | fields)
    rng = np.random.default_rng(3)
    labels = [reviews.make_label(project, name) for name in names]
    for at in range(labeled):
        reviews.make_image(project, reviews.near(at % 3, rng), labels[at % 3])
    images = standings.more_images(project, 10 * batches + unseen + left, seed=4, spread=0.12)
    for at in range(batches):
        fewer = max(0, wrong - at // 4 - int(rng.integers(0, 2)))
        standings.review(project, images[10 * at : 10 * at + 10], wrong=fewer)
    taken = images[10 * batches : 10 * batches + unseen]
    if taken:
        checks = [True] * checked + [None] * min(5, unseen - checked)
        standings.accept_unseen(project, taken, labels[0], probability=0.97, checks=checks)
    return {"project": project.pk}
