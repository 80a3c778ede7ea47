"""A batch of three labels and twelve images under review, and how its page is spoken to."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Batch, Image, Label, Project
from projects.services.suggestions import search
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import three_classes

Three = tuple[list[Label], list[Image], Batch]


@pytest.fixture
def three(project: Project) -> Three:
    labels, images = three_classes(project)
    batch = batch_of(project, images)
    search(batch)
    return labels, images, batch


def send(client: Client, batch: Batch, path: str, **body):
    url = reverse("batch", args=[batch.project_id, batch.pk]) + path
    return client.post(
        url,
        json.dumps(body),
        content_type="application/json",
        headers={"Accept": "application/json"},
    )


def known_of(html: str) -> dict[str, str]:
    return dict(re.findall(r'data-item="(\d+)" data-version="([\w-]+)"', html))
