"""What others do, on the same embeddings: the usual loop, and LightlyStudio's published method.

Both are what a product of their kind would do and are written here, not in the application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.effort.person import Person
from benchmarks.effort.stage import Stage
from projects.services import collections

BATCH = 50
HITS = 10
CUT = 0.5
TREES = 100

Vectors = NDArray[np.float32]
Guess = tuple[str | None, frozenset[str]]
"""The suggested label, and all labels that the row offers to tick."""
Guesser = Callable[[Vectors, NDArray[np.str_], Vectors], Iterator[Guess]]


def usual_loop(stage: Stage, seed: int) -> Person:
    """Random batches of 50, plain cosine summed over the 10 nearest, one correction at a time."""
    return _batches(stage, seed, _summed_similarity)


def forest(stage: Stage, seed: int) -> Person:
    """A random forest whose label is shown from a probability of 0.5 on, random batches of 50.

    Source: the few-shot classifier of LightlyStudio (lightly-ai/lightly-studio), a random forest on
    embeddings with a cut of 0.5.
    """
    from sklearn.ensemble import RandomForestClassifier

    def guess(labeled: Vectors, labels: NDArray[np.str_], queries: Vectors) -> Iterator[Guess]:
        model = RandomForestClassifier(TREES, random_state=seed, n_jobs=2).fit(labeled, labels)
        for shares in model.predict_proba(queries):
            best = int(shares.argmax())
            label = str(model.classes_[best]) if shares[best] >= CUT else None
            yield label, frozenset([label] if label else [])

    return _batches(stage, seed, guess)


def _batches(stage: Stage, seed: int, guesser: Guesser) -> Person:
    project, person, rng = stage.begin(seed)
    whole = collections.collection(project)
    ids = rng.permutation(sorted(person.truth))
    vectors = whole.vectors[whole.rows(ids.tolist())]
    truth = np.array([person.truth[i] for i in ids.tolist()])
    for image_id in ids[:BATCH].tolist():
        person.give(image_id)
    person.commit()
    for start in range(BATCH, len(ids), BATCH):
        part = slice(start, start + BATCH)
        guesses = guesser(vectors[:start], truth[:start], vectors[part])
        for image_id, (label, offered) in zip(ids[part].tolist(), guesses, strict=True):
            if label != person.truth[image_id]:
                person.tick(image_id, offered)
        person.commit()
    return person


def _summed_similarity(
    labeled: Vectors, labels: NDArray[np.str_], queries: Vectors
) -> Iterator[Guess]:
    products = queries @ labeled.T
    for line in products:
        sums: dict[str, float] = {}
        for row in np.argsort(-line, kind="stable")[:HITS].tolist():
            sums[str(labels[row])] = sums.get(str(labels[row]), 0.0) + float(line[row])
        yield max(sums, key=lambda each: sums[each]), frozenset(sums)
