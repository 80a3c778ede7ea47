"""Label a folder of images offline, without a server.

``python -m similarity label FOLDER --labeled LABELED_FOLDER``: every image under FOLDER gets the
labels that the images nearest to it in LABELED_FOLDER suggest, where the label of an image is the
name of the folder it lies in. Prints a CSV; progress and files that cannot be read go to stderr.
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from similarity.centering import Centering
from similarity.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from similarity.errors import SimilarityError
from similarity.folders import EmbeddedFiles, embed_files, files_under
from similarity.neighbours import Hits, nearest
from similarity.suggest import ticked, vote

COLUMNS = ("name", "labels", "best_label", "score", "nearest", "similarity")
"""``name`` and ``nearest`` are relative paths; ``labels`` are separated by ``|``; ``score`` (of the
best label) and ``similarity`` (of the nearest labeled image) are in percent."""

_ENCODER_FOLDER = Path(sys.prefix) / "share" / "labeling" / "encoders"  # where make setup builds it


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    folder: Path
    labeled: Path
    results: int
    threshold: float
    top_only: bool
    csv: Path | None
    encoder: str
    encoder_folder: Path
    threads: int


@dataclass(frozen=True)
class Labeled:
    """The labeled files with the label of each, as a number into ``names``."""

    files: EmbeddedFiles
    labels: list[int]
    names: list[str]


class _Refused(SimilarityError):
    """The command cannot be carried out as given."""


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    options = _options(arguments)
    try:
        _label(options)
    except SimilarityError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or 'A file'}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m similarity", description=__doc__)
    label = parser.add_subparsers(required=True).add_parser("label", description=__doc__)
    add = label.add_argument
    add("folder", type=Path, help="images to label, in subfolders or not")
    add("--labeled", type=Path, required=True, help="a folder with a folder of images a label")
    add("--results", type=_at_least_one, default=10, help="hits that vote (default 10)")
    add("--threshold", type=_percent, default=30.0, help="least score of a label (default 30 %%)")
    add("--top-only", action="store_true", help="give the best label at most")
    add("--csv", type=Path, help="file to write (default: standard output)")
    add("--encoder", default=DEFAULT_ENCODER, help=f"default {DEFAULT_ENCODER}")
    add("--encoder-folder", type=Path, default=_ENCODER_FOLDER, help="where its file was built")
    add("--threads", type=_at_least_one, default=os.cpu_count() or 1, help="default: all cores")
    return Options(**vars(parser.parse_args(arguments)))


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of at least 1")
    return int(text)


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("must be a number from 0 to 100")
    return value


def _label(options: Options) -> None:
    labeled_paths = _labeled_paths(options.labeled)
    query_paths = _query_paths(options.folder)
    encoder = load_encoder(options.encoder, folder=options.encoder_folder, threads=options.threads)
    labeled = _embed_labeled(labeled_paths, encoder, options)
    queries = _embed(query_paths, encoder, options, what="images")
    hits = _search(queries, labeled, k=options.results)
    if options.csv is None:
        _write(sys.stdout, _rows(queries, labeled, hits, options))
        return
    with options.csv.open("w", newline="", encoding="utf-8") as file:
        _write(file, _rows(queries, labeled, hits, options))


def _labeled_paths(folder: Path) -> list[Path]:
    # A file beside the label folders has no label; it is left out.
    paths = [path for path in files_under(folder) if len(path.relative_to(folder).parts) > 1]
    if not paths:
        raise _Refused(
            "no_labeled_images",
            f"There are no labeled images in {folder}: "
            "put some images of each label into a folder of its name there.",
        )
    return paths


def _query_paths(folder: Path) -> list[Path]:
    paths = files_under(folder)
    if not paths:
        raise _Refused("no_images", f"There are no images in {folder}.")
    return paths


def _embed_labeled(paths: list[Path], encoder: Encoder, options: Options) -> Labeled:
    files = _embed(paths, encoder, options, what="labeled images")
    if not files.paths:
        raise _Refused("no_labeled_images", f"None of the files in {options.labeled} can be read.")
    own = [_folder_label(path) for path in files.paths]
    names = sorted(set(own))
    numbers = {name: number for number, name in enumerate(names)}
    return Labeled(files, [numbers[name] for name in own], names)


def _folder_label(path: Path) -> str:
    """The folder's name, as an upload to a server that labels by folder writes it."""
    # The bar stands between labels in a cell of the CSV.
    return " ".join(path.parent.name.replace("|", "-").split())


def _embed(paths: list[Path], encoder: Encoder, options: Options, *, what: str) -> EmbeddedFiles:
    def on_refused(path: Path, sentence: str) -> None:
        print(f"{path}: {sentence}", file=sys.stderr)

    def on_progress(done: int) -> None:
        # A file of the log would be filled by a line that is drawn again and again.
        if sys.stderr.isatty() or done == len(paths):
            end = "\n" if done == len(paths) else "\r"
            print(f"{done:,} of {len(paths):,} {what} read", end=end, file=sys.stderr)

    return embed_files(
        paths, encoder, threads=options.threads, on_refused=on_refused, on_progress=on_progress
    )


def _search(queries: EmbeddedFiles, labeled: Labeled, *, k: int) -> Hits:
    """The hits of each query; a file that lies in both folders is never its own hit."""
    everything = np.concatenate((labeled.files.embeddings, queries.embeddings))
    centering = Centering.fit(everything)
    row_of = {path.resolve(): row for row, path in enumerate(labeled.files.paths)}
    itself = np.array([row_of.get(path.resolve(), -1) for path in queries.paths], np.int64)
    return nearest(
        centering.apply(queries.embeddings),
        centering.apply(labeled.files.embeddings),
        k=k,
        exclude=itself,
    )


def _rows(
    queries: EmbeddedFiles, labeled: Labeled, hits: Hits, options: Options
) -> Iterator[tuple[str, ...]]:
    for path, rows, similarities in zip(queries.paths, *hits, strict=True):
        carried = [(labeled.labels[row],) if row >= 0 else () for row in rows]
        suggestions = vote(similarities, carried)
        name = path.relative_to(options.folder).as_posix()
        if not suggestions:
            yield name, "", "", "", "", ""
            continue
        labels = ticked(suggestions, threshold=options.threshold, top_only=options.top_only)
        best = suggestions[0]
        yield (
            name,
            "|".join(labeled.names[label] for label in labels),
            labeled.names[best.label],
            f"{best.score:.1f}",
            labeled.files.paths[rows[0]].relative_to(options.labeled).as_posix(),
            f"{100 * similarities[0]:.1f}",
        )


def _write(file: TextIO, rows: Iterator[tuple[str, ...]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
