"""A person at our pages: every step is the service call that the page makes."""

from __future__ import annotations

from benchmarks.effort.person import Person
from benchmarks.effort.stage import Stage
from projects.models import Batch, ImageLabel, Label, Project
from projects.services import acceptances, batches, by_label, checks, edits, offers
from projects.services.by_label import Decision, Tile
from projects.services.commits import commit
from projects.services.first import Order, how_many_first
from projects.services.suggestions import search, suggest

BATCH = 50
ALLOWED = 0.01
"""Share that may be wrong of what is accepted without a look."""
LEAST_ACCEPTED = 20
"""Fewer are looked at on a sheet in the time that the check of a sample takes."""
ASK_EVERY = 5
"""Acts between two looks at how many could be accepted."""


def review_by_label(stage: Stage, seed: int) -> Person:
    """Label these first by hand; then scan sheets, and at the first wrong tile press its label.

    That corrects the tile and accepts everything before it, and the rest is suggested anew.
    """
    project, person, _ = stage.begin(seed)
    label_first(stage, person)
    while (project := stage.project) and (shown := by_label.sheet(project)).left:
        _one_act(stage, project, person, shown.tiles)
    person.errors = _errors(person)
    return person


def accept_at_one_percent(stage: Stage, seed: int) -> Person:
    """The same, but whatever 1 % allowed error lets through is accepted without a look.

    The sample that comes back is checked, and what is wrong in it corrected.
    """
    project, person, rng = stage.begin(seed)
    label_first(stage, person)
    turn = 0
    while (project := stage.project) and (shown := by_label.sheet(project)).left:
        turn += 1
        offer = offers.offer(project, allowed=ALLOWED) if turn % ASK_EVERY == 0 else None
        if offer and offer.number >= LEAST_ACCEPTED:
            act = acceptances.accept(
                project, stage.user, allowed=ALLOWED, seen=offer.version, rng=rng
            )
            person.accept()
            _check_sample(stage, person, Batch.objects.get(pk=act.payload["batch"]))
        else:
            _one_act(stage, project, person, shown.tiles)
    person.errors = _errors(person)
    return person


def _check_sample(stage: Stage, person: Person, batch: Batch) -> None:
    sample = checks.sample_of(batch)
    names = dict(Label.objects.filter(project=batch.project).values_list("pk", "name"))
    wrong: dict[int, int | str | None] = {}
    for shown in sample:
        accepted = names[shown.item.suggested[0]]
        if accepted != person.truth[shown.item.image_id]:
            person.acts["select"] += 1
            wrong[shown.item.pk] = stage.label_id(person.give(shown.item.image_id))
    checks.check(batch, stage.user, shown=[each.item.pk for each in sample], wrong=wrong)
    person.commit()


def _errors(person: Person) -> int:
    """Images that do not carry their right label in the end."""
    carried = ImageLabel.objects.filter(image__in=list(person.truth)).values_list(
        "image_id", "label__name"
    )
    right = {image_id for image_id, name in carried if person.truth[image_id] == name}
    return len(person.truth) - len(right)


def label_first(stage: Stage, person: Person) -> None:
    """Label by hand the images that stand for the rest, as a batch of the review page."""
    project = stage.project
    batch = batches.next_batch(
        project, stage.user, how_many_first(project.labels.count()), order=Order.TYPICAL
    )
    for row in suggest(batch):
        name = person.give(row.image.pk)
        edits.offer_label(batch, stage.user, row.item.pk, name)
    commit(batch, stage.user)
    person.commit()


def _one_act(stage: Stage, project: Project, person: Person, tiles: tuple[Tile, ...]) -> None:
    """One key or button: up to and with the first wrong tile, or everything that may be accepted.

    What is unlike everything labeled stands last and is never accepted as it stands: each such
    tile is given its label.
    """
    names = dict(Label.objects.live().filter(project=project).values_list("pk", "name"))
    decisions: list[Decision] = []
    for tile in tiles:
        right = person.truth[tile.image.pk]
        if not tile.unlike and names[tile.label_id] == right:
            decisions.append(_decision(tile, tile.label_id))
            continue
        if tile.unlike and decisions:
            person.accept()
            break
        offered = [names[each] for each in (tile.label_id, *tile.others) if each in names]
        given = person.give(tile.image.pk, offered)
        decisions.append(_decision(tile, stage.label_id(given)))
        break
    else:
        person.accept()
    by_label.decide(stage.project, stage.user, decisions)


def _decision(tile: Tile, chosen: int) -> Decision:
    return Decision(tile.image.pk, tile.label_id, chosen, tile.probability)


def review_batches(stage: Stage, seed: int) -> Person:
    """Mixed batches of 50 on the review page with its default vote: what issue-free habit does."""
    project, person, _ = stage.begin(seed)
    label_first(stage, person)
    while (project := stage.project) and project.images.in_dataset().unlabeled().exists():
        batch = batches.next_batch(project, stage.user, BATCH)
        batch.threshold = 0.0
        batch.save(update_fields=["threshold"])
        search(batch)
        for row in suggest(batch):
            names = [each.label.name for each in row.labels]
            right = person.truth[row.image.pk]
            if not row.top or row.top.label.name != right:
                edits.offer_label(batch, stage.user, row.item.pk, person.tick(row.image.pk, names))
        commit(batch, stage.user)
        person.commit()
    return person
