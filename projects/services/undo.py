"""Undo and redo of every kind of act. History is only ever added to.

Undoing an act appends an act of kind UNDO with label changes of its own, and marks the first one
UNDONE. Redoing it reverses what its latest UNDO act did, and so on: each step reverses exactly what
the step before really changed, so images that were left alone once stay left alone.

What is not label changes has a `Reversal` by kind in `REVERSALS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from projects.models import Act, Batch, Label, Project
from projects.services import (
    absences,
    acceptances,
    by_label,
    checks,
    commits,
    edits,
    trash,
    undo_label_list,
)
from projects.services.acts import count, shortened, summarize
from projects.services.label_states import (
    LabelState,
    States,
    chunked,
    from_json,
    read_states,
    with_one_default,
    write_states,
)

Step = Callable[[Act, Act], int]
"""Called with the act and the UNDO act that records the step; returns how many were left alone."""


@dataclass(frozen=True)
class Reversal:
    """What an act of some kind needs beyond its label changes.

    `before_labels` runs before label changes are reversed (labels must live to be given),
    `after_labels` afterwards; each has an undoing and a redoing half.
    """

    undo_before: Step | None = None
    undo_after: Step | None = None
    redo_before: Step | None = None
    redo_after: Step | None = None


REVERSALS: dict[str, Reversal] = {
    Act.Kind.LABEL: Reversal(
        undo_after=undo_label_list.hide_created, redo_before=undo_label_list.revive_created
    ),
    Act.Kind.ADD_LABEL: Reversal(
        undo_after=undo_label_list.hide_added, redo_before=undo_label_list.revive_added
    ),
    Act.Kind.EDIT_LABEL: Reversal(
        undo_after=undo_label_list.unedit, redo_before=undo_label_list.redo_edit
    ),
    Act.Kind.MERGE_LABEL: Reversal(
        undo_before=undo_label_list.revive_deleted, redo_after=undo_label_list.delete_again
    ),
    Act.Kind.DELETE_LABEL: Reversal(
        undo_before=undo_label_list.revive_deleted, redo_after=undo_label_list.delete_again
    ),
    Act.Kind.COMMIT: Reversal(undo_after=commits.reopen, redo_before=commits.close_again),
    Act.Kind.DISCARD: Reversal(undo_after=commits.take_back, redo_after=commits.discard_again),
    Act.Kind.BY_LABEL: Reversal(
        undo_after=by_label.forget_decisions, redo_after=by_label.remember_decisions
    ),
    Act.Kind.REVIEW: Reversal(undo_after=edits.undo_edits, redo_after=edits.redo_edits),
    Act.Kind.ACCEPT: Reversal(undo_after=acceptances.move_back, redo_after=acceptances.move_again),
    Act.Kind.CHECK: Reversal(undo_after=checks.uncheck, redo_before=checks.check_again),
    Act.Kind.TRASH: Reversal(undo_after=trash.restore, redo_before=trash.trash_again),
}


def next_undo(
    project: Project, user: AbstractBaseUser, *, batch: Batch | None = None
) -> Act | None:
    """Return the act that undo would reverse: the person's newest one in effect."""
    stack = Act.objects.stack_of(user.pk, project, batch_id=batch.pk if batch else None)
    return stack.filter(state=Act.State.DONE).order_by("-id").first()


def next_redo(
    project: Project, user: AbstractBaseUser, *, batch: Batch | None = None
) -> Act | None:
    """Return the act that redo would bring back: the last one that was undone."""
    stack = Act.objects.stack_of(user.pk, project, batch_id=batch.pk if batch else None)
    return stack.filter(state=Act.State.UNDONE).order_by("id").first()


def undo(project: Project, user: AbstractBaseUser, *, batch: Batch | None = None) -> Act | None:
    """Undo the person's newest act of the stack; return the UNDO act, None if there is nothing.

    An image whose labels another person changed since is left alone, and the summary says how many.

    Raises:
        Conflict: the act cannot be undone as things are; the sentence says what to do.
    """
    with transaction.atomic():
        project.raise_revision()
        act = next_undo(project, user, batch=batch)
        return _step(act, Act.State.UNDONE, "Undid") if act else None


def redo(project: Project, user: AbstractBaseUser, *, batch: Batch | None = None) -> Act | None:
    """Do again what the person undid last; return the UNDO act, None if there is nothing."""
    with transaction.atomic():
        project.raise_revision()
        act = next_redo(project, user, batch=batch)
        return _step(act, Act.State.DONE, "Redid") if act else None


def _step(act: Act, state: Act.State, verb: str) -> Act:
    latest = act.undos.order_by("-id").first() or act
    record = Act.objects.create(
        project=act.project,
        user=act.user,
        batch=act.batch,
        kind=Act.Kind.UNDO,
        summary=shortened(f"{verb}: {act.summary}"),
        undoes=act,
    )
    reversal = REVERSALS.get(act.kind, Reversal())
    undoing = state == Act.State.UNDONE
    first = reversal.undo_before if undoing else reversal.redo_before
    last = reversal.undo_after if undoing else reversal.redo_after
    left = first(act, record) if first else 0
    alone = reverse_label_changes(latest, record)
    absences.restore(act, latest, but=alone)
    if undoing:
        absences.take_back(act, record, but=alone)
    left += len(alone)
    left += last(act, record) if last else 0
    act.state = state
    act.save(update_fields=["state"])
    if left:
        summarize(
            record,
            f"{verb}: {act.summary}. {count(left, 'image was', 'images were')} changed since and "
            "left as they are.",
        )
    return record


def reverse_label_changes(done: Act, record: Act) -> set[int]:
    """Take back the label changes of an act as part of another; return the images left alone."""
    changes: dict[int, dict[int, tuple[LabelState | None, LabelState | None]]] = {}
    rows = done.changes.order_by("id").values_list("image", "label", "before", "after")
    for image_id, label_id, before, after in rows.iterator(chunk_size=2000):
        pair = (from_json(before), from_json(after))
        changes.setdefault(image_id, {})[label_id] = pair
    live = set(Label.objects.live().filter(project=done.project_id).values_list("pk", flat=True))
    single = not record.project.multi_label
    left: set[int] = set()
    for chunk in chunked(changes):
        now = read_states(record.project_id, chunk)
        then: dict[int, States] = {}
        for image_id, states in now.items():
            restored = _restored(states, changes[image_id], live)
            if restored is None or (single and len(restored) > max(1, len(states))):
                left.add(image_id)
            else:
                then[image_id] = restored
        write_states(record, {pk: now[pk] for pk in then}, then)
    return left


def _restored(
    states: States,
    changes: dict[int, tuple[LabelState | None, LabelState | None]],
    live: set[int],
) -> States | None:
    """Return the labels as they were before the changes, or None if they were changed since."""
    restored = dict(states)
    for label_id, (before, after) in changes.items():
        if not _is_as_left(states.get(label_id), before, after):
            return None
        restored.pop(label_id, None)
        if before is not None:
            if label_id not in live:
                return None
            restored[label_id] = before
    prefer = [pk for pk, (before, _) in changes.items() if before and before.is_default]
    oldest_first = sorted(restored.items(), key=lambda item: item[1].labeled_at)
    return with_one_default(dict(oldest_first), prefer=prefer)


def _is_as_left(
    now: LabelState | None, before: LabelState | None, after: LabelState | None
) -> bool:
    if now is None or after is None:
        return now is after
    if before is None or not before.same_giving(after):
        return now.same_giving(after)
    return now == after
