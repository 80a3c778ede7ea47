"""How good suggestions are after labeling the photos we choose, and after as many taken at random.

    python benchmarks/label_first.py FOLDER [FOLDER ...] [--draws 20]

Each FOLDER holds a folder of images for each label, or is a .npz of them: `e` float32 unit
embeddings, `l` labels. Printed, for Label these first: percent of the other images whose best label
is right, at random as mean and the middle 95 % of the draws, and how many labels were found. Then
the same for later batches: 20 images to begin with, and batches in each order up to 200, over five
random parts of the folder.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from similarity.centering import Centering  # noqa: E402
from similarity.encoders import load_encoder  # noqa: E402
from similarity.first import first_to_label, spread_batch  # noqa: E402
from similarity.folders import embed_files, files_under  # noqa: E402
from similarity.neighbours import nearest  # noqa: E402
from similarity.suggest import doubt, vote  # noqa: E402

NUMBERS = (5, 10, 20, 50, 100, 200)
BATCHES = (20, 20, 20, 40, 50, 50)
K = 10
PARTS = 5
PART = 0.7
"""Of each folder, so that a choice that is made without chance can be repeated on other photos."""
MOST_IN_PART = 1_000


class Photos(NamedTuple):
    """Centered vectors, and the number of each one's label."""

    vectors: np.ndarray
    labels: np.ndarray

    def part(self, rows: np.ndarray) -> Photos:
        return Photos(self.vectors[rows], self.labels[rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    chosen = parser.parse_args()
    with threadpool_limits(limits=1, user_api="blas"):
        for folder in chosen.folders:
            photos = read(folder)
            found = len(np.unique(photos.labels))
            print(f"\n{folder.stem}: {len(photos.labels)} images, {found} labels\n")
            first_batch(photos, chosen.draws)
            later_batches(photos)


def read(folder: Path) -> Photos:
    if folder.suffix == ".npz":
        kept = np.load(folder)
        embeddings, names = kept["e"].astype(np.float32), kept["l"]
    else:
        place = Path(sysconfig.get_path("data")) / "share" / "labeling" / "encoders"
        encoder = load_encoder("efficientnet-lite0", folder=place, threads=2)
        files = embed_files(
            files_under(folder), encoder, threads=2, on_refused=print, on_progress=lambda _: None
        )
        embeddings, names = files.embeddings, [path.parent.name for path in files.paths]
    return Photos(embeddings, np.unique(names, return_inverse=True)[1])


def centered(photos: Photos) -> Photos:
    return photos._replace(vectors=Centering.fit(photos.vectors).apply(photos.vectors))


def first_batch(photos: Photos, draws: int) -> None:
    photos = centered(photos)
    rng = np.random.default_rng(0)
    chances = [rng.permutation(len(photos.labels)) for _ in range(draws)]
    numbers = [n for n in NUMBERS if n <= 0.8 * len(photos.labels)]
    ours = first_to_label(photos.vectors, max(numbers))
    print("| labeled | ours | random | 95 % of draws | labels found: ours | random |")
    print("|---:|---:|---:|---:|---:|---:|")
    for n in numbers:
        rights = [right(photos, chance[:n]) for chance in chances]
        low, high = np.quantile(rights, (0.025, 0.975))
        by_chance = np.mean([len(np.unique(photos.labels[chance[:n]])) for chance in chances])
        print(
            f"| {n} | **{right(photos, ours[:n]):.1f}** | {np.mean(rights):.1f} | {low:.1f} to "
            f"{high:.1f} | {len(np.unique(photos.labels[ours[:n]]))} | {by_chance:.1f} |"
        )


def later_batches(photos: Photos) -> None:
    if len(photos.labels) * PART < 1.5 * sum(BATCHES):
        return
    steps = np.cumsum(BATCHES)
    print(f"\n| then, in the order | {' | '.join(map(str, steps))} |")
    print(f"|---|{'---:|' * len(steps)}")
    for name, order in ORDERS.items():
        rows = [one_project(part, order, seed) for seed, part in enumerate(parts_of(photos))]
        print(f"| {name} | {' | '.join(f'{mean:.1f}' for mean in np.mean(rows, axis=0))} |")


def parts_of(photos: Photos) -> list[Photos]:
    size = min(MOST_IN_PART, int(PART * len(photos.labels)))
    draws = (np.random.default_rng(seed).permutation(len(photos.labels)) for seed in range(PARTS))
    return [centered(photos.part(np.sort(draw[:size]))) for draw in draws]


Take = Callable[[Photos, np.ndarray, int, np.random.Generator], np.ndarray]


def one_project(photos: Photos, order: Take, seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    labeled = first_to_label(photos.vectors, BATCHES[0])
    rights = [right(photos, labeled)]
    for size in BATCHES[1:]:
        labeled = np.concatenate((labeled, order(photos, labeled, size, rng)))
        rights.append(right(photos, labeled))
    return rights


def mixed(photos: Photos, labeled: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(others(photos, labeled))[:n]


def typical(photos: Photos, labeled: np.ndarray, n: int, _: np.random.Generator) -> np.ndarray:
    return first_to_label(photos.vectors, n, labeled_rows=labeled)


def least_certain(photos: Photos, labeled: np.ndarray, n: int, _: object) -> np.ndarray:
    return others(photos, labeled)[np.argsort(-doubts(photos, labeled), kind="stable")[:n]]


def uncertain(photos: Photos, labeled: np.ndarray, n: int, _: np.random.Generator) -> np.ndarray:
    return spread_batch(photos.vectors, doubts(photos, labeled), n, labeled_rows=labeled)


ORDERS: dict[str, Take] = {
    "mixed": mixed,
    "typical and spread out": typical,
    "least certain alone (not offered)": least_certain,
    "least certain, spread out": uncertain,
}


def others(photos: Photos, labeled: np.ndarray) -> np.ndarray:
    return np.setdiff1d(np.arange(len(photos.labels)), labeled)


def hits_of(photos: Photos, labeled: np.ndarray) -> list[tuple[np.ndarray, list[list[int]]]]:
    """Similarities and labels of the hits of every other image."""
    found = nearest(photos.vectors[others(photos, labeled)], photos.vectors[labeled], k=K)
    k = min(K, len(labeled))
    carried = photos.labels[labeled][found.rows[:, :k]]
    return [
        (s, [[label] for label in row])
        for s, row in zip(found.similarities[:, :k], carried.tolist(), strict=True)
    ]


def doubts(photos: Photos, labeled: np.ndarray) -> np.ndarray:
    votes = (doubt(*hits, single=True) for hits in hits_of(photos, labeled))
    return np.fromiter(votes, np.float32)


def right(photos: Photos, labeled: np.ndarray) -> float:
    """Percent of the other images whose best label is theirs."""
    best = [vote(*hits)[0].label for hits in hits_of(photos, labeled)]
    return 100.0 * float(np.mean(np.array(best) == photos.labels[others(photos, labeled)]))


if __name__ == "__main__":
    main()
