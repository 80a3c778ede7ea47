"""Measure how good suggestions would be, on a folder of images whose labels are known.

``python -m similarity evaluate FOLDER``, where FOLDER holds a folder of images for each label:
again and again some images count as labeled, the others are suggested for, and the suggestions are
compared with the truth. Prints how often the best label is right, how far promised probabilities
lie from what came of them, and what accepting unseen would have let through, for every method.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from similarity.centering import Centering
from similarity.commands.options import Commands, add_machine_options, at_least_one, natural
from similarity.commands.plot import reliability_plot
from similarity.commands.reading import Labeled, Refused, embed_labeled, labeled_paths
from similarity.commands.tables import Measured, report
from similarity.encoders import DEFAULT_ENCODER, load_encoder
from similarity.evaluate import ALLOWED, Setting, outcomes, pooled, spread

PER_LABEL = (1, 2, 5, 10, 20)
RANDOM = (100, 200, 400)
COLUMNS = ("encoder", "labeled", "method", "measure", "allowed", "mean", "least", "greatest")
"""``labeled`` is a number of images a label or at random; all figures are shares, 0 to 1."""
PLOTTED = 200
"""Random labeled images of the reliability plot, or the number nearest to it that was measured."""
IN_PLOT = ("neighbours, k 10", "class means", "head", "graph", "auto")


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    folder: Path
    each: list[int]
    random: list[int]
    draws: int
    seed: int
    encoders: list[str]
    csv: Path | None
    plot: Path | None
    encoder_folder: Path
    threads: int


def add_command(commands: Commands) -> None:
    """Add ``evaluate`` to the commands of a parser."""
    parser = commands.add_parser("evaluate", description=__doc__, help="measure every method")
    add = parser.add_argument
    add("folder", type=Path, help="a folder with a folder of images a label")
    for name, numbers, what in (
        ("each", PER_LABEL, "of every label"),
        ("random", RANDOM, "in all"),
    ):
        default = " ".join(map(str, numbers))
        text = f"images to label {what} (default {default})"
        add(f"--{name}", type=at_least_one, nargs="*", default=list(numbers), help=text)
    add("--draws", type=at_least_one, default=5, help="draws of the labeled images (default 5)")
    add("--seed", type=natural, default=1, help="the same seed gives the same draws (default 1)")
    text = f"may be given several times (default {DEFAULT_ENCODER})"
    add("--encoder", dest="encoders", action="append", metavar="NAME", help=text)
    add("--csv", type=Path, help="file to write all figures to")
    add("--plot", type=_png, metavar="FILE.png", help="file to draw promise against truth into")
    add_machine_options(parser)
    parser.set_defaults(command=_run)


def _png(text: str) -> Path:
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError("must end in .png")
    return Path(text)


def _run(chosen: argparse.Namespace) -> None:
    given = vars(chosen)
    given["encoders"] = list(dict.fromkeys(given["encoders"] or [DEFAULT_ENCODER]))
    _evaluate(Options(**{name: given[name] for name in Options.__dataclass_fields__}))


def _evaluate(options: Options) -> None:
    paths = labeled_paths(options.folder)
    for file in (options.csv, options.plot):
        if file is not None and not file.parent.is_dir():
            # Said now, not after minutes of measuring.
            raise Refused("no_folder", f"There is no folder {file.parent} to write {file.name} to.")
    rows: list[tuple[str | float, ...]] = []
    for number, name in enumerate(options.encoders):
        measured = _measure(paths, name, options)
        rows.extend(_csv_rows(name, measured))
        if options.plot is not None:
            _plot(_numbered(options.plot, number), name, measured)
    if options.csv is not None:
        _write(options.csv, rows)


def _measure(paths: Sequence[Path], name: str, options: Options) -> list[Measured]:
    """Embed with one encoder, measure, and print the tables."""
    encoder = load_encoder(name, folder=options.encoder_folder, threads=options.threads)
    files = embed_labeled(
        paths, encoder, folder=options.folder, threads=options.threads, what="images"
    )
    vectors = Centering.fit(files.files.embeddings).apply(files.files.embeddings)
    labels = np.array(files.labels, np.int64)
    measured = []
    for setting in _possible(_settings(options), labels, files):
        print(f"{name}: {setting}, {options.draws} draws", file=sys.stderr)
        rng = np.random.default_rng((options.seed, setting.number, int(setting.per_label)))
        found = outcomes(vectors, labels, setting, draws=options.draws, rng=rng)
        measured.append(Measured(setting, found))
    print(f"{name}: {len(labels):,} images, {len(files.names):,} labels, {options.draws} draws\n")
    print(report(measured))
    return measured


def _settings(options: Options) -> list[Setting]:
    each = [Setting(number, True) for number in dict.fromkeys(options.each)]
    return each + [Setting(number, False) for number in dict.fromkeys(options.random)]


def _possible(
    settings: Sequence[Setting], labels: NDArray[np.int64], files: Labeled
) -> list[Setting]:
    """Leave out what the folder is too small for, and say so."""
    if len(files.names) < 2:
        raise Refused(
            "one_label",
            f"All images have the label “{files.names[0]}”: to measure anything, "
            "there must be a folder for each of at least two labels.",
        )
    counts = np.bincount(labels)
    for setting in settings:
        short = int((counts <= setting.number).sum())
        if not setting.possible(labels):
            print(f"{setting}: left out, there are too few images.", file=sys.stderr)
        elif setting.per_label and short:
            print(
                f"{setting}: {short} of {len(counts)} labels have no more than {setting.number}; "
                "of those, all but one image (or the only one) are labeled.",
                file=sys.stderr,
            )
    possible = [setting for setting in settings if setting.possible(labels)]
    if not possible:
        raise Refused(
            "too_few_images",
            f"There are too few images to measure with: {len(labels)} of {len(counts)} labels. "
            "Add images, or ask for smaller numbers with --each and --random.",
        )
    return possible


def _write(path: Path, rows: Sequence[tuple[str | float, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _csv_rows(encoder: str, measured: Sequence[Measured]) -> Iterator[tuple[str | float, ...]]:
    for setting, by_method in measured:
        for method, found in by_method.items():
            start = (encoder, str(setting), method)
            yield *start, "accuracy", "", *spread([each.accuracy for each in found])
            errors = [each.calibration_error for each in found]
            yield *start, "calibration error", "", *spread(errors)
            by_chance = [each.error_by_chance for each in found]
            yield *start, "calibration error by chance", "", *spread(by_chance)
            for at, allowed in enumerate(ALLOWED):
                accepted = [each.accepted[at] for each in found]
                kept = [float(each.kept) for each in accepted]
                yield *start, "accepted", allowed, *spread([each.taken for each in accepted])
                yield *start, "wrong of accepted", allowed, *spread([a.wrong for a in accepted])
                yield *start, "kept", allowed, *spread(kept)


def _numbered(file: Path, number: int) -> Path:
    """The first encoder's plot has the name given, the others' a number behind it."""
    return file if number == 0 else file.with_stem(f"{file.stem}-{number + 1}")


def _plot(file: Path, encoder: str, measured: Sequence[Measured]) -> None:
    # At random where there is any: that is what a person labels, and what the promise is about.
    setting, found = min(
        measured, key=lambda each: (each.setting.per_label, abs(each.setting.number - PLOTTED))
    )
    lines = {name: pooled([each.reliability for each in found[name]]) for name in IN_PLOT}
    title = f"{encoder}, {setting.number} labeled {'a label' if setting.per_label else 'at random'}"
    reliability_plot(lines, title=title).save(file)
    print(f"{file}: promise against truth with {setting} labeled images", file=sys.stderr)
