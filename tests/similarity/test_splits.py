"""Train/validation splits: near the percentage, near-duplicates together, and steady."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from similarity.splits import Unit, validation_units

SEEDS = range(60)


def made_up(seed: int, *, largest: int = 12) -> tuple[list[Unit], int]:
    """Some units, mostly single images, of a few labels or of many, and a percentage."""
    rng = random.Random(seed)
    labels = [f"label {n}" for n in range(rng.choice([1, 2, 5, 30]))] + [""]
    sizes = [1, 1, 1, 1, 2, 3, rng.randint(1, largest)]
    units = [
        Unit(f"{rng.getrandbits(256):064x}", rng.choice(sizes), rng.choice(labels))
        for _ in range(rng.randint(1, 150))
    ]
    return units, rng.randint(1, 50)


def size(units: list[Unit], chosen: set[int]) -> int:
    return sum(units[place].size for place in chosen)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_whole_is_within_half_of_the_largest_group_of_what_was_asked(seed: int) -> None:
    units, percent = made_up(seed)
    wanted = percent / 100 * sum(unit.size for unit in units)
    got = size(units, validation_units(units, percent=percent))
    assert abs(got - wanted) <= max(unit.size for unit in units) / 2 + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_single_images_come_as_near_as_whole_images_can(seed: int) -> None:
    units, percent = made_up(seed)
    units = [unit._replace(size=1) for unit in units]
    got = len(validation_units(units, percent=percent))
    assert abs(got - percent / 100 * len(units)) <= 0.5 + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_each_label_comes_near_its_share(seed: int) -> None:
    units, percent = made_up(seed, largest=3)
    counts = Counter(unit.label for unit in units)
    chosen = validation_units(units, percent=percent)
    wanted = percent / 100 * sum(unit.size for unit in units)
    divisible = sum(unit.size for unit in units if counts[unit.label] > 1)
    share = min(0.5, wanted / divisible) if divisible else 0
    for label in {unit.label for unit in units if counts[unit.label] > 1}:
        of_label = [place for place, unit in enumerate(units) if unit.label == label]
        got = size(units, chosen & set(of_label))
        # What is owed from the labels before, and what the last group goes beyond it.
        assert abs(got - share * size(units, set(of_label))) <= 3 + 1e-9


def test_four_images_each_of_many_labels_do_not_all_round_the_same_way() -> None:
    units = [Unit(f"{n:064x}", 1, f"label {n // 4:03}") for n in range(4 * 242)]
    chosen = validation_units(units, percent=20)
    assert len(chosen) == round(0.2 * len(units))
    assert set(Counter(units[place].label for place in chosen).values()) == {1}


def test_a_label_of_one_image_stays_in_training_where_others_can_make_up_for_it() -> None:
    units = [Unit(f"{n:064x}", 1, f"rare {n}") for n in range(20)]
    units += [Unit(f"{n:064x}", 1, "common") for n in range(100, 200)]
    chosen = validation_units(units, percent=20)
    assert len(chosen) == 24
    assert {units[place].label for place in chosen} == {"common"}
    assert len(validation_units(units[:20], percent=20)) == 4, "nothing else is there to take"


def test_a_group_too_large_for_validation_is_for_training() -> None:
    units = [Unit("a" * 64, 90, "video"), *(Unit(f"{n:064x}", 1, "video") for n in range(60))]
    chosen = validation_units(units, percent=20)
    assert 0 not in chosen
    assert len(chosen) == 30


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_images_makes_no_difference(seed: int) -> None:
    units, percent = made_up(seed)
    shuffled = random.Random(seed + 1).sample(units, len(units))
    keys = [units[place].key for place in validation_units(units, percent=percent)]
    others = [shuffled[place].key for place in validation_units(shuffled, percent=percent)]
    assert sorted(keys) == sorted(others)


def test_few_images_change_sides_when_a_tenth_more_are_added() -> None:
    rng = random.Random(8)
    labels = [f"label {n}" for n in range(10)]
    units = [Unit(f"{rng.getrandbits(256):064x}", 1, rng.choice(labels)) for _ in range(2200)]
    before = {units[place].key for place in validation_units(units[:2000], percent=20)}
    after = {units[place].key for place in validation_units(units, percent=20)}
    known = {unit.key for unit in units[:2000]}
    assert len(before ^ (after & known)) <= 2000 * 0.02
    with_new_label = [*units, *(Unit(f"{n:064x}", 1, "a new one") for n in range(40))]
    again = {with_new_label[p].key for p in validation_units(with_new_label, percent=20)}
    assert len(after ^ (again & {unit.key for unit in units})) <= len(labels)


@pytest.mark.parametrize("percent", [0, 51, -1])
def test_a_percentage_out_of_bounds_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="percent"):
        validation_units([Unit("a", 1, "")], percent=percent)


def test_no_images_make_no_validation() -> None:
    assert validation_units([], percent=20) == set()
