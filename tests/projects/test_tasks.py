"""Tasks: what the worker does when it is asked to stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from projects import tasks
from projects.models import Image
from projects.services.uploads import add_file, start_upload

from ..drawings import picture_bytes


@pytest.fixture
def stopping() -> Iterator[None]:
    tasks._finish_soon()
    yield
    tasks._stopping[0] = 0


def test_a_worker_that_is_asked_to_stop_begins_nothing_and_counts_no_attempt(
    project, owner, stopping
):
    upload = start_upload(project, owner, kind="files")
    add_file(upload, path="a.jpg", content=ContentFile(picture_bytes("red circle")))
    tasks.embed_pending()
    image = Image.objects.get()
    assert (image.embedding_state, image.attempts, image.lease_until) == ("pending", 0, None)
