"""Deleting images, which undo brings back."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from projects.errors import Refusal
from projects.models import Act, Image, Project
from projects.services.acts import begin_act, count, summarize
from projects.services.label_states import chunked
from projects.services.labels import Images, image_ids
from projects.services.names import unique_names


def trash_images(project: Project, user: AbstractBaseUser, images: Images) -> Act:
    """Take images out of the dataset as one act. Their labels and files stay until they are purged.

    Raises:
        Refusal: none of them is in the dataset.
    """
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.TRASH, summary="Deleted images")
        thrown = _throw_away(act, image_ids(images))
        if not thrown:
            raise Refusal("Those images are deleted already.", code="nothing_to_delete")
        act.payload = {"images": thrown}
        summarize(act, f"Deleted {count(len(thrown), 'image')}")
    return act


def _throw_away(act: Act, ids: list[int]) -> list[int]:
    thrown: list[int] = []
    for chunk in chunked(ids):
        there = Image.objects.in_dataset().filter(project=act.project_id, pk__in=chunk)
        found = list(there.values_list("pk", flat=True))
        Image.objects.filter(pk__in=found).update(
            state=Image.State.TRASH, trashed_at=timezone.now(), trashed_by=act
        )
        thrown += found
    return thrown


def restore(act: Act, _record: Act) -> int:
    """Undo of `trash_images`."""
    return len(act.payload["images"]) - put_back(act, state=Image.State.DATASET)


def put_back(act: Act, *, state: Image.State) -> int:
    """Return to a state what still lies in the trash because of this act; say how many.

    Where another image has taken the name meanwhile, this one gets ` (2)`.
    """
    there = Image.objects.filter(trashed_by=act, state=Image.State.TRASH)
    rows = list(there.values_list("pk", "name", "content_hash"))
    free = unique_names(
        [(name, digest) for _, name, digest in rows],
        lambda names: _taken_names(act.project_id, sorted(names)),
    )
    for (pk, name, _), other in zip(rows, free, strict=True):
        if other != name:
            Image.objects.filter(pk=pk).update(name=other)
    for chunk in chunked(pk for pk, _, _ in rows):
        Image.objects.filter(pk__in=chunk).update(state=state, trashed_at=None, trashed_by=None)
    return len(rows)


def trash_again(act: Act, _record: Act) -> int:
    """Redo of `trash_images`."""
    ids = act.payload["images"]
    return len(ids) - len(_throw_away(act, ids))


def _taken_names(project_id: int, names: list[str]) -> set[str]:
    taken: set[str] = set()
    for start in range(0, len(names), 900):
        same = Image.objects.kept().filter(project=project_id, name__in=names[start : start + 900])
        taken.update(same.values_list("name", flat=True))
    return taken
