"""Label a folder of images offline, without a server.

``python -m similarity label FOLDER --labeled LABELED_FOLDER``: every image under FOLDER gets the
labels that the images nearest to it in LABELED_FOLDER suggest, where the label of an image is the
name of the folder it lies in. Prints a CSV; progress and files that cannot be read go to stderr.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from similarity.centering import Centering
from similarity.commands.options import Commands, add_machine_options, at_least_one, percent
from similarity.commands.reading import Labeled, Refused, embed, embed_labeled, labeled_paths
from similarity.encoders import DEFAULT_ENCODER, load_encoder
from similarity.folders import EmbeddedFiles, files_under
from similarity.neighbours import Hits, nearest
from similarity.suggest import ticked, vote

COLUMNS = ("name", "labels", "best_label", "score", "nearest", "similarity")
"""``name`` and ``nearest`` are relative paths; ``labels`` are separated by ``|``; ``score`` (of the
best label) and ``similarity`` (of the nearest labeled image) are in percent."""


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


def add_command(commands: Commands) -> None:
    """Add ``label`` to the commands of a parser."""
    parser = commands.add_parser("label", description=__doc__, help="suggest labels for a folder")
    add = parser.add_argument
    add("folder", type=Path, help="images to label, in subfolders or not")
    add("--labeled", type=Path, required=True, help="a folder with a folder of images a label")
    add("--results", type=at_least_one, default=10, help="hits that vote (default 10)")
    add("--threshold", type=percent, default=30.0, help="least score of a label (default 30 %%)")
    add("--top-only", action="store_true", help="give the best label at most")
    add("--csv", type=Path, help="file to write (default: standard output)")
    add("--encoder", default=DEFAULT_ENCODER, help=f"default {DEFAULT_ENCODER}")
    add_machine_options(parser)
    parser.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> None:
    given = vars(chosen)
    _label(Options(**{name: given[name] for name in Options.__dataclass_fields__}))


def _label(options: Options) -> None:
    known_paths = labeled_paths(options.labeled)
    query_paths = _query_paths(options.folder)
    encoder = load_encoder(options.encoder, folder=options.encoder_folder, threads=options.threads)
    labeled = embed_labeled(
        known_paths,
        encoder,
        folder=options.labeled,
        threads=options.threads,
        what="labeled images",
    )
    queries = embed(query_paths, encoder, threads=options.threads, what="images")
    hits = _search(queries, labeled, k=options.results)
    if options.csv is None:
        _write(sys.stdout, _rows(queries, labeled, hits, options))
        return
    with options.csv.open("w", newline="", encoding="utf-8") as file:
        _write(file, _rows(queries, labeled, hits, options))


def _query_paths(folder: Path) -> list[Path]:
    paths = files_under(folder)
    if not paths:
        raise Refused("no_images", f"There are no images in {folder}.")
    return paths


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
