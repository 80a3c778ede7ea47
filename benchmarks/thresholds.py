"""What thresholds per label are worth: micro-F1 on photos that nobody chose them from.

    python benchmarks/thresholds.py FOLDER LABELS.CSV [--labeled 20,40,70,100] [--draws 60]

FOLDER holds the images; LABELS.CSV has the columns `file` and `labels`, the latter with bars
between labels. Some images are drawn as the labeled ones, thresholds are chosen by leaving one of
them out at a time, and all other images tell how good they are.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from similarity.centering import Centering  # noqa: E402
from similarity.encoders import DEFAULT_ENCODER, load_encoder  # noqa: E402
from similarity.folders import embed_files  # noqa: E402
from similarity.neighbours import nearest  # noqa: E402
from similarity.suggest import vote  # noqa: E402
from similarity.thresholds import choose_thresholds, micro_f1  # noqa: E402

K = 10
ENCODERS = Path(sys.prefix) / "share" / "labeling" / "encoders"  # where make setup builds it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--labeled", default="20,40,70,100")
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--encoder-folder", type=Path, default=ENCODERS)
    chosen = parser.parse_args()
    vectors, truth = read(chosen.folder, chosen.labels, chosen.encoder_folder)
    print(
        f"{len(truth)} images, {truth.shape[1]} labels, {chosen.draws} draws; micro-F1 in percent"
    )
    print("labeled  30 %  best single  per label  better than 30 % / single")
    for labeled in map(int, chosen.labeled.split(",")):
        f1 = [measure(vectors, truth, labeled, seed) for seed in range(chosen.draws)]
        plain, single, per_label = np.array(f1).T
        print(
            f"{labeled:7} {100 * plain.mean():5.1f} {100 * single.mean():12.1f}"
            f" {100 * per_label.mean():10.1f}"
            f"  {(per_label > plain).sum()} / {(per_label > single).sum()}"
        )


def read(
    folder: Path, labels: Path, encoder_folder: Path
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return the centered vectors (n, dim) and the truth (n, L) of the photos of a table."""
    with labels.open(encoding="utf-8") as file:
        carried = {row["file"]: row["labels"].split("|") for row in csv.DictReader(file)}
    encoder = load_encoder(DEFAULT_ENCODER, folder=encoder_folder)
    paths = [folder / name for name in sorted(carried)]
    files = embed_files(
        paths,
        encoder,
        threads=1,
        on_refused=lambda path, sentence: print(f"{path}: {sentence}", file=sys.stderr),
        on_progress=lambda _done: None,
    )
    names = sorted({label for each in carried.values() for label in each})
    truth = np.array([[name in carried[path.name] for name in names] for path in files.paths])
    return Centering.fit(files.embeddings).apply(files.embeddings), truth.astype(np.int8)


def measure(
    vectors: NDArray[np.float32], truth: NDArray[np.int8], labeled: int, seed: int
) -> tuple[float, float, float]:
    """Return the micro-F1 on the rest with 30 %, the best single threshold, and one a label."""
    order = np.random.default_rng(seed).permutation(len(truth))
    known, rest = order[:labeled], order[labeled:]
    left_out = scores_of(vectors, truth, known, known)
    chosen = choose_thresholds(left_out, truth[known])
    scores = scores_of(vectors, truth, rest, known)
    return (
        micro_f1(scores >= np.float32(0.3), truth[rest]),
        micro_f1(scores >= np.float32(chosen.common), truth[rest]),
        micro_f1(scores >= chosen.per_label, truth[rest]),
    )


def scores_of(
    vectors: NDArray[np.float32],
    truth: NDArray[np.int8],
    queries: NDArray[np.int64],
    labeled: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the score of each label for each query, 0..1; a query is never its own hit."""
    place = {row: at for at, row in enumerate(labeled.tolist())}
    itself = np.array([place.get(row, -1) for row in queries.tolist()], np.int64)
    hits = nearest(vectors[queries], vectors[labeled], k=K, exclude=itself)
    scores = np.zeros((len(queries), truth.shape[1]), np.float32)
    for at, (rows, similarities) in enumerate(zip(*hits, strict=True)):
        there = rows >= 0
        carried = [np.flatnonzero(truth[labeled[row]]).tolist() for row in rows[there]]
        for each in vote(similarities[there], carried):
            scores[at, each.label] = each.score / 100
    return scores


if __name__ == "__main__":
    main()
