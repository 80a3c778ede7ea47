"""A simulated reviewer: knows every right label, makes no mistake, and counts what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

KEYS = 9
"""Labels that one key press gives; a label beyond is opened in the picker and chosen there."""


@dataclass
class Person:
    """Counts acts by kind. One act is one key or one click; looking and scrolling are free.

    - `label`: a label given by its key, or one of those offered with the image;
    - `picker`: two acts, opening the list of labels and choosing or typing one: every new label,
      and one that neither has a key nor is offered;
    - `select`: a photo marked as wrong before it is given its label;
    - `tick`: a suggested label set or removed on the review page;
    - `accept`: everything shown, or everything before a place, is right;
    - `commit`: Add to dataset.
    """

    truth: dict[int, str]
    """The right label of each image, by the image's id."""
    acts: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    """Images with a wrong label in the end; only what is accepted without a look can be wrong."""
    known: list[str] = field(default_factory=list)
    """Labels in the order they were first given: the first nine have keys."""

    @property
    def total(self) -> int:
        """All acts so far."""
        return sum(self.acts.values())

    @property
    def per_image(self) -> float:
        """Acts an image."""
        return self.total / len(self.truth)

    def give(self, image_id: int, offered: Collection[str] = ()) -> str:
        """Give the right label by hand and return it."""
        label = self.truth[image_id]
        if label in offered or label in self.known[:KEYS]:
            self.acts["label"] += 1
        else:
            self.acts["picker"] += 2
        if label not in self.known:
            self.known.append(label)
        return label

    def tick(self, image_id: int, offered: Collection[str]) -> str:
        """Correct a row of a review: tick an offered label, or give one by hand."""
        if self.truth[image_id] in offered:
            self.acts["tick"] += 1
            return self.truth[image_id]
        return self.give(image_id)

    def accept(self) -> None:
        self.acts["accept"] += 1

    def commit(self) -> None:
        self.acts["commit"] += 1
