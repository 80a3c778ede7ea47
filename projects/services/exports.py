"""Labels out of a project, as CSV and JSON, in one pass and flat memory.

The CSV can be uploaded again (see `imports`): what this module writes, `read_cell` and
`split_labels` read back to the letter.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from django.db.models import Prefetch, QuerySet

from ..models import AbsentLabel, Image, ImageLabel
from .splits import TRAIN

COLUMNS = ("name", "labels", "default_label", "source", "labeled_by", "labeled_at")
SPLIT = "split"
"""The column, and the field, of a train/validation split."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""A spreadsheet runs a cell that starts with one of the first seven. The last is our own mark.

Source: OWASP, CSV injection.
"""

CHUNK = 1000
"""Images read at a time: few queries, and memory that does not grow with the project."""


@dataclass(frozen=True)
class CarriedLabel:
    """A label as an image carries it."""

    label: str
    is_default: bool
    source: str
    score: float | None
    labeled_by: str
    labeled_at: str


@dataclass(frozen=True)
class ImageRow:
    """One image and its labels, the default one first.

    `absent` are labels that somebody said it does not carry; of the others nobody knows.
    """

    name: str
    path: str
    width: int
    height: int
    labels: list[CarriedLabel]
    absent: list[str]
    split: str = ""
    """`train` or `validation`, where a split was asked for."""


def image_rows(
    images: QuerySet[Image],
    split: Mapping[int, str] | None = None,
    *,
    with_absent: bool = True,
) -> Iterator[ImageRow]:
    """Yield the rows of these images in their order, `CHUNK` at a time.

    `split` says for which side each image is (see `splits`). One that came since is for training.
    """
    parts = [labels_read(), *([absent_read()] if with_absent else [])]
    with_labels = images.prefetch_related(*parts)
    for image in with_labels.iterator(chunk_size=CHUNK):
        yield ImageRow(
            name=image.name,
            path=image.path,
            width=image.width,
            height=image.height,
            labels=[carried_label(row) for row in image.image_labels.all()],
            absent=absent_of(image) if with_absent else [],
            split="" if split is None else split.get(image.pk, TRAIN),
        )


def labels_read() -> Prefetch[str]:
    """What an image carries, the default label first, for `prefetch_related`."""
    carried = ImageLabel.objects.select_related("label", "labeled_by")
    return Prefetch("image_labels", queryset=carried.order_by("-is_default", "id"))


def absent_read() -> Prefetch[str]:
    """What somebody said an image does not carry, in the list's order, for `prefetch_related`."""
    said = AbsentLabel.objects.in_effect().filter(label__deleted_at__isnull=True)
    ordered = said.select_related("label").order_by("label__position", "label")
    return Prefetch("absent_labels", queryset=ordered)


def absent_of(image: Image) -> list[str]:
    """Names of absent labels of an image that was read with `absent_read`."""
    return [row.label.name for row in image.absent_labels.all()]


def csv_lines(images: QuerySet[Image], split: Mapping[int, str] | None = None) -> Iterator[str]:
    """Yield the CSV line by line: `COLUMNS`, then one line an image, unlabeled ones included.

    With a split, a last column says `train` or `validation`.
    """
    writer = csv.writer(_Lines())
    yield writer.writerow(COLUMNS if split is None else (*COLUMNS, SPLIT))
    for row in image_rows(images, split, with_absent=False):
        cells = _cells(row) if split is None else [*_cells(row), row.split]
        yield writer.writerow([write_cell(cell) for cell in cells])


def json_chunks(images: QuerySet[Image], split: Mapping[int, str] | None = None) -> Iterator[str]:
    """Yield one JSON array of objects, an image each, piece by piece."""
    before = "[\n"
    for row in image_rows(images, split):
        told = asdict(row)
        if split is None:
            del told[SPLIT]
        yield before + json.dumps(told, ensure_ascii=False)
        before = ",\n"
    yield "\n]\n" if before != "[\n" else "[]\n"


def write_cell(text: str) -> str:
    """Neutralise what a spreadsheet would run: an apostrophe in front makes it text."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def read_cell(cell: str) -> str:
    """Undo `write_cell`: take the apostrophe off where it hides something."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell


def split_labels(text: str) -> list[str]:
    """Return the names in a `labels` cell; no name of a label contains the bar between them."""
    return [name.strip() for name in text.split("|") if name.strip()]


class _Lines:
    """A file whose `write` gives the line back, which is what `csv.writer` then returns."""

    def write(self, line: str) -> str:
        return line


def carried_label(row: ImageLabel) -> CarriedLabel:
    return CarriedLabel(
        label=row.label.name,
        is_default=row.is_default,
        source=row.source,
        score=row.score,
        labeled_by=row.labeled_by.get_username() if row.labeled_by else "",
        labeled_at=row.labeled_at.isoformat(timespec="seconds"),
    )


def _cells(row: ImageRow) -> list[str]:
    """Source, person and time are those of the default label."""
    names = "|".join(carried.label for carried in row.labels)
    if not row.labels:
        return [row.name, "", "", "", "", ""]
    first = row.labels[0]
    return [row.name, names, first.label, first.source, first.labeled_by, first.labeled_at]
