"""Labels that an upload gives: to all its files, or to each the name of its folder."""

from __future__ import annotations

from collections.abc import Sequence

from projects.errors import Refusal
from projects.models import Act, Image, ImageLabel, Label, Project, Upload
from projects.models.labels import name_key
from projects.services.acts import begin_act, count, summarize
from projects.services.labels import Given, apply_labels, get_or_create_labels
from projects.services.names import folder_label


def give_labels(upload: Upload, project: Project, images: Sequence[Image]) -> dict[int, str]:
    """Give the labels of the upload to images it added, inside the caller's transaction.

    Returns:
        For images whose folder cannot be a label, why not, by image id.
    """
    if not images or not upload.user or not (upload.labels or upload.label_by_folder):
        return {}
    everyone = get_or_create_labels(project, upload.user, upload.labels)
    by_folder, notes = _folder_labels(upload, project, images)
    wanted = {
        image.pk: [Given(label.pk) for label in (*everyone, *by_folder.get(image.pk, ()))]
        for image in images
    }
    wanted = {pk: givens for pk, givens in wanted.items() if givens}
    if wanted:
        act = _act_of(upload, project)
        apply_labels(act, wanted, mode="add", source=ImageLabel.Source.IMPORT)
        act.payload["images"] = act.payload.get("images", 0) + len(wanted)
        summarize(act, f"Labeled {count(act.payload['images'], 'image')} at upload")
    return notes


def _folder_labels(
    upload: Upload, project: Project, images: Sequence[Image]
) -> tuple[dict[int, list[Label]], dict[int, str]]:
    """Return the label of each image's innermost folder; files at the top get none."""
    if not upload.label_by_folder or not upload.user:
        return {}, {}
    names = {image.pk: folder_label(image.path) for image in images}
    distinct = sorted({name for name in names.values() if name})
    try:
        found = get_or_create_labels(project, upload.user, distinct)
    except Refusal as problem:
        note = f"Added without the label of its folder: {problem}"
        return {}, {pk: note for pk, name in names.items() if name}
    by_name = {label.name_key: label for label in found}
    return {pk: [by_name[name_key(name)]] for pk, name in names.items() if name}, {}


def _act_of(upload: Upload, project: Project) -> Act:
    """Return the one act that gives this upload's labels, so that one undo takes them all.

    Where the person undid it while files were still coming, the rest begins another.
    """
    if upload.label_act_id:
        act = Act.objects.filter(pk=upload.label_act_id, state=Act.State.DONE).first()
        if act:
            project.raise_revision()
            return act
    assert upload.user  # noqa: S101
    act = begin_act(
        project,
        upload.user,
        kind=Act.Kind.LABEL,
        summary="Labeled images at upload",
        payload={"upload": upload.pk},
    )
    upload.label_act = act
    upload.save(update_fields=["label_act"])
    return act
