"""How well labels that were replaced at random are found, and whether their odds come true.

    python benchmarks/wrong_labels.py FILE [FILE ...] [--draws 6] [--rate 0.05]

Each FILE is a .npz of labeled photos: `e` float32 unit embeddings, `l` labels. Printed for each
score: percent of replaced labels among the first 20 and 50, and how many of all lie in the first
tenth. Then, for the one that is used, promised probabilities beside the shares that were wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from similarity.centering import Centering  # noqa: E402
from similarity.disagreement import JUDGE, find_suspects  # noqa: E402
from similarity.methods import Head, Method, NeighbourVote  # noqa: E402

MOST = 1_200
"""Images of a folder that are looked at: more only take longer."""
BINS = (0.1, 0.15, 0.3, 0.5, 0.7, 0.9, 1.01)
METHODS: dict[str, Method] = {"vote": NeighbourVote(), "head 0.1": Head(), "head 1.0": JUDGE}
SCORES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "own": lambda own, _: -own,
    "margin": lambda own, other: other - own,
    "ratio": lambda own, other: np.log((other + 0.05) / (own + 0.05)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--draws", type=int, default=6)
    parser.add_argument("--rate", type=float, default=0.05)
    chosen = parser.parse_args()
    with threadpool_limits(limits=1, user_api="blas"):
        for file in chosen.files:
            measure(file, chosen.draws, chosen.rate)


def measure(file: Path, draws: int, rate: float) -> None:
    kept = np.load(file)
    true_of = np.unique(kept["l"], return_inverse=True)[1]
    found: dict[str, list[tuple[float, float, float]]] = {}
    promised, kept_promise = [], []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(true_of))[:MOST]
        raw = kept["e"][rows].astype(np.float32)
        vectors = Centering.fit(raw).apply(raw)
        given, wrong = replaced(true_of[rows], rate, rng)
        targets = np.eye(true_of.max() + 1, dtype=np.float32)[given]
        for name, doubt in doubts(vectors, targets):
            found.setdefault(name, []).append(placed(doubt, wrong))
        suspects = find_suspects(JUDGE.fit(vectors, targets).leave_one_out(), targets)
        promised.append(suspects.probabilities)
        kept_promise.append(wrong[suspects.rows])
    print(f"{file.stem}: {len(rows)} images; in the first 20, the first 50, the first tenth (%)")
    for name, figures in found.items():
        print(f"  {name:<16}" + "".join(f"{100 * x:7.1f}" for x in np.mean(figures, axis=0)))
    tell_promises(np.concatenate(promised), np.concatenate(kept_promise))


def replaced(
    true: np.ndarray, rate: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which a share is replaced by others at random, and which ones are."""
    number = true.max() + 1
    wrong = np.zeros(len(true), np.bool_)
    wrong[rng.permutation(len(true))[: round(rate * len(true))]] = True
    return np.where(wrong, (true + rng.integers(1, number, len(true))) % number, true), wrong


def doubts(vectors: np.ndarray, targets: np.ndarray) -> list[tuple[str, np.ndarray]]:
    made = []
    for method_name, method in METHODS.items():
        scores = method.fit(vectors, targets).leave_one_out()
        own = np.where(targets > 0, scores, np.inf).min(axis=1)
        other = np.where(targets > 0, -np.inf, scores).max(axis=1)
        made += [(f"{method_name} {name}", score(own, other)) for name, score in SCORES.items()]
    return made


def placed(doubt: np.ndarray, wrong: np.ndarray) -> tuple[float, float, float]:
    order = np.argsort(-doubt, kind="stable")
    tenth = wrong[order[: round(0.1 * len(order))]].sum() / wrong.sum()
    return wrong[order[:20]].mean(), wrong[order[:50]].mean(), tenth


def tell_promises(promised: np.ndarray, wrong: np.ndarray) -> None:
    for low, high in pairwise(BINS):
        inside = (promised >= low) & (promised < high)
        if inside.any():
            figures = f"{100 * promised[inside].mean():.0f} -> {100 * wrong[inside].mean():.0f}"
            print(f"  promised {figures} % ({inside.sum()} images)")


if __name__ == "__main__":
    main()
