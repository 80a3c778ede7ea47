"""Image rows made directly, without files: what labeling needs of them."""

from __future__ import annotations

import hashlib

from projects.models import Image, Project


def make_images(project: Project, number: int, *, prefix: str = "photo", **fields) -> list[Image]:
    """Insert `number` images of the dataset, named photo-00000.jpg and on."""
    names = [f"{prefix}-{index:05}.jpg" for index in range(number)]
    return Image.objects.bulk_create(
        Image(
            **{
                "project": project,
                "name": name,
                "path": name,
                "content_hash": hashlib.sha256(f"{project.pk} {name}".encode()).hexdigest(),
                "extension": ".jpg",
                "byte_size": 1000,
                "width": 400,
                "height": 300,
                "embedding_state": Image.EmbeddingState.EMBEDDED,
            }
            | fields
        )
        for name in names
    )
