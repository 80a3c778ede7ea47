"""Makes a project of up to a million images in seconds to minutes, as the services would leave it.

    python -m benchmarks.generate 1000000 DATA_FOLDER [--vectors | --no-vectors] [--dim 1280]

Rows go in by bulk SQL through the models' own tables, so that they follow every migration:
images in folders by day, 60 labels of uneven size on 40 % of them, their history in acts that can
be undone, uploads with a result for each file, some images that failed or wait, some in the trash.

Files are few: each image has its own content hash, which is where its picture lies, so each of
the first `PICTURED` images is hard-linked (thumbnail and original) to one of a few drawn photos.
The others are answered with the drawing that stands in for a missing thumbnail: what the server
does for a tile is the same but for the bytes.

Vectors are centers of labels plus noise, unit-length; without `--vectors` above 100,000 images
there are none (5 GB at 1,000,000 x 1,280).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.pictures import link_pictures

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import Model

    from projects.models import Label, Project

LABELS = 60
LABELED = 0.4
TWO_EVERY = 10
"""One of so many labeled images carries two labels."""
FAILED = 0.002
PENDING = 0.005
TRASHED = 0.003
PICTURED = 100_000
VECTORS_UP_TO = 100_000
AN_UPLOAD = 20_000
"""Files of one upload: some evenings of a camera."""
AN_ACT = 2_000
"""Images that one act labeled: a selection of a person, not of a script."""
ROWS = 20_000
"""Rows written at once: some tens of megabytes of parameters at most."""
BEGUN = datetime(2024, 1, 1, tzinfo=UTC)
SUBJECTS = (
    "heron", "kingfisher", "wagtail", "dipper", "goosander", "swallow", "buzzard", "kestrel",
    "badger", "fox", "otter", "hare", "roe deer", "hedgehog", "newt", "toad", "adder", "moth",
    "beetle", "bee",
)  # fmt: skip
KINDS = ("", " juvenile", " at night")
CAMERAS = ("IMG", "DSC", "P10", "CAM")


@dataclass(frozen=True)
class Made:
    """A project and what is in it: ids are consecutive, in the order of upload."""

    project: Project
    first_image: int
    images: int
    labels: list[Label]


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Makes a project of many images.", prog="python -m benchmarks.generate"
    )
    parser.add_argument("number", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--vectors", action=argparse.BooleanOptionalAction)
    parser.add_argument("--dim", type=int, default=1280)
    chosen = parser.parse_args()
    vectors = chosen.number <= VECTORS_UP_TO if chosen.vectors is None else chosen.vectors
    set_up(chosen.folder)
    began = time.perf_counter()
    made = generate(chosen.number, dim=chosen.dim if vectors else 0)
    seconds = time.perf_counter() - began
    print(f"Project {made.project.pk}: {made.images:,} images in {seconds:.1f} s")


def set_up(folder: Path) -> None:
    """Use a data folder, new or not: Django with the tables of today."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LABELING_DATA"] = str(folder.resolve())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "labeling.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def generate(number: int, *, dim: int = 0, seed: int = 1, name: str = "") -> Made:
    """Make a project of the local person with `number` images; `dim` 0: without vectors."""
    from django.db import transaction

    from projects.services.local import local_user

    rng = np.random.default_rng(seed)
    _hurry()
    with transaction.atomic():
        made, carried = _rows(number, local_user(), rng, name or f"{number:,} photos")
        if dim:
            _insert_vectors(made, carried, dim, rng)
        _repair_sequences()
    pictured = range(min(number, PICTURED))
    link_pictures(made.project.pk, (content_hash(made, index) for index in pictured))
    return made


def _hurry() -> None:
    """A generated file that a power cut takes is generated again."""
    from django.db import connection

    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA cache_size=-1000000")


def _rows(number: int, user: User, rng: np.random.Generator, name: str) -> tuple[Made, np.ndarray]:
    from django.conf import settings

    from projects.models import Image
    from projects.services.label_list import get_or_create_labels
    from projects.services.projects import create_project

    project = create_project(user, name=name, multi_label=True)
    project.encoder = settings.ENVIRONMENT["LABELING_ENCODER"]
    project.save()
    names = [f"{subject}{kind}" for kind in KINDS for subject in SUBJECTS]
    labels = get_or_create_labels(project, user, names)
    made = Made(project, _next_id(Image), number, labels)
    carried = _labels_of(number, rng)
    uploads = _insert_uploads(made, user)
    _insert_images(made, user, carried, uploads, rng)
    _insert_results(made, uploads)
    _insert_labels(made, user, carried)
    return made, carried


def _labels_of(number: int, rng: np.random.Generator) -> np.ndarray:
    """Which label each image has, by its place in the list; -1: none. Zipf's law, in runs.

    Photos of one thing are taken one after another, and some stretches nobody has labeled yet.
    """
    shares = 1 / np.arange(1, LABELS + 1)
    runs = max(LABELS * 2, number // 25)
    of_run = rng.choice(LABELS, size=runs, p=shares / shares.sum())
    of_run[rng.random(runs) > LABELED] = -1
    lengths = rng.multinomial(number, np.full(runs, 1 / runs))
    return np.repeat(of_run, lengths).astype(np.int16)


def _insert_uploads(made: Made, user: User) -> list[int]:
    from projects.models import Upload

    number = math.ceil(made.images / AN_UPLOAD)
    ids = list(range(_next_id(Upload), _next_id(Upload) + number))
    rows = (
        (pk, made.project.pk, user.pk, "folder", "done", "[]", False, AN_UPLOAD, "", "", 0,
         _time(index * AN_UPLOAD), _time((index + 1) * AN_UPLOAD))
        for index, pk in enumerate(ids)
    )  # fmt: skip
    _insert(
        Upload, "id project_id user_id kind state labels label_by_folder announced archive_name "
        "error attempts created_at finished_at", rows,
    )  # fmt: skip
    return ids


def _time(index: int) -> datetime:
    """When an image came: some hundred a minute, with nights between them."""
    return BEGUN + timedelta(days=index // 3_000, seconds=(index % 3_000) * 0.6)


def file_name(index: int) -> str:
    """Names as cameras give them: by counter, several cameras, so that names are not in order."""
    return f"{CAMERAS[index // 500 % len(CAMERAS)]}_{index:07}.jpg"


def path_of(index: int) -> str:
    return f"{_time(index):%Y/%m-%d}/{file_name(index)}"


def content_hash(made: Made, index: int) -> str:
    return hashlib.sha256(f"{made.project.pk} {index}".encode()).hexdigest()


def _insert_images(
    made: Made, user: User, carried: np.ndarray, uploads: list[int], rng: np.random.Generator
) -> None:
    from projects.models import Image

    chance = rng.random(made.images)

    def rows() -> Iterator[tuple[Any, ...]]:
        for index in range(made.images):
            failed = chance[index] < FAILED
            pending = not failed and chance[index] < FAILED + PENDING
            trashed = chance[index] > 1 - TRASHED
            yield (
                made.first_image + index, made.project.pk, uploads[index // AN_UPLOAD],
                file_name(index), path_of(index), content_hash(made, index), ".jpg",
                40_000 + index % 9_973, 500, 375 + index % 100,
                "trash" if trashed else "dataset",
                bool(carried[index] >= 0),
                made.labels[carried[index]].pk if carried[index] >= 0 else None,
                "failed" if failed else "pending" if pending else "embedded",
                "The file is cut short." if failed else "", 1 if failed else 0,
                user.pk, _time(index), _time(made.images) if trashed else None,
            )  # fmt: skip

    _insert(
        Image, "id project_id upload_id name path content_hash extension byte_size width height "
        "state is_labeled default_label_id embedding_state failure_reason attempts uploaded_by_id "
        "uploaded_at trashed_at", rows(),
    )  # fmt: skip


def _insert_results(made: Made, uploads: list[int]) -> None:
    from projects.models import UploadResult

    rows = (
        (uploads[index // AN_UPLOAD], path_of(index), "added", "", made.first_image + index)
        for index in range(made.images)
    )
    _insert(UploadResult, "upload_id path outcome reason image_id", rows)


def _insert_labels(made: Made, user: User, carried: np.ndarray) -> None:
    """Labels by hand and by suggestion, with the acts that gave them; some images have two."""
    from projects.models import Act, ImageLabel, LabelChange

    given = list(_given(carried))
    first_act = _next_id(Act)
    states = [_state(place, user, default) for place, (_, _, default) in enumerate(given)]
    acts = (
        (first_act + place, made.project.pk, user.pk, "label", "done",
         f"Labeled {len(indexes):,} images as {made.labels[label]}", "{}", _acted(place))
        for place, (label, indexes, _) in enumerate(given)
    )  # fmt: skip
    _insert(Act, "id project_id user_id kind state summary payload created_at", acts)
    rows = (
        (made.first_image + int(index), made.labels[label].pk, state["source"], user.pk,
         _acted(place), state["score"], default)
        for place, ((label, indexes, default), state) in enumerate(zip(given, states, strict=True))
        for index in indexes
    )  # fmt: skip
    _insert(ImageLabel, "image_id label_id source labeled_by_id labeled_at score is_default", rows)
    texts = [json.dumps(state) for state in states]
    changes = (
        (first_act + place, made.first_image + int(index), made.labels[label].pk, None, text)
        for place, ((label, indexes, _), text) in enumerate(zip(given, texts, strict=True))
        for index in indexes
    )
    _insert(LabelChange, "act_id image_id label_id before after", changes)


def _given(carried: np.ndarray) -> Iterator[tuple[int, np.ndarray, bool]]:
    """Yield what each act did: a label's place in the list, places of images, whether starred."""
    for label in range(LABELS):
        first = np.flatnonzero(carried == label)
        second = np.flatnonzero(carried == (label + 1) % LABELS)[::TWO_EVERY]
        for indexes, default in ((first, True), (second, False)):
            for start in range(0, len(indexes), AN_ACT):
                yield label, indexes[start : start + AN_ACT], default


def _acted(place: int) -> datetime:
    return BEGUN + timedelta(days=400, minutes=place)


def _state(place: int, user: User, default: bool) -> dict[str, Any]:
    """What an act gave, as its history writes it down: two thirds were suggested."""
    by_hand = place % 3 == 0
    return {
        "source": "hand" if by_hand else "suggestion",
        "labeled_by": user.pk,
        "labeled_at": _acted(place).isoformat(),
        "score": None if by_hand else 60.0 + place % 40,
        "is_default": default,
    }


def made_vectors(
    carried: np.ndarray, dim: int, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield where a block begins and its unit-length vectors (rows x dim, float32).

    All share a direction (plain cosine of unrelated photos is 0.38 in the default encoder), those
    of a label share another, and the rest is noise, so that same labels are near, 0.5, not equal.
    """
    shared = _unit(rng.standard_normal(dim))
    centers = _unit(rng.standard_normal((LABELS, dim)))
    for start in range(0, len(carried), 4_096):
        part = carried[start : start + 4_096]
        subjects = np.where(part < 0, rng.integers(0, LABELS, len(part)), part)
        noise = _unit(rng.standard_normal((len(part), dim)))
        yield start, _unit(0.6 * shared + 0.45 * centers[subjects] + 0.66 * noise)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: np.ndarray = (vectors / lengths).astype("<f4")
    return unit


def _insert_vectors(made: Made, carried: np.ndarray, dim: int, rng: np.random.Generator) -> None:
    from projects.models import Embedding, Image
    from projects.services.encoders import encoder_named

    project = made.project
    project.encoder_version = encoder_named(project.encoder).version
    project.save(update_fields=["encoder_version"])
    ready = Image.objects.filter(project=project).embedded()
    embedded = set(ready.values_list("pk", flat=True))
    rows = (
        (pk, project.pk, project.encoder, project.encoder_version, vector.tobytes())
        for start, block in made_vectors(carried, dim, rng)
        for pk, vector in enumerate(block, start=made.first_image + start)
        if pk in embedded
    )
    _insert(Embedding, "image_id project_id encoder encoder_version vector", rows, chunk=2_000)


def _insert(
    model: type[Model], columns: str, rows: Iterable[Sequence[Any]], *, chunk: int = ROWS
) -> None:
    from projects.services.rows import insert_rows

    some = iter(rows)
    while part := list(islice(some, chunk)):
        insert_rows(model, columns, part)


def _next_id(model: type[Model]) -> int:
    newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
    return (newest or 0) + 1


def _repair_sequences() -> None:
    """PostgreSQL's counters do not follow ids that were given; SQLite's do."""
    from django.core.management.color import no_style
    from django.db import connection

    from projects.models import Act, Image, Upload

    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_sql(no_style(), [Act, Image, Upload]):
            cursor.execute(sql)


if __name__ == "__main__":
    sys.exit(main())
