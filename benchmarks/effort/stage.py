"""A data set as a project of the application, uploaded and embedded once, and set back at will."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from django.contrib.auth.models import User
from django.core.files import File
from django.db import connection

from benchmarks.effort.person import Person
from projects.models import Project, Upload
from projects.services import collections, embeddings
from projects.services.label_list import get_or_create_labels
from projects.services.projects import create_project
from projects.services.trash import trash_images
from projects.services.uploads import add_files, finish_upload, start_upload
from similarity.folders import files_under

CHUNK = 50
LEFT_OUT = 0.1
"""Share of the images that each seed goes without, so that runs differ for every strategy."""


@dataclass
class Stage:
    """A project whose images are all embedded and none labeled."""

    name: str
    project_id: int
    user: User
    truth: dict[int, str]
    """The right label of every image, by id."""
    _database: Path
    _kept: Path

    @property
    def project(self) -> Project:
        return Project.objects.get(pk=self.project_id)

    def begin(self, seed: int) -> tuple[Project, Person, np.random.Generator]:
        """Set all back, throw a random tenth of the images away, and send in a new person."""
        connection.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._database}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._kept, self._database)
        collections.forget()
        rng = np.random.default_rng(seed)
        ids = sorted(self.truth)
        out = {int(i) for i in rng.choice(ids, int(LEFT_OUT * len(ids)), replace=False)}
        trash_images(self.project, self.user, out)
        return self.project, Person({i: self.truth[i] for i in ids if i not in out}), rng

    def label_id(self, name: str) -> int:
        """The label of this name, made where it is missing."""
        return get_or_create_labels(self.project, self.user, [name])[0].pk


def make_stage(folder: Path, *, most: int | None) -> Stage:
    """Upload a folder with a folder of images for each label, and embed it, through the services.

    Args:
        folder: the data set.
        most: so many images at most, evenly spaced over the sorted files; None takes all.
    """
    files = [path for path in files_under(folder) if path.parent != folder]
    if most is not None and len(files) > most:
        files = [files[i] for i in np.linspace(0, len(files) - 1, most).round().astype(int)]
    user, _ = User.objects.get_or_create(username="person")
    project = create_project(user, name=folder.name, multi_label=False)
    labels = _upload(project, user, files)
    embeddings.work_off(seconds=3_600.0)
    embedded = project.images.in_dataset().embedded().values_list("pk", flat=True)
    truth = {pk: labels[pk] for pk in embedded}
    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    database = Path(connection.settings_dict["NAME"])
    kept = database.with_name(f"kept-{project.pk}.sqlite3")
    shutil.copyfile(database, kept)
    return Stage(folder.name, project.pk, user, truth, database, kept)


def _upload(project: Project, user: User, files: list[Path]) -> dict[int, str]:
    """Add the files without their labels; return the folder's name by image."""
    upload = start_upload(project, user, kind=Upload.Kind.FOLDER, announced=len(files))
    labels: dict[int, str] = {}
    for chunk in _chunks(files):
        opened = [(f"{at}-{path.name}", path.open("rb")) for at, path in chunk]
        results = add_files(upload, [(name, File(file)) for name, file in opened])
        for (_, path), result in zip(chunk, results, strict=True):
            if result.image_id:
                labels.setdefault(result.image_id, path.parent.name)
        for _, file in opened:
            file.close()
    finish_upload(upload)
    return labels


def _chunks(files: list[Path]) -> Iterator[list[tuple[int, Path]]]:
    numbered = enumerate(files)
    while chunk := list(islice(numbered, CHUNK)):
        yield chunk
