"""A wrong label found among the evidence is mended where it was found."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from projects.errors import Conflict
from projects.models import Act, Image, Label, Project

from .acts import begin_act, summarize
from .carried import labels_by_image
from .labels import Given, apply_labels, get_or_create_labels


def correct_label(
    project: Project,
    user: AbstractBaseUser,
    image_id: int,
    *,
    right: Label | str,
    wrong: Label | None = None,
) -> Act | None:
    """Give an image of the dataset the right label, as one act of the project's undo stack.

    Args:
        right: the label, or the name of one that is made if it is missing.
        wrong: the label it takes the place of; without it the right one comes in addition. In a
            single-label project the right one is all the image carries either way.

    Returns:
        The act, or None where the image is labeled so already.

    Raises:
        Conflict: the image is no longer in the dataset.
    """
    with transaction.atomic():
        act = begin_act(project, user, kind=Act.Kind.LABEL, summary="Correcting a label")
        image = Image.objects.in_dataset().filter(project=project, pk=image_id).first()
        if image is None:
            raise Conflict(
                "That image is no longer in the dataset; reload the page.", code="image_gone"
            )
        known = set(Label.objects.live().filter(project=project).values_list("pk", flat=True))
        label = right if isinstance(right, Label) else _named(project, user, right)
        carried = [
            pk
            for pk in labels_by_image({image.pk}).get(image.pk, ())
            if project.multi_label and pk not in {label.pk, wrong.pk if wrong else None}
        ]
        givens = [Given(pk) for pk in (label.pk, *carried)]
        if apply_labels(act, {image.pk: givens}, mode="set"):
            act.payload = {"created": [label.pk]} if label.pk not in known else {}
            instead = f" instead of {wrong.name}" if wrong else ""
            summarize(act, f"Labeled {image.name} as {label.name}{instead}")
            return act
        transaction.set_rollback(True)
    project.refresh_from_db(fields=["revision"])
    return None


def _named(project: Project, user: AbstractBaseUser, name: str) -> Label:
    return get_or_create_labels(project, user, [name])[0]
