"""The command `label`: upload photos, have labels suggested, and take labels home.

Host and token come from --host and --token, or from ALIKE_HOST and ALIKE_TOKEN. Progress and files
that cannot be used go to standard error; the rest goes on. Exit status: 0 done, 1 not done, 2 wrong
usage, 130 stopped by Ctrl+C.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from .answers import Project, Result, Suggestion, Uploaded
from .client import Client
from .errors import AlikeError
from .files import Portion, files_under, portions
from .progress import Progress

DEFAULT_HOST = "http://127.0.0.1:8000"
COLUMNS = ("name", "labels", "best_label", "score", "nearest", "similarity")
"""As `python -m similarity label` writes them, which does the same without a server."""


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    options = options_of(arguments)
    try:
        with Client(options.host, options.token) as client:
            options.act(client, options)
    except AlikeError as error:
        print(error, file=sys.stderr)
        return 2 if error.code in {"no_token", "bad_host"} else 1
    except OSError as error:
        print(f"{error.filename or 'A file'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on where it was.", file=sys.stderr)
        return 130
    return 0


# --- options


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what a command line asks for; ends the program where it cannot be understood."""
    parser = argparse.ArgumentParser(prog="label", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, act, add in (
        ("upload", _upload, _upload_options),
        ("suggest", _suggest, _suggest_options),
        ("export", _export, _export_options),
        ("projects", _projects, None),
    ):
        command = commands.add_parser(name, help=act.__doc__, description=act.__doc__)
        command.set_defaults(act=act)
        if add:
            add(command)
            command.add_argument(
                "--project", type=int, help="its number; needed if you have several"
            )
        host = os.environ.get("ALIKE_HOST") or DEFAULT_HOST
        token = os.environ.get("ALIKE_TOKEN", "")
        command.add_argument("--host", default=host, help="default: ALIKE_HOST, or this machine")
        command.add_argument("--token", default=token, help="default: ALIKE_TOKEN")
    return parser.parse_args(arguments)


def _upload_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("paths", type=Path, nargs="+", metavar="FOLDER", help="folders, zips, or single files")
    add("--labels", type=_names, default=[], help="for all of the images, with commas between")
    add("--by-folder", action="store_true", help="label each image by the folder it lies in")


def _suggest_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("folder", type=Path, metavar="FOLDER", help="images to label, in subfolders or not")
    add("--results", type=_results, default=10, help="hits that vote (default 10)")
    add("--threshold", type=_percent, default=30.0, help="least score of a label (default 30 %%)")
    add("--top-only", action="store_true", help="give the best label at most")
    add("--csv", type=Path, help="file to write (default: standard output)")
    add("--save", action="store_true", help="upload the images, too, with the labels they get")


def _export_options(command: argparse.ArgumentParser) -> None:
    kinds = command.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--csv", type=Path, help="write a CSV")
    kinds.add_argument("--json", type=Path, help="write JSON")
    command.add_argument(
        "--validation",
        type=_share,
        metavar="PERCENT",
        help="mark 1 to 50 %% of the images for validation, the others for training",
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _results(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 100")
    return int(text)


def _share(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 50:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 50")
    return int(text)


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("must be a number from 0 to 100")
    return value


def _project(client: Client, options: argparse.Namespace) -> Project:
    """Return the project that is meant: the one named, or the only one there is."""
    if options.project is not None:
        return client.project(options.project)
    projects = client.projects()
    if len(projects) == 1:
        return projects[0]
    names = "; ".join(f"{each.id} ({each.name})" for each in projects[:10])
    raise AlikeError(
        f"Say which project with --project: {names}." if projects else "You have no project yet.",
        code="which_project",
    )


# --- label projects, label export


def _projects(client: Client, _: argparse.Namespace) -> None:
    """List your projects."""
    for project in client.projects():
        print(
            f"{project.id}\t{project.images:,} images, {project.labeled:,} labeled\t{project.name}"
        )


def _export(client: Client, options: argparse.Namespace) -> None:
    """Write the labels of all images of a project to a file."""
    kind = "csv" if options.csv else "json"
    wish = {} if options.validation is None else {"validation": options.validation}
    path = client.export(
        _project(client, options).id, options.csv or options.json, kind=kind, **wish
    )
    print(f"{path} is written.", file=sys.stderr)


# --- label upload


def _upload(client: Client, options: argparse.Namespace) -> None:
    """Upload folders, zips or files; what the project has is not sent again."""
    project = _project(client, options)
    zips = [path for path in options.paths if path.suffix.lower() == ".zip"]
    files = _told_files([path for path in options.paths if path not in zips])
    wish = {"labels": options.labels, "by_folder": options.by_folder}
    outcomes: Counter[str] = Counter()
    if files:
        with _progress(len(files), "files uploaded") as progress:
            for portion in portions(files):
                for uploaded in client.upload_portion(project.id, portion, **wish):
                    _count(uploaded, outcomes, progress.tell)
                    progress.step()
    for path in zips:
        print(f"{path}: sent, and unpacked by the server ...", file=sys.stderr)
        for uploaded in client.upload_zip(project.id, path, **wish):
            _count(uploaded, outcomes, lambda line: print(line, file=sys.stderr))
    print(
        f"{outcomes['added']:,} added to {project.name}, {outcomes['duplicate']:,} there already, "
        f"{outcomes['refused']:,} not usable.",
        file=sys.stderr,
    )


def _told_files(paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """Return the path to tell and the file: of a folder relative to it, else the name."""
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            found += [(file.relative_to(path).as_posix(), file) for file in files_under(path)]
        else:
            path.stat()  # a slip of the keyboard is said before anything is sent
            found.append((path.name, path))
    return found


def _count(uploaded: Uploaded, outcomes: Counter[str], tell: Callable[[str], None]) -> None:
    outcomes[uploaded.outcome] += 1
    if uploaded.outcome == "refused":
        tell(f"{uploaded.path}: {uploaded.reason}")


@contextmanager
def _progress(total: int, what: str) -> Iterator[Progress]:
    progress = Progress(total, what)
    try:
        yield progress
    finally:
        progress.end()


# --- label suggest


@dataclass(frozen=True)
class _Rule:
    """Which of the suggestions an image gets."""

    threshold: float
    top_only: bool

    def ticked(self, suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
        chosen = tuple(each for each in suggestions if each.score >= self.threshold)
        return chosen[:1] if self.top_only else chosen


def _suggest(client: Client, options: argparse.Namespace) -> None:
    """Have labels suggested for the images of a folder, as a CSV."""
    project = _project(client, options)
    files = _told_files([options.folder])
    if not files:
        raise AlikeError(f"There are no images in {options.folder}.", code="no_images")
    rule = _Rule(options.threshold, options.top_only or not project.multi_label)
    # The best label is told even below the threshold, so the threshold is applied here.
    controls = {"results": options.results, "threshold": 0.0, "explain": True}
    with (
        _opened(options.csv) as out,
        _progress(len(files), "images answered") as progress,
    ):
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for portion in portions(files):
            results = list(client.suggest_portion(project.id, portion, controls))
            if options.save:
                _save(client, project, portion, results, rule)
            for result in results:
                if result.error:
                    progress.tell(f"{result.image}: {result.error}")
                else:
                    writer.writerow(_row(result, rule))
            out.flush()
            progress.step(len(results))


def _opened(path: Path | None) -> nullcontext[TextIO] | TextIO:
    if path is None:
        return nullcontext(sys.stdout)
    return path.open("w", newline="", encoding="utf-8")


def _row(result: Result, rule: _Rule) -> tuple[str, ...]:
    ticked = "|".join(each.label for each in rule.ticked(result.suggestions))
    best = result.suggestions[0] if result.suggestions else None
    nearest = result.hits[0] if result.hits else None
    return (
        result.image,
        ticked,
        best.label if best else "",
        f"{best.score:.1f}" if best else "",
        nearest.image if nearest else "",
        f"{nearest.similarity:.1f}" if nearest else "",
    )


def _save(
    client: Client, project: Project, portion: Portion, results: Sequence[Result], rule: _Rule
) -> None:
    """Upload the images that could be read, and label those that had no label before."""
    usable = {result.image for result in results if not result.error}
    files = [file for file in portion.files if file.path in usable]
    uploaded = {each.path: each for each in client.upload_portion(project.id, Portion(files, []))}
    confirmed: dict[str, Result] = {}
    for result in results:
        name = _name_to_label(client, project, uploaded.get(result.image))
        ticked = rule.ticked(result.suggestions)
        if name and ticked:
            confirmed[name] = replace(result, suggestions=ticked, saved=name)
    if confirmed:
        client.confirm(project.id, confirmed.values())


def _name_to_label(client: Client, project: Project, uploaded: Uploaded | None) -> str:
    """Return the image's name, empty where somebody has labeled it already."""
    if uploaded is None or not uploaded.image:
        return ""
    is_new = uploaded.outcome == "added"
    return uploaded.image if is_new or not client.image(project.id, uploaded.image).labels else ""
