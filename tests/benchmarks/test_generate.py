"""The generator of projects leaves what the services would have left."""

import numpy as np
import pytest
from django.core.files.storage import default_storage

from benchmarks.generate import Made, generate, made_vectors
from projects.models import Act, Image, ImageLabel, LabelChange, UploadResult
from projects.services.counts import counts_of, kept_counts, plain_counts
from projects.services.undo import undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(db) -> Made:
    return generate(3_000)


def test_a_generated_project_is_one_that_the_application_works_on(made):
    assert kept_counts() == plain_counts()
    counts = counts_of(made.project)
    assert 2_950 < counts.images < 3_000
    assert 900 < counts.labeled < 1_500
    assert counts.failed
    assert counts.pending
    assert UploadResult.objects.count() == Image.objects.count() == 3_000
    assert LabelChange.objects.count() == ImageLabel.objects.count()
    for image in Image.objects.filter(is_labeled=True)[:50]:
        assert image.image_labels.get(is_default=True).label_id == image.default_label_id
    for image in Image.objects.order_by("pk")[:20]:
        assert default_storage.exists(image.file_name)
        assert default_storage.exists(image.thumbnail_name)


def test_its_acts_can_be_undone(made):
    latest = Act.objects.order_by("-pk").first()
    changes = latest.changes.count()
    before = ImageLabel.objects.count()
    assert undo(made.project, made.project.owner).undoes == latest
    assert ImageLabel.objects.count() == before - changes
    assert kept_counts() == plain_counts()


def test_another_project_may_follow_in_the_same_data_folder(made):
    again = generate(300)
    assert again.project != made.project
    assert Image.objects.filter(project=again.project).count() == 300
    assert kept_counts() == plain_counts()


def test_vectors_are_unit_length_and_nearer_within_a_label():
    carried = np.repeat(np.arange(4), 50)
    [(start, vectors)] = made_vectors(carried, 64, np.random.default_rng(1))
    assert start == 0
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    likeness = vectors @ vectors.T
    same = carried[:, None] == carried[None, :]
    other = likeness[~same].mean()
    assert 0.2 < other < 0.5
    assert likeness[same & ~np.eye(200, dtype=bool)].mean() > other + 0.1
