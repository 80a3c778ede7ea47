"""How good and how fast the packaged encoders are, on photos in a folder a label.

``python benchmarks/encoders.py FOLDER [FOLDER ...]``: for each encoder how often the best label is
right by our own vote (mean over random draws of the labeled images, the same for all encoders), and
images a second of `embed_inputs` as a multiple of float32 Lite0's, taken in turns.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from similarity.centering import Centering
from similarity.encoders import Encoder, load_encoder, packaged_encoders
from similarity.folders import embed_files, files_under
from similarity.images import read_image
from similarity.neighbours import nearest
from similarity.suggest import vote

BASE = "efficientnet-lite0"
_ENCODER_FOLDER = Path(sys.prefix) / "share" / "labeling" / "encoders"


def accuracy(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], *, labeled: int, seed: int
) -> float:
    """Percent of the images not drawn whose best suggestion is their label."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    drawn = np.concatenate([rng.permutation(rows)[:labeled] for rows in members])
    asked = np.setdiff1d(np.arange(len(labels)), drawn)
    centered = Centering.fit(embeddings).apply(embeddings)
    hits = nearest(centered[asked], centered[drawn], k=10)
    right = 0
    for rows, similarities, label in zip(hits.rows, hits.similarities, labels[asked], strict=True):
        found = rows >= 0
        carried = [[int(labels[drawn[row]])] for row in rows[found]]
        best = vote(similarities[found], carried)
        right += bool(best) and best[0].label == label
    return 100 * right / len(asked)


def labeled_files(folder: Path) -> list[Path]:
    return [path for path in files_under(folder) if path.parent != folder]


def embedded_files(paths: list[Path], encoder: Encoder) -> NDArray[np.float32]:
    """Embed all files; one that cannot be read ends it, since labels go by their order."""

    def refused(path: Path, sentence: str) -> None:
        raise SystemExit(f"{path}: {sentence}")

    return embed_files(
        paths, encoder, threads=2, on_refused=refused, on_progress=lambda _: None
    ).embeddings


def speeds(encoders: dict[str, Encoder], paths: list[Path], rounds: int) -> dict[str, float]:
    """Images a second of each encoder as a multiple of the base's: median over rounds in turns."""
    inputs = {
        name: np.stack([e.preprocess(read_image(p, short_side=e.short_side)) for p in paths])
        for name, e in encoders.items()
    }
    ratios: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(rounds):
        seconds = {}
        for name, encoder in encoders.items():
            start = time.perf_counter()
            encoder.embed_inputs(inputs[name])
            seconds[name] = time.perf_counter() - start
        for name in encoders:
            ratios[name].append(seconds[BASE] / seconds[name])
    return {name: statistics.median(values) for name, values in ratios.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="photos, in a folder a label")
    parser.add_argument("--labeled", type=int, nargs="+", default=[5, 10, 20], help="a label")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9, help="of taking the time")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--encoder-folder", type=Path, default=_ENCODER_FOLDER)
    given = parser.parse_args()
    encoders = {
        choice.name: load_encoder(choice.name, folder=given.encoder_folder, threads=given.threads)
        for choice in packaged_encoders()
    }
    some = labeled_files(given.folders[0])
    some = some[:: max(1, len(some) // 32)][:32]
    for name, ratio in speeds(encoders, some, given.rounds).items():
        print(f"{name}: {ratio:.2f} times as fast as {BASE}", flush=True)
    for folder in given.folders:
        paths = labeled_files(folder)
        labels = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
        embedded = {name: embedded_files(paths, e) for name, e in encoders.items()}
        for labeled in given.labeled:
            for name, embeddings in embedded.items():
                draws = [
                    accuracy(embeddings, labels, labeled=labeled, seed=seed)
                    for seed in range(given.draws)
                ]
                print(f"{folder.name}, {labeled} a label, {name}: {np.mean(draws):.2f}", flush=True)


if __name__ == "__main__":
    main()
