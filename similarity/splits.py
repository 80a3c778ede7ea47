"""Training and validation: a split that keeps near-duplicates together and labels in proportion."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MOST_PERCENT = 50


class Unit(NamedTuple):
    """Images that must lie on the same side: one, or near-duplicates of each other.

    ``key`` names them wherever they lie in the list: the lowest content hash among them. ``label``
    is the one they count for, "" for unlabeled ones.
    """

    key: str
    size: int
    label: str


def validation_units(units: Sequence[Unit], *, percent: int) -> set[int]:
    """Choose which units are for validation.

    In each label the units come in an order that is random but their own, by a hash of their keys,
    and the first of them are taken until the label's share is reached. An image that is added or
    taken away therefore moves the border between the sides by its own width, and what is not at the
    border stays where it is. What a label's units are too large or too few to give, the next label
    gives, so that rounding does not add up over many labels. A label that is one unit only stays in
    training, where it can be learned, as long as the others can make up the percentage.

    Args:
        units: any order; two of the same key are taken in the order given.
        percent: 1 to 50 of all images.

    Returns:
        Places in ``units``. All together they are within half of the largest unit of ``percent``;
        where every unit is one image, within half an image.

    Raises:
        ValueError: ``percent`` outside its range.

    Cost: sorting the units.
    """
    if not 1 <= percent <= MOST_PERCENT:
        raise ValueError(f"percent must lie between 1 and {MOST_PERCENT}")
    lone, several = _by_label(units)
    wanted = percent / 100 * sum(unit.size for unit in units)
    divisible = sum(units[place].size for places in several for place in places)
    # Labels of one unit leave their share to the others; no label gives more than half of itself.
    share = min(MOST_PERCENT / 100, wanted / divisible) if divisible else 0.0
    chosen: set[int] = set()
    owed = 0.0
    for places in several:
        owed += share * sum(units[place].size for place in places)
        taken = _first_of(units, places, owed)
        owed -= sum(units[place].size for place in taken)
        chosen |= taken
    missing = wanted - sum(units[place].size for place in chosen)
    return chosen | _first_of(units, lone, missing)


def _by_label(units: Sequence[Unit]) -> tuple[list[int], list[list[int]]]:
    """Return the units that are a label's only one, and those of each other label by its name."""
    of_label: dict[str, list[int]] = defaultdict(list)
    for place in sorted(range(len(units)), key=lambda place: _rank(units[place].key)):
        of_label[units[place].label].append(place)
    several = [of_label[label] for label in sorted(of_label) if len(of_label[label]) > 1]
    alone = {places[0] for places in of_label.values() if len(places) == 1}
    lone = [place for places in of_label.values() for place in places if place in alone]
    return sorted(lone, key=lambda place: _rank(units[place].key)), several


def _rank(key: str) -> bytes:
    # Hashed again: the lowest hash of a large group is low, and would always come first.
    return hashlib.sha256(key.encode()).digest()


def _first_of(units: Sequence[Unit], places: Iterable[int], wanted: float) -> set[int]:
    """Take units in their order where that brings the images taken nearer to ``wanted``.

    Once half of all images are taken, no more are.
    """
    places = list(places)
    half = sum(units[place].size for place in places) / 2
    taken: set[int] = set()
    size = 0
    for place in places:
        if size < half and units[place].size <= 2 * (wanted - size):
            taken.add(place)
            size += units[place].size
    return taken
