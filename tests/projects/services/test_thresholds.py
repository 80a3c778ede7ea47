"""Thresholds per label in a project: what they are chosen from, and what they tick."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from projects.errors import Conflict, Refusal
from projects.models import Image, Label, Project
from projects.services import batches, collections, thresholds
from projects.services.indexes import labeled_index
from projects.services.labels import mark_rest_absent
from projects.services.suggestions import controls_of, hits_of, search, suggest
from projects.services.thresholds import choose, refresh, truth
from projects.services.ticks import Controls, suggested_ticks
from similarity.encoders import DEFAULT_ENCODER, load_encoder
from similarity.folders import embed_files
from similarity.suggest import Suggestion, vote
from similarity.thresholds import choose_thresholds, micro_f1
from tests.projects.services.test_suggestions import batch_of
from tests.reviews import direction, make_image, make_label, near, put_label, three_classes

pytestmark = pytest.mark.django_db


@pytest.fixture
def several(project: Project) -> Project:
    project.multi_label = True
    project.save()
    return project


def mixed(project: Project, number: int = 24) -> tuple[list[Label], list[Image]]:
    """Images between two classes each, labeled with both or one of them."""
    rng = np.random.default_rng(3)
    labels = [make_label(project, name) for name in ("cat", "dog", "owl")]
    images = []
    for at in range(number):
        one, other = at % 3, (at + 1 + at // 3) % 3
        vector = direction(one) + direction(other) + rng.normal(scale=0.2, size=32)
        carried = [labels[one], *([labels[other]] if one != other else [])]
        images.append(make_image(project, vector / np.linalg.norm(vector), *carried))
    return labels, images


def test_a_label_is_ticked_from_its_own_threshold() -> None:
    suggestions = [Suggestion(1, 60.0), Suggestion(2, 20.0), Suggestion(3, 10.0)]
    controls = Controls(10, 30.0, False, False, {1: 60.1, 2: 20.0})
    assert suggested_ticks(suggestions, controls) == (2,)
    assert suggested_ticks(suggestions, Controls(10, 30.0, False, False)) == (1,)
    assert suggested_ticks(suggestions, Controls(10, 10.0, False, False, {})) == (1, 2, 3)
    assert suggested_ticks(suggestions, Controls(10, 10.0, True, False, {1: 61.0})) == ()


def test_thresholds_are_chosen_from_scores_that_leave_each_image_out(several: Project) -> None:
    labels, images = mixed(several)
    chosen = choose(several, k=5)
    whole = collections.collection(several)
    ids = [image.pk for image in images]
    scores = np.zeros((24, 3), np.float32)
    column = {label.pk: at for at, label in enumerate(labels)}
    for row, hits in enumerate(hits_of(ids, whole, labeled_index(several), k=5)):
        assert ids[row] not in [int(i) for i, _ in hits]
        carried = [
            list(Image.objects.get(pk=int(i)).image_labels.values_list("label", flat=True))
            for i, _ in hits
        ]
        for each in vote([s for _, s in hits], carried):
            scores[row, column[each.label]] = each.score / 100
    carries = np.zeros((24, 3), np.int8)
    for row, image in enumerate(images):
        for pk in image.image_labels.values_list("label", flat=True):
            carries[row, column[pk]] = 1
    expected = choose_thresholds(scores, carries)
    assert [each.percent for each in chosen.labels] == pytest.approx(
        (100 * expected.per_label).tolist(), abs=0.06
    )
    assert [each.examples for each in chosen.labels] == expected.examples.tolist()
    assert (chosen.images, chosen.k, chosen.revision) == (24, 5, several.revision)


def test_where_nobody_said_what_is_absent_it_is_assumed(several: Project) -> None:
    _labels, images = mixed(several)
    assert choose(several, k=10).assumed
    mark_rest_absent(several, several.owner, [image.pk for image in images[:9]])
    assert choose(several, k=10).assumed, "nine decided images are too few"
    mark_rest_absent(several, several.owner, [images[9].pk, images[10].pk])
    chosen = choose(several, k=10)
    assert (chosen.images, chosen.assumed) == (11, False)


def test_an_image_that_carries_nothing_counts_too(several: Project) -> None:
    mixed(several)
    nothing = [make_image(several, near(9, np.random.default_rng(1))) for _ in range(10)]
    mark_rest_absent(several, several.owner, [image.pk for image in nothing])
    assert truth(several, [nothing[0].pk]).matrix.tolist() == [[0, 0, 0]]
    assert choose(several, k=10).images == 10


def test_images_out_of_the_dataset_and_without_a_vector_do_not_count(several: Project) -> None:
    labels, images = mixed(several)
    make_image(several, None, labels[0])
    Image.objects.filter(pk=images[0].pk).update(state=Image.State.TRASH)
    several.raise_revision()
    assert choose(several, k=10).images == 23


def test_too_few_labeled_images_are_refused_with_what_to_do(several: Project) -> None:
    mixed(several, 9)
    batch = batch_of(several, [make_image(several, direction(0))])
    with pytest.raises(Conflict, match="at least 10 labeled images, and there are 9"):
        batches.set_controls(batch, k=10, threshold=30, top_only=False, per_label=True)
    batch.refresh_from_db()
    assert not batch.per_label


def test_a_single_label_project_has_one_threshold(project: Project) -> None:
    _labels, images = three_classes(project)
    batch = batch_of(project, images)
    with pytest.raises(Refusal, match="one label"):
        batches.set_controls(batch, k=10, threshold=30, top_only=True, per_label=True)


def test_of_many_images_the_same_are_drawn_each_time(
    several: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thresholds, "MOST_IMAGES", 12)
    mixed(several)
    first = choose(several, k=10)
    assert first.images == 12
    assert choose(several, k=10) == first


def test_a_batch_keeps_its_thresholds_until_labels_or_k_move(several: Project) -> None:
    labels, images = mixed(several)
    batch = batch_of(several, [make_image(several, direction(0))])
    search(batch)
    batches.set_controls(batch, k=10, threshold=100, top_only=False)
    move = batches.set_controls(batch, k=10, threshold=100, top_only=False, per_label=True)
    chosen = batch.chosen
    assert controls_of(batch).per_label == batch.chosen_thresholds()
    assert move.changed == len(move.rows[0].ticked) > 0
    assert move.rows[0].labels[0].threshold == batch.chosen_thresholds()[labels[0].pk]
    refresh(batch)
    assert batch.chosen is chosen
    batches.set_controls(batch, k=3, threshold=100, top_only=False, per_label=True)
    assert batch.chosen["k"] == 3
    put_label(images[0], next(e for e in labels if not images[0].image_labels.filter(label=e)))
    refresh(batch)
    assert batch.chosen["revision"] == Project.objects.get(pk=several.pk).revision
    batches.set_controls(batch, k=3, threshold=100, top_only=False)
    assert controls_of(batch).per_label is None
    assert suggest(batch)[0].ticked == ()


def test_labels_made_after_the_choice_have_the_one_threshold(several: Project) -> None:
    mixed(several)
    batch = batch_of(several, [make_image(several, direction(0))])
    batches.set_controls(batch, k=10, threshold=40, top_only=False, per_label=True)
    late = make_label(several, "late")
    assert controls_of(batch).threshold_of(late.pk) == 40


def test_the_next_batch_goes_on_with_thresholds_per_label(several: Project) -> None:
    mixed(several)
    waiting = [make_image(several, direction(at % 3)) for at in range(20)]
    first = batch_of(several, waiting[:5])
    batches.set_controls(first, k=10, threshold=30, top_only=False, per_label=True)
    following = batches.next_batch(several, several.owner, 10)
    assert following.per_label
    assert following.chosen is None
    refresh(following)
    assert len(following.chosen_thresholds()) == 3
    several.multi_label = False
    several.save()
    assert not batches.create_from_images(several, several.owner, [waiting[0].pk]).per_label


def test_playing_cards_get_better_labels_than_with_thirty_percent(
    several: Project, shared_data: Path, encoder_folder: Path
) -> None:
    """The whole way: 70 labeled cards, the other 70 in a batch, with and without the checkbox."""
    folder = shared_data / "cards_multilabel"
    with (folder / "labels.csv").open() as file:
        names = {row["file"]: row["labels"].split("|") for row in csv.DictReader(file)}
    encoder = load_encoder(DEFAULT_ENCODER, folder=encoder_folder)
    paths = [folder / "images" / name for name in sorted(names)]
    read = embed_files(
        paths, encoder, threads=1, on_refused=lambda *_: None, on_progress=lambda _: None
    )
    labels = {
        n: make_label(several, n) for n in sorted({e for each in names.values() for e in each})
    }
    order = np.random.default_rng(0).permutation(len(read.paths))
    images = {}
    for place, row in enumerate(order):
        carried = [labels[name] for name in names[read.paths[row].name]] if place < 70 else []
        images[int(row)] = make_image(several, read.embeddings[row], *carried)
    queries = [int(row) for row in order[70:]]
    batch = batch_of(several, [images[row] for row in queries])
    search(batch)

    def f1() -> float:
        ticked = np.array([[e.pk in row.ticked for e in labels.values()] for row in suggest(batch)])
        true = [[n in names[read.paths[row].name] for n in labels] for row in queries]
        return micro_f1(ticked, np.array(true, np.int8))

    plain = f1()
    batches.set_controls(batch, k=10, threshold=30, top_only=False, per_label=True)
    assert f1() > plain + 0.1
