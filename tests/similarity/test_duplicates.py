"""Pairs and groups of near-duplicates, against their plain definitions, and on real photos."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from similarity import duplicates
from similarity.duplicates import (
    LOOSE,
    NORMAL,
    Group,
    Pairs,
    connected,
    groups_of,
    near_pairs,
)
from similarity.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from similarity.images import read_image

# As in a web process: on a busy machine a second thread makes small products slower, not faster.
_one_blas_thread = threadpool_limits(limits=1, user_api="blas")

Vectors = NDArray[np.float32]
SEEDS = range(12)


def made_up(seed: int, *, n: int = 90, dim: int = 300, spread: float = 0.35) -> Vectors:
    """Unit rows with what images have: something in common, a few subjects, and copies of some."""
    rng = np.random.default_rng(seed)
    subjects = rng.normal(size=(n // 3, dim)) + 0.5 * rng.normal(size=dim)
    rows = subjects[rng.integers(len(subjects), size=n)]
    rows = rows + spread * rng.uniform(0, 1, (n, 1)) * rng.normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def plain_pairs(vectors: Vectors, *, least: float) -> dict[tuple[int, int], float]:
    """Every pair, one at a time."""
    found = {}
    for upper in range(len(vectors)):
        for lower in range(upper):
            cosine = float(np.dot(vectors[lower].astype(float), vectors[upper].astype(float)))
            if cosine >= least:
                found[lower, upper] = cosine
    return found


def plain_groups(pairs: dict[tuple[int, int], float]) -> list[set[int]]:
    """Again and again the row with the most free partners, and those."""
    free = {row for pair in pairs for row in pair}
    groups = []
    while True:
        partners = {
            row: {b if a == row else a for a, b in pairs if row in (a, b)} & free for row in free
        }
        middle = max(sorted(free), key=lambda row: len(partners[row]), default=None)
        if middle is None or not partners[middle]:
            return groups
        groups.append({middle, *partners[middle]})
        free -= groups[-1]


def as_dict(pairs: Pairs) -> dict[tuple[int, int], float]:
    rows = zip(pairs.lower.tolist(), pairs.upper.tolist(), strict=True)
    return dict(zip(rows, pairs.similarity.tolist(), strict=True))


def pairs_from(*pairs: tuple[int, int, float]) -> Pairs:
    lower, upper, similarity = zip(*pairs, strict=True)
    return Pairs(np.array(lower), np.array(upper), np.array(similarity, np.float32))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pairs_are_those_of_the_plain_definition(seed: int) -> None:
    vectors = made_up(seed, n=200)
    plain = plain_pairs(vectors, least=LOOSE)
    assert plain, "made-up rows without a pair test nothing"
    found = as_dict(near_pairs(vectors, least=LOOSE))
    assert found.keys() == plain.keys()
    assert found == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize("numbers", [1, 97, 1_000])
def test_blocks_of_any_size_find_the_same_in_the_same_order(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = made_up(3, n=200)
    whole = near_pairs(vectors, least=LOOSE)
    monkeypatch.setattr(duplicates, "_BLOCK_NUMBERS", numbers)
    assert list(as_dict(near_pairs(vectors, least=LOOSE))) == list(as_dict(whole))


def test_rows_of_few_dimensions_are_compared_as_they_are() -> None:
    vectors = made_up(1, n=200, dim=16)
    assert (
        as_dict(near_pairs(vectors, least=LOOSE)).keys() == plain_pairs(vectors, least=LOOSE).keys()
    )


def test_where_most_pairs_are_alike_the_block_is_computed_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = made_up(2, n=200, spread=0.2)
    gathered = as_dict(near_pairs(vectors, least=0.5))
    monkeypatch.setattr(duplicates, "_MOST_GATHERED", 0.0)
    assert as_dict(near_pairs(vectors, least=0.5)) == pytest.approx(gathered, abs=1e-5)


@pytest.mark.parametrize("start", [0, 1, 40, 190, 200])
def test_what_new_rows_bring_completes_what_was_known(start: int) -> None:
    vectors = made_up(4, n=200)
    known = near_pairs(vectors[:start], least=LOOSE) if start else near_pairs(vectors[:1], least=1)
    both = known.followed_by(near_pairs(vectors, least=LOOSE, start=start))
    assert as_dict(both).keys() == plain_pairs(vectors, least=LOOSE).keys()


def test_of_a_row_like_hundreds_the_nearest_are_kept_and_ties_by_lower_row() -> None:
    same = np.repeat(made_up(5, n=3)[:1], 2 * duplicates.MOST_A_ROW, axis=0)
    found = near_pairs(same, least=LOOSE)
    last = found.lower[found.upper == len(same) - 1]
    assert last.tolist() == list(range(duplicates.MOST_A_ROW))
    [group] = groups_of(found)
    assert sorted(group.rows) == list(range(len(same)))


@pytest.mark.parametrize("n", [0, 1])
def test_no_image_and_one_image_have_no_pair(n: int) -> None:
    vectors = made_up(0)[:n]
    assert len(near_pairs(vectors, least=LOOSE).lower) == 0
    assert len(near_pairs(np.empty((0, 0), np.float32), least=LOOSE).lower) == 0


@pytest.mark.parametrize("least", [0, -1, 1.01])
def test_a_cosine_out_of_range_is_refused(least: float) -> None:
    with pytest.raises(ValueError, match="least"):
        near_pairs(made_up(0), least=least)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_groups_are_those_of_the_plain_definition(seed: int) -> None:
    # Near the middle of what there is, so that groups compete for rows.
    pairs = near_pairs(made_up(seed, spread=0.8), least=0.75)
    groups = groups_of(pairs)
    plain = plain_groups(as_dict(pairs))
    assert len(groups) > 3
    assert [set(group.rows) for group in groups] == sorted(plain, key=min)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_member_of_a_group_is_alike_to_the_one_in_its_middle(seed: int) -> None:
    vectors = made_up(seed, spread=0.8)
    for group in groups_of(near_pairs(vectors, least=0.75)):
        cosines = vectors[list(group.rows)] @ vectors[group.rows[0]]
        assert cosines.min() >= 0.75 - 1e-5
        assert list(group.similarities) == pytest.approx(cosines.tolist(), abs=1e-5)
        assert list(group.similarities) == sorted(group.similarities, reverse=True)


def test_a_chain_is_no_group_but_is_connected() -> None:
    chain = pairs_from(*((at, at + 1, 0.96) for at in range(8)))
    assert all(len(group.rows) <= 3 for group in groups_of(chain))
    assert connected(chain, rows=10).tolist() == [0] * 9 + [9]


def test_equally_many_partners_the_lower_row_is_the_middle() -> None:
    assert groups_of(pairs_from((2, 5, 0.97))) == [Group((2, 5), (1.0, pytest.approx(0.97)))]


def test_pairs_of_unwanted_rows_and_less_alike_ones_are_left_out() -> None:
    pairs = pairs_from((0, 1, 0.99), (0, 2, 0.91), (1, 3, 0.99))
    wanted = np.array([True, True, True, False])
    assert list(as_dict(pairs.among(wanted, least=0.95))) == [(0, 1)]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_pair_lies_in_two_components(seed: int) -> None:
    pairs = near_pairs(made_up(seed, spread=0.8), least=0.75)
    roots = connected(pairs, rows=90)
    assert (roots[pairs.lower] == roots[pairs.upper]).all()
    assert (roots <= np.arange(90)).all()
    assert (roots[roots] == roots).all()


# --- on real photos


@pytest.fixture(scope="module")
def encoder(encoder_folder: Path) -> Encoder:
    return load_encoder(DEFAULT_ENCODER, folder=encoder_folder)


def photos(folder: Path, number: int) -> list[Path]:
    """So many files, evenly from all subfolders."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".jpg", ".png"})
    return files[:: max(1, len(files) // number)][:number]


def embedded(pictures: list[Image.Image], encoder: Encoder) -> Vectors:
    return encoder.embed(pictures)


def saved_again(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return read_image(buffer, short_side=256)


def cut(picture: Image.Image) -> Image.Image:
    w, h = picture.size
    return picture.crop((w // 50, h // 50, w - w // 50, h - h // 50))


def test_copies_of_real_photos_are_found_and_different_photos_are_not(
    shared_data: Path, encoder: Encoder
) -> None:
    originals = [
        read_image(path, short_side=encoder.short_side)
        for path in photos(shared_data / "clothing", 120)
    ]
    again = [saved_again(picture, 60) for picture in originals[:20]]
    cropped = [cut(picture) for picture in originals[:20]]
    vectors = embedded([*originals, *again, *cropped], encoder)
    groups = groups_of(near_pairs(vectors, least=NORMAL))
    expected = [{at, 120 + at, 140 + at} for at in range(20)]
    found = [set(group.rows) for group in groups]
    assert sum(group in expected for group in found) >= 18
    for group in found:
        assert any(group <= one for one in expected), "photos of different things in one group"


def test_drawings_of_the_same_character_are_no_near_duplicates(
    shared_data: Path, encoder: Encoder
) -> None:
    files = sorted((shared_data / "omniglot").rglob("*.png"))[:240]  # 60 characters, 4 of each
    pictures = [read_image(path, short_side=encoder.short_side) for path in files]
    pairs = near_pairs(embedded(pictures, encoder), least=NORMAL)
    assert len(pairs.lower) <= 6, "six of 468,000 pairs of the whole set were measured"
