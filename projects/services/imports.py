"""Labels into a project from a CSV, such as the one that `exports` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from django.contrib.auth.models import User
from django.db import transaction

from ..errors import Refusal, TooLarge
from ..models import Act, Image, ImageLabel, Project
from .acts import begin_act
from .exports import read_cell, split_labels
from .labels import Given, apply_labels, get_or_create_labels

MOST_BYTES = 200 * 1024 * 1024
"""A million lines of 200 bytes."""

SHOWN = 100
"""As many problems are listed; the rest are counted."""

CHUNK = 500


@dataclass(frozen=True)
class Line:
    """One line of the CSV that names labels; the default label stands first."""

    number: int
    name: str
    labels: tuple[str, ...]


@dataclass
class ImportReport:
    """What an import did."""

    labeled: int = 0
    unchanged: int = 0
    without_labels: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)

    def problem(self, line: int, sentence: str) -> None:
        self.problem_count += 1
        if len(self.problems) < SHOWN:
            self.problems.append(f"Line {line}: {sentence}")


def import_labels(project: Project, user: User, file: BinaryIO) -> ImportReport:
    """Give the images named in a CSV the labels it lists, in place of those they have.

    Columns `name` and `labels` are needed, `default_label` is used, others are ignored. A line
    without labels leaves its image as it is, so that a partly filled list takes nothing away.
    All lines together are one act, undone as a whole.

    Raises:
        Refusal: the file is not such a CSV; the sentence says what is missing.
    """
    report = ImportReport()
    lines = list(_read(file, report))
    with transaction.atomic():
        summary = "Imported labels from a CSV"
        act = begin_act(project, user, kind=Act.Kind.LABEL, summary=summary)
        wanted = _match(project, user, lines, report)
        changed = apply_labels(act, wanted, mode="set", source=ImageLabel.Source.IMPORT)
        if not changed:
            # Nothing to undo: leave no step in the history that would undo nothing.
            transaction.set_rollback(True)
    report.labeled = changed
    report.unchanged = len(wanted) - changed
    return report


def _read(file: BinaryIO, report: ImportReport) -> Iterator[Line]:
    reader = _reader(file)
    seen: dict[str, int] = {}
    try:
        for row in reader:
            name = read_cell((row.get("name") or "").strip())
            labels = _labels(row)
            if not name:
                report.problem(reader.line_num, "it has no name.")
            elif name in seen:
                report.problem(reader.line_num, f"“{name}” stands in line {seen[name]} already.")
            elif not labels:
                report.without_labels += 1
            else:
                seen[name] = reader.line_num
                yield Line(reader.line_num, name, labels)
    except csv.Error as problem:
        raise Refusal(
            f"Line {reader.line_num} is not CSV ({problem}). Save the file as CSV in UTF-8.",
            code="not_csv",
        ) from None


def _reader(file: BinaryIO) -> csv.DictReader[str]:
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise TooLarge("The CSV is larger than 200 MB. Split it into parts.", code="csv_too_large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal(
            "The file is not text in UTF-8. Save it as “CSV UTF-8” and upload it again.",
            code="not_utf8",
        ) from None
    # Spreadsheets of some countries write semicolons, since the comma is their decimal point.
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    missing = {"name", "labels"} - set(reader.fieldnames or ())
    if missing:
        raise Refusal(
            f"The first line must name the columns; {' and '.join(sorted(missing))} "
            f"{'is' if len(missing) == 1 else 'are'} missing. Download the labels as CSV to see "
            "what it looks like.",
            code="columns_missing",
        )
    return reader


def _labels(row: dict[str, str]) -> tuple[str, ...]:
    """The names of a line, each once, the default label first."""
    names = split_labels(read_cell(row.get("labels") or ""))
    default = read_cell((row.get("default_label") or "").strip())
    first = [default] if default in names else []
    return tuple(dict.fromkeys(first + names))


def _match(
    project: Project, user: User, lines: Iterable[Line], report: ImportReport
) -> dict[int, list[Given]]:
    """Find the images and labels that the lines name; labels that are new are made."""
    lines = list(_fitting(project, lines, report))
    found = _images(project, [line.name for line in lines])
    known = [line for line in lines if line.name in found]
    for line in lines:
        if line.name not in found:
            report.problem(line.number, f"there is no image named “{line.name}”.")
    names = list(dict.fromkeys(name for line in known for name in line.labels))
    labels = dict(zip(names, get_or_create_labels(project, user, names), strict=True))
    return {
        found[line.name]: [
            Given(labels[name].pk, is_default=name == line.labels[0]) for name in line.labels
        ]
        for line in known
    }


def _fitting(project: Project, lines: Iterable[Line], report: ImportReport) -> Iterator[Line]:
    for line in lines:
        if len(line.labels) > 1 and not project.multi_label:
            report.problem(
                line.number,
                f"{len(line.labels)} labels, but an image of this project has one at most.",
            )
        else:
            yield line


def _images(project: Project, names: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(names), CHUNK):
        part = Image.objects.in_dataset().filter(
            project=project, name__in=names[start : start + CHUNK]
        )
        found.update(part.values_list("name", "pk"))
    return found
