"""A project of photos that arrives half labeled, so that the first suggestions show something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from django.contrib.auth.models import User

from ..errors import Refusal
from ..models import Project, Upload
from .disk import add_from_disk
from .projects import create_project
from .uploads import finish_upload, start_upload


def find_demo(user: User, name: str) -> Project | None:
    """Return the person's live project of that name, if it is there and loaded to the end."""
    project = Project.objects.live().filter(owner=user, name=name).first()
    return project if project and not _half_loaded(project) else None


def _half_loaded(project: Project) -> bool:
    return project.uploads.filter(state=Upload.State.RECEIVING).exists()


def load_demo(
    user: User, folder: Path, *, name: str, after_chunk: Callable[[int, int], None]
) -> Project:
    """Make a project of a folder that holds a folder of photos for each label.

    Every second photo of each folder, by name, gets its label; the others come without. Loading it
    again after an interruption adds what is missing. Queueing the worker is left to `after_chunk`,
    which is told how many files are done and how many there are.

    Raises:
        Refusal: there is no such folder, or there are no photos in it.
    """
    labeled, unlabeled = split(folder)
    project = _project_to_fill(user, name)
    by_folder = start_upload(
        project, user, kind=Upload.Kind.FOLDER, label_by_folder=True, announced=len(labeled)
    )
    without = start_upload(project, user, kind=Upload.Kind.FOLDER, announced=len(unlabeled))
    total = len(labeled) + len(unlabeled)
    done = 0
    # Only the labeled half keeps its folders' names: the others would tell what they are.
    for upload, files in ((by_folder, _with_folder(labeled)), (without, _bare(unlabeled))):
        for results in add_from_disk(upload, files):
            done += len(results)
            after_chunk(done, total)
        finish_upload(upload)
    return project


def split(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files that come with their label and those without, in the order of their names.

    Raises:
        Refusal: there is no such folder, or it holds no folders with files.
    """
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder}.", code="no_folder")
    labeled: list[Path] = []
    unlabeled: list[Path] = []
    for label in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(p for p in label.rglob("*") if p.is_file() and not p.name.startswith("."))
        labeled += files[::2]
        unlabeled += files[1::2]
    if not labeled:
        raise Refusal(
            f"{folder} holds no photos in folders: it needs a folder for each label.",
            code="no_photos",
        )
    return labeled, unlabeled


def _project_to_fill(user: User, name: str) -> Project:
    project = Project.objects.live().filter(owner=user, name=name).first()
    if project is None:
        return create_project(user, name=name, multi_label=False)
    for upload in project.uploads.filter(state=Upload.State.RECEIVING):
        finish_upload(upload)
    return project


def _with_folder(files: Sequence[Path]) -> list[tuple[str, Path]]:
    return [(f"{path.parent.name}/{path.name}", path) for path in files]


def _bare(files: Sequence[Path]) -> list[tuple[str, Path]]:
    return [(path.name, path) for path in files]
