"""Methods other than the vote: what they suggest under review, and what they never look at."""

from __future__ import annotations

import json

import numpy as np
import pytest

from projects.errors import Refusal
from projects.models import Batch, Image, Label, Project
from projects.services import batches, collections, commits, edits
from projects.services.opinions import LEAST_SCORE, reason_of, suggestions_of
from projects.services.review_rows import RowState
from projects.services.suggestions import search, suggest
from projects.services.teaching import taught
from projects.services.thresholds import Chosen, choose
from projects.services.ticks import Controls
from similarity.methods import METHODS, Graph, Head, targets_of
from similarity.thresholds import choose_thresholds
from tests.projects.services.test_suggestions import batch_of, plain_ticks
from tests.reviews import direction, make_image, make_label, near, put_label, three_classes

pytestmark = pytest.mark.django_db

OTHERS = [name for name in METHODS if name != "neighbours"]
Plain = dict[int, list[tuple[int, float]]]


def plain_suggestions(project: Project, method: str, images: list[Image]) -> Plain:
    """What a method says of each image, by one fit and one look each."""
    project = Project.objects.get(pk=project.pk)
    whole, labeled = collections.collection(project), collections.labeled(project)
    carried = [
        list(Image.objects.get(pk=pk).image_labels.values_list("label", flat=True))
        for pk in labeled.image_ids.tolist()
    ]
    labels = sorted({label for each in carried for label in each})
    unlabeled = project.images.in_dataset().unlabeled().embedded().order_by("content_hash")
    pool = whole.centered(whole.rows(unlabeled.values_list("pk", flat=True)))
    fitted = METHODS[method]().fit(labeled.centered(), targets_of(carried, labels), pool=pool)
    found = {}
    for image in images:
        row = int(labeled.rows([image.pk])[0])
        if row < 0:
            scores = fitted.scores(whole.centered(whole.rows([image.pk])))[0]
        else:
            scores = fitted.leave_one_out(np.array([row]))[0]
        pairs = sorted(
            (
                (-round(100 * float(score), 1), label)
                for label, score in zip(labels, scores, strict=True)
            ),
        )
        found[image.pk] = [
            (label, -score)
            for at, (score, label) in enumerate(pairs)
            if -score >= LEAST_SCORE or (at == 0 and score < 0)
        ]
    return found


def use(batch: Batch, method: str, **knobs):
    controls = {"k": 10, "threshold": 30, "top_only": not batch.project.multi_label, **knobs}
    return batches.set_controls(batch, method=method, **controls)


@pytest.fixture
def mixed(project: Project) -> tuple[list[Label], list[Image], Batch]:
    """Three classes with wide spread, so that methods differ; two of the queries are labeled."""
    rng = np.random.default_rng(8)
    labels = [make_label(project, name) for name in ("cat", "dog", "owl")]
    shown = [make_image(project, near(at % 3, rng, 0.25), labels[at % 3]) for at in range(24)]
    images = [make_image(project, near(at % 3, rng, 0.25)) for at in range(9)]
    batch = batch_of(project, [*images, shown[0], shown[1]])
    search(batch)
    return labels, [*images, shown[0], shown[1]], batch


@pytest.mark.parametrize("method", OTHERS)
def test_scores_and_their_order_are_those_of_the_plain_definition(
    project: Project, mixed, method: str
) -> None:
    _, images, batch = mixed
    rows = use(batch, method).rows
    plain = plain_suggestions(project, method, images)
    for row in rows:
        made = [(each.label.pk, each.score) for each in row.labels]
        assert [label for label, _ in made] == [label for label, _ in plain[row.image.pk]]
        np.testing.assert_allclose(
            [s for _, s in made], [s for _, s in plain[row.image.pk]], atol=0.11
        )


def test_the_methods_do_not_all_say_the_same(mixed) -> None:
    batch = mixed[2]
    said = {
        method: tuple((e.label.pk, e.score) for row in use(batch, method).rows for e in row.labels)
        for method in METHODS
    }
    assert len(set(said.values())) == len(METHODS)


@pytest.mark.parametrize("method", OTHERS)
@pytest.mark.parametrize("multi_label", [False, True])
def test_threshold_and_top_only_act_on_a_methods_scores(
    project: Project, mixed, method: str, multi_label: bool
) -> None:
    project.multi_label = multi_label
    project.save()
    _, images, batch = mixed
    batch.refresh_from_db()
    plain = plain_suggestions(project, method, images)
    for threshold, top_only in [(0, True), (20, not multi_label), (55.5, True), (100, True)]:
        rows = use(batch, method, threshold=threshold, top_only=top_only).rows
        controls = Controls(10, threshold, top_only, not multi_label)
        for row in rows:
            assert set(row.ticked) == plain_ticks(plain[row.image.pk], [], controls)


def test_k_only_decides_how_many_neighbours_are_shown(mixed) -> None:
    batch = mixed[2]
    few, many = use(batch, "head", k=2).rows, use(batch, "head", k=20).rows
    assert [row.labels for row in few] == [row.labels for row in many]
    assert {len(row.neighbours) for row in few} == {2}
    assert {len(row.neighbours) for row in many} == {20}


def test_a_moved_slider_multiplies_nothing_again(mixed, monkeypatch) -> None:
    """Every look at a method is counted: after the first page there is none until labels move."""
    labels, images, batch = mixed
    use(batch, "head")
    asked = []
    fitted = type(taught(Project.objects.get(pk=batch.project_id), "head").fitted)
    plain = fitted.scores
    monkeypatch.setattr(fitted, "scores", lambda *given: asked.append(1) or plain(*given))
    for threshold in range(0, 100, 10):
        use(batch, "head", threshold=threshold)
    suggest(batch)
    assert asked == []
    put_label(images[0], labels[0])
    suggest(batch)
    assert asked


@pytest.mark.parametrize("method", [*OTHERS, "auto"])
def test_an_image_is_never_its_own_evidence(project: Project, method: str) -> None:
    """One that is labeled dog among cats is a cat to the others, and no dog stands behind it."""
    (cat, dog, _), _ = three_classes(project, labeled=12)
    rng = np.random.default_rng(4)
    image = make_image(project, near(0, rng, 0.02), dog)
    batch = batch_of(project, [image])
    search(batch)
    (row,) = use(batch, method, k=30).rows
    assert row.top.label == cat
    shown = [*row.neighbours, *(like.neighbour for like in row.likes)]
    assert image.pk not in {each.image_id for each in shown}


@pytest.mark.parametrize("method", OTHERS)
def test_switching_the_method_keeps_edits_and_says_what_it_changed(
    project: Project, mixed, method: str
) -> None:
    (_, _, owl), _, batch = mixed
    first, second, *_ = [row.item.pk for row in suggest(batch)]
    edits.set_tick(batch, project.owner, first, owl, ticked=True)
    edits.set_tick(batch, project.owner, second, owl, ticked=False)
    before = {row.item.pk: row.ticked for row in suggest(batch)}
    move = use(batch, method)
    after = {row.item.pk: row.ticked for row in move.rows}
    assert (after[first], after[second]) == ((owl.pk,), ())
    assert move.changed == sum(len(set(before[pk]) ^ set(after[pk])) for pk in before)
    assert {row.item.pk: row.ticked for row in use(batch, "neighbours").rows} == before


def test_rows_that_wait_failed_or_are_alone_stay_as_they_are(project: Project) -> None:
    alone = batch_of(project, [make_image(project, direction(0))])
    search(alone)
    assert [row.state for row in use(alone, "head").rows] == [RowState.ALONE]
    assert reason_of(alone) == ""
    three_classes(project)
    failed = make_image(project)
    Image.objects.filter(pk=failed.pk).update(embedding_state="failed", failure_reason="Torn.")
    batch = batch_of(project, [make_image(project), failed])
    search(batch)
    rows = use(batch, "auto").rows
    assert [row.state for row in rows] == [RowState.WAITING, RowState.FAILED]
    assert not any(row.labels or row.probability for row in rows)


def test_a_method_that_does_not_exist_is_refused(mixed) -> None:
    with pytest.raises(Refusal, match="A method is one of auto, neighbours"):
        use(mixed[2], "magic")


def test_the_reason_is_a_sentence_and_the_default_needs_none(mixed) -> None:
    batch = mixed[2]
    assert reason_of(batch) == ""
    use(batch, "class_means")
    assert reason_of(batch) == "Class means, from 24 labeled images."
    use(batch, "auto")
    assert "from 24 labeled images" in reason_of(batch)


def test_the_next_batch_keeps_the_method_that_was_chosen_last(project: Project, mixed) -> None:
    use(mixed[2], "class_means")
    Batch.objects.create(project=project, kind=Batch.Kind.ACCEPTED, method="auto")
    make_image(project, direction(0))
    assert batches.next_batch(project, project.owner, 10).method == "class_means"


def test_rows_left_for_later_keep_the_method(project: Project, mixed) -> None:
    _, images, _ = mixed
    batch = batch_of(project, [images[2], make_image(project)])
    use(batch, "graph")
    rest = commits.commit(batch, project.owner).rest
    assert rest is not None
    assert rest.method == "graph"


def test_a_deleted_label_is_suggested_by_no_method(project: Project, mixed) -> None:
    (cat, *_), _, batch = mixed
    use(batch, "head")
    Label.objects.filter(pk=cat.pk).delete()
    project.raise_revision()
    assert cat.pk not in {each.label.pk for row in suggest(batch) for each in row.labels}


def test_what_scores_little_is_left_out_but_for_the_best() -> None:
    ids = np.array([7, 3, 5], np.int64)
    scores = np.array([0.006, 0.009, 0.0], np.float32)
    assert suggestions_of(scores, ids) == ((3, 0.9),)
    assert suggestions_of(np.array([0.5, 0.5, 0.01], np.float32), ids) == (
        (3, 50.0),
        (7, 50.0),
        (5, 1.0),
    )
    assert suggestions_of(np.zeros(3, np.float32), ids) == ()


@pytest.mark.parametrize("method", OTHERS)
def test_thresholds_per_label_follow_the_method(project: Project, mixed, method: str) -> None:
    project.multi_label = True
    project.save()
    labels, _, batch = mixed
    batch.refresh_from_db()
    use(batch, method, top_only=False, per_label=True)
    chosen = Chosen.of(batch)
    labeled = collections.labeled(Project.objects.get(pk=project.pk))
    lesson = taught(Project.objects.get(pk=project.pk), method)
    truth = np.array(
        [
            [Image.objects.get(pk=pk).image_labels.filter(label=each).exists() for each in labels]
            for pk in sorted(labeled.image_ids.tolist())
        ],
        np.int8,
    )
    rows = labeled.rows(sorted(labeled.image_ids.tolist()))
    plain = choose_thresholds(lesson.fitted.leave_one_out(rows), truth)
    assert chosen.method == method
    assert [each.percent for each in chosen.labels] == pytest.approx(
        100 * plain.per_label, abs=0.06
    )
    assert chosen != choose(project, k=10)
    use(batch, method, k=50, top_only=False, per_label=True)
    assert Chosen.of(batch) == chosen  # nothing votes, so k changes nothing
    use(batch, "neighbours", k=50, top_only=False, per_label=True)
    assert Chosen.of(batch) == choose(Project.objects.get(pk=project.pk), k=50)


def test_thresholds_stored_before_there_were_methods_are_read() -> None:
    stored = {"revision": 1, "k": 10, "images": 12, "assumed": True, "labels": []}
    assert Chosen.of(Batch(chosen=json.loads(json.dumps(stored)))).method == "neighbours"


def test_automatic_says_what_its_choice_says(project: Project) -> None:
    """Of chains of images, where the vote is at a loss: whatever is chosen scores the rows."""
    three_classes(project, labeled=12)
    batch = batch_of(project, list(project.images.unlabeled()))
    search(batch)
    rows = use(batch, "auto").rows
    lesson = taught(Project.objects.get(pk=project.pk), "auto")
    assert isinstance(lesson.method, Head | Graph | type(METHODS["class_means"]()))
    plain = plain_suggestions(project, lesson.method.name, [row.image for row in rows])
    for row in rows:
        assert row.top.label.pk == plain[row.image.pk][0][0]
