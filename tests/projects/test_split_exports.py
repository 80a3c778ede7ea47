"""Exports with a train/validation split: near-duplicates on one side, whatever else is asked."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from projects.models import Image, ImageLabel, Project
from projects.services import near_pairs
from projects.services.imports import import_labels
from projects.services.near_pairs import pairs_of
from projects.services.splits import split_of
from projects.services.trash import trash_images
from similarity.duplicates import LOOSE
from tests.reviews import direction, make_image, make_label

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    yield
    near_pairs.forget()


def dataset(project: Project, seed: int, *, subjects: int = 40) -> list[Image]:
    """Images of some labels and of none: single ones, bursts, chains, and some not embedded."""
    rng = np.random.default_rng(seed)
    labels = [make_label(project, name) for name in ("cat", "dog", "owl")]
    images = []
    for subject in range(subjects):
        vector = direction(1000 * seed + subject)
        label = [labels[subject % 4]] if subject % 4 < 3 else []
        for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
            images.append(make_image(project, vector, *label))
            # Each is like the one before, the last of a long burst no longer like the first.
            vector = vector + rng.normal(scale=0.05, size=len(vector))
            vector = vector / np.linalg.norm(vector)
    images += [make_image(project) for _ in range(5)]
    project.refresh_from_db()
    return images


def rows_of(client: Client, project: Project, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/projects/{project.pk}/export.csv?{query}")
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("percent", [5, 20, 50])
@pytest.mark.parametrize("seed", range(4))
def test_no_near_duplicates_ever_lie_on_two_sides(
    seed: int, percent: int, project: Project
) -> None:
    images = dataset(project, seed)
    split = split_of(project, percent=percent)
    assert split.keys() == {image.pk for image in images}
    vectors = {e.image_id: np.frombuffer(e.vector, "<f4") for e in project.embeddings.all()}
    pairs = [
        (a, b)
        for a, one in vectors.items()
        for b, other in vectors.items()
        if a < b and float(one @ other) >= LOOSE
    ]
    assert len(pairs) > 10
    assert all(split[a] == split[b] for a, b in pairs)


@pytest.mark.parametrize("seed", range(4))
def test_the_percentage_is_met_within_half_of_the_largest_group(
    seed: int, project: Project
) -> None:
    images = dataset(project, seed)
    sides = Counter(split_of(project, percent=20).values())
    assert abs(sides["validation"] - 0.2 * len(images)) <= 2.5
    for label in project.labels.all():
        of_label = {image.pk for image in images if image.image_labels.filter(label=label)}
        split = split_of(project, percent=20)
        got = sum(split[pk] == "validation" for pk in of_label)
        assert abs(got - 0.2 * len(of_label)) <= 5


def test_the_same_photos_uploaded_in_another_order_are_split_the_same(
    owner: User, project: Project
) -> None:
    images = dataset(project, 7)
    split = split_of(project, percent=20)
    twin = Project.objects.create(name="Twin", owner=owner)
    labels = {label.name: make_label(twin, label.name) for label in project.labels.all()}
    stored = {e.image_id: np.frombuffer(e.vector, "<f4") for e in project.embeddings.all()}
    same: dict[int, int] = {}
    for image in reversed(images):
        carried = [labels[row.label.name] for row in image.image_labels.select_related("label")]
        made = make_image(twin, stored.get(image.pk), *carried)
        Image.objects.filter(pk=made.pk).update(content_hash=image.content_hash)
        same[image.pk] = made.pk
    twin.refresh_from_db()
    other = split_of(twin, percent=20)
    assert {pk: other[same[pk]] for pk in split} == split


def test_several_labels_count_for_the_rarest(project: Project) -> None:
    Project.objects.update(multi_label=True)
    project.refresh_from_db()
    common, rare = make_label(project, "common"), make_label(project, "rare")
    for number in range(40):
        labels = [common, rare] if number < 10 else [common]
        make_image(project, direction(number), *labels)
    project.refresh_from_db()
    split = split_of(project, percent=20)
    of_rare = ImageLabel.objects.filter(label=rare).values_list("image", flat=True)
    assert sum(split[pk] == "validation" for pk in of_rare) == 2
    assert Counter(split.values())["validation"] == 8


def test_deleted_images_are_in_no_split(owner: User, project: Project) -> None:
    images = dataset(project, 1)
    trash_images(project, owner, [images[0].pk, images[-1].pk])
    split = split_of(project, percent=20)
    assert split.keys() == {image.pk for image in images[1:-1]}


def test_every_download_and_every_filter_gives_the_same_split(
    owner_client: Client, project: Project
) -> None:
    dataset(project, 2)
    rows = rows_of(owner_client, project, "validation=20")
    assert list(rows[0])[-1] == "split"
    split = {row["name"]: row["split"] for row in rows}
    assert set(split.values()) == {"train", "validation"}
    shown = rows_of(owner_client, project, "validation=20&show=labeled&sort=-time")
    assert 0 < len(shown) < len(rows)
    assert all(split[row["name"]] == row["split"] for row in shown)
    answer = owner_client.get(f"/projects/{project.pk}/export.json?validation=20")
    told = json.loads(b"".join(answer.streaming_content))  # type: ignore[arg-type]
    assert {row["name"]: row["split"] for row in told} == split


def test_without_validation_there_is_no_split(owner_client: Client, project: Project) -> None:
    dataset(project, 2, subjects=3)
    for query in ("", "validation="):
        assert "split" not in rows_of(owner_client, project, query)[0]
    answer = owner_client.get(f"/projects/{project.pk}/export.json")
    told = json.loads(b"".join(answer.streaming_content))  # type: ignore[arg-type]
    assert "split" not in told[0]


@pytest.mark.parametrize("validation", ["0", "51", "-1", "x", "20.5"])
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_percentage_out_of_bounds_is_refused(
    validation: str, kind: str, owner_client: Client, project: Project
) -> None:
    url = f"/projects/{project.pk}/export.{kind}?validation={validation}"
    assert owner_client.get(url).status_code == 400


def test_a_file_with_a_split_is_read_back_in(
    owner_client: Client, owner: User, project: Project
) -> None:
    dataset(project, 3, subjects=8)
    answer = owner_client.get(f"/projects/{project.pk}/export.csv?validation=20")
    text = b"".join(answer.streaming_content)  # type: ignore[arg-type]
    before = sorted(ImageLabel.objects.values_list("image", "label"))
    ImageLabel.objects.all().delete()
    Image.objects.update(is_labeled=False)
    report = import_labels(project, owner, io.BytesIO(text))
    assert not report.problems
    assert sorted(ImageLabel.objects.values_list("image", "label")) == before


def test_an_image_that_arrives_during_a_download_is_for_training(
    owner_client: Client, project: Project
) -> None:
    dataset(project, 3, subjects=8)
    answer = owner_client.get(f"/projects/{project.pk}/export.csv?validation=20")
    late = make_image(project)
    text = b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]
    sides = {row["name"]: row["split"] for row in csv.DictReader(io.StringIO(text))}
    assert sides.get(late.name, "train") == "train"
    assert set(sides.values()) == {"train", "validation"}


def test_a_split_takes_as_many_queries_for_many_images_as_for_few(
    owner_client: Client,
    project: Project,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    dataset(project, 5)
    pairs_of(project)
    with django_assert_max_num_queries(9):
        rows_of(owner_client, project, "validation=20")
