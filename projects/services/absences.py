"""Which labels people said images do not carry: said, taken back, and read.

What nobody said is unknown. An absence says which act made it and which act took it back, so undo
needs nothing else (see docs/decisions/0044-absent-and-unknown.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db.models import Exists, OuterRef, Q

from projects.models import AbsentLabel, Act, Image, ImageLabel, Label, Project
from projects.services.label_states import chunked

MOST_DECIDED = 100
"""Labels that a person is taken to have thought of at each row of a review. Where there are more,
only removed ticks say something. A full review of so many labels writes 50,000 rows: 3 s."""


def live_label_ids(project: Project) -> list[int]:
    """Return the labels of the project's list, in its order."""
    return list(Label.objects.live().filter(project=project).values_list("pk", flat=True))


def mark_absent(act: Act, wanted: Mapping[int, Collection[int]]) -> int:
    """Write down, as part of an act, that images do not carry labels; count the images changed.

    `wanted` maps image ids to label ids. Labels that an image carries, and those that are absent
    already, are passed over; so are images that are not of the act's project. Call it inside the
    transaction that `begin_act` locked.
    """
    changed = 0
    for chunk in chunked(wanted):
        known = known_pairs(act.project_id, chunk)
        rows = [
            AbsentLabel(image_id=pk, label_id=label_id, act=act)
            for pk, known_labels in known.items()
            for label_id in wanted[pk]
            if label_id not in known_labels
        ]
        AbsentLabel.objects.bulk_create(rows, batch_size=5_000)
        changed += len({row.image_id for row in rows})
    return changed


def known_pairs(project_id: int, image_ids: Sequence[int]) -> dict[int, dict[int, bool]]:
    """Return what is known of images of the project: label id to whether it is carried.

    At most `label_states.CHUNK` ids. Three queries. Labels that were deleted are among them.
    """
    images = Image.objects.filter(project=project_id, pk__in=image_ids)
    known: dict[int, dict[int, bool]] = {pk: {} for pk in images.values_list("pk", flat=True)}
    absent = AbsentLabel.objects.in_effect().filter(image__in=image_ids)
    carried = ImageLabel.objects.filter(image__in=image_ids)
    # Carried last: it counts, should both stand there.
    for rows, value in ((absent, False), (carried, True)):
        for image_id, label_id in rows.values_list("image", "label"):
            if image_id in known:
                known[image_id][label_id] = value
    return known


def absent_labels_of(image: Image) -> list[Label]:
    """Return the live labels that somebody said the image does not carry, in the list's order."""
    said = AbsentLabel.objects.in_effect().filter(image=image).values("label")
    return list(Label.objects.live().filter(pk__in=said))


def keep_where_all_are_absent(act: Act, gone: Sequence[Label], into: Label) -> None:
    """Part of merging labels: `into` stays absent only where every one of them was."""
    for label in gone:
        same_image = AbsentLabel.objects.in_effect().filter(label=label, image=OuterRef("image"))
        said = AbsentLabel.objects.in_effect().filter(label=into)
        doubtful = list(said.exclude(Exists(same_image)).values_list("pk", flat=True))
        for chunk in chunked(doubtful):
            AbsentLabel.objects.filter(pk__in=chunk).update(taken_by=act)


def take_back(act: Act, record: Act, *, but: Collection[int]) -> None:
    """Part of undoing an act: what it said is taken back.

    Args:
        but: images that undo left alone, since somebody changed their labels meanwhile.
    """
    said = AbsentLabel.objects.in_effect().filter(act=act).values_list("pk", "image")
    for chunk in chunked([pk for pk, image_id in said if image_id not in but]):
        AbsentLabel.objects.filter(pk__in=chunk).update(taken_by=record)


def restore(act: Act, step: Act, *, but: Collection[int]) -> None:
    """Part of undoing or redoing an act: what one step of it took back holds again.

    Left as it is where the image carries the label by now, or where the act that said it is undone.

    Args:
        step: the act itself, or the UNDO act that is reversed.
    """
    taken = AbsentLabel.objects.filter(taken_by=step)
    holding = taken.filter(Q(act=act) | Q(act__state=Act.State.DONE))
    rows = list(holding.values_list("pk", "image", "label"))
    for chunk in chunked(image_id for image_id in {row[1] for row in rows} - set(but)):
        known = known_pairs(act.project_id, chunk)
        back = [pk for pk, image, label in rows if image in known and label not in known[image]]
        for part in chunked(back):
            AbsentLabel.objects.filter(pk__in=part).update(taken_by=None)
