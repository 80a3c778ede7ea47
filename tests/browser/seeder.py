"""Makes projects in a running application's database: a line of JSON in, a line of JSON out.

A process of its own, since the tests' own Django has another database:
`LABELING_DATA=... python -m tests.browser.seeder`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import django

from . import (
    acceptance_seeds,
    by_label_seeds,
    duplicate_seeds,
    review_seeds,
    standing_seeds,
    wrong_label_seeds,
)


def make_project(
    *,
    images: int = 0,
    labels: Sequence[str] = (),
    labeled: Mapping[str, list[int]] = MappingProxyType({}),
    **fields: Any,
) -> dict[str, Any]:
    """Make a project of drawn images; `labeled` maps a label's name to indexes of images."""
    from django.contrib.auth.models import User

    from projects.models import Project
    from projects.services.labels import get_or_create_labels, label_images
    from tests.projects.images import make_images

    owner = User.objects.order_by("pk").first()
    assert owner
    names = fields.pop("names", {})
    project = Project.objects.create(**{"name": "Photos", "owner": owner} | fields)
    photos = make_images(project, images)
    for index, name in names.items():
        photos[int(index)].name = name
        photos[int(index)].save()
    made = {label.name: label for label in get_or_create_labels(project, owner, labels)}
    for name, indexes in labeled.items():
        label_images(project, owner, [photos[index].pk for index in indexes], made[name])
    project.acts.all().delete()
    return {
        "project": project.pk,
        "images": [image.pk for image in photos],
        "labels": {name: label.pk for name, label in made.items()},
    }


def add_images(*, project: int, number: int, prefix: str) -> dict[str, Any]:
    """Add images to a project, as an upload would."""
    from projects.models import Project
    from tests.projects.images import make_images

    made = make_images(Project.objects.get(pk=project), number, prefix=prefix)
    return {"images": [image.pk for image in made]}


def start_reembedding(*, project: int, encoder: str, done: int) -> dict[str, Any]:
    """Have a re-embedding stand at `done` images, as if another worker were loading for it."""
    from datetime import timedelta

    from django.utils import timezone

    from projects.models import Embedding, Project
    from projects.services.reembeddings import start

    found = Project.objects.get(pk=project)
    run = start(found, found.owner, encoder)
    run.encoder_version, run.lease_until = "1", timezone.now() + timedelta(hours=1)
    run.save()
    Embedding.objects.bulk_create(
        Embedding(image=image, project=found, encoder=encoder, encoder_version="1", vector=bytes(8))
        for image in found.images.order_by("id")[:done]
    )
    return {}


ACTS = {
    each.__name__: each
    for each in (
        make_project,
        add_images,
        start_reembedding,
        review_seeds.make_review,
        review_seeds.give_vectors,
        review_seeds.states,
        duplicate_seeds.make_duplicates,
        standing_seeds.make_standing,
        acceptance_seeds.make_sure,
        wrong_label_seeds.make_wrong_labels,
        by_label_seeds.make_by_label,
    )
}


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "labeling.settings"
    django.setup()
    for line in sys.stdin:
        asked = json.loads(line)
        answer = ACTS[asked.pop("do")](**asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
