"""The packaged encoders a person can choose: each is what it says, none is taken for another."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from similarity.encoders import DEFAULT_ENCODER, Encoder, load_encoder, packaged_encoders
from similarity.encoders.int8 import numbers_digest

from ...drawings import KINDS, draw_picture

NAMES = [choice.name for choice in packaged_encoders()]


@pytest.fixture(scope="module")
def encoders(encoder_folder: Path) -> dict[str, Encoder]:
    return {name: load_encoder(name, folder=encoder_folder) for name in NAMES}


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [draw_picture(kind, seed, size=(400, 300)) for kind in KINDS for seed in range(2)]


def test_the_default_comes_first_and_all_are_described() -> None:
    assert NAMES[0] == DEFAULT_ENCODER
    assert len({choice.title for choice in packaged_encoders()}) == len(NAMES)
    assert all(choice.description.endswith(".") for choice in packaged_encoders())


def test_each_is_what_the_list_says(encoders: dict[str, Encoder]) -> None:
    for choice in packaged_encoders():
        assert (encoders[choice.name].name, encoders[choice.name].dim) == (choice.name, choice.dim)


def test_versions_differ_and_fit_into_their_column(encoders: dict[str, Encoder]) -> None:
    versions = {encoder.version for encoder in encoders.values()}
    assert len(versions) == len(NAMES)
    assert max(map(len, versions)) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_embeddings_are_unit_rows_whatever_the_company(
    name: str, encoders: dict[str, Encoder], pictures: list[Image.Image]
) -> None:
    encoder = encoders[name]
    together = encoder.embed(pictures)
    assert (together.shape, together.dtype) == ((12, encoder.dim), np.float32)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    inputs = np.stack([encoder.preprocess(picture) for picture in pictures])
    alone = np.concatenate([encoder.embed_inputs(inputs[i : i + 1]) for i in range(12)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert encoder.embed([]).shape == (0, encoder.dim)
    assert encoder.embed_inputs(inputs[:0]).shape == (0, encoder.dim)


def test_int8_is_near_float32_and_orders_pictures_alike(
    encoders: dict[str, Encoder], pictures: list[Image.Image]
) -> None:
    exact = encoders["efficientnet-lite0"].embed(pictures)
    fast = encoders["efficientnet-lite0-int8"].embed(pictures)
    # Flat drawings are the hardest: photos reach 0.98. Unrelated pictures have 0.38.
    assert (exact * fast).sum(axis=1).min() > 0.6
    apart = ~np.eye(len(pictures), dtype=bool)
    assert np.corrcoef((exact @ exact.T)[apart], (fast @ fast.T)[apart])[0, 1] > 0.95


def test_int8_is_nearer_still_on_pictures_with_texture(
    encoders: dict[str, Encoder], pictures: list[Image.Image]
) -> None:
    rng = np.random.default_rng(0)
    grain = [rng.normal(0, 25, (300, 400, 1)) for _ in pictures]
    textured = [
        Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
        for picture, noise in zip(pictures, grain, strict=True)
    ]
    exact = encoders["efficientnet-lite0"].embed(textured)
    fast = encoders["efficientnet-lite0-int8"].embed(textured)
    assert (exact * fast).sum(axis=1).min() > 0.9


def test_int8_is_stored_as_int8(encoder_folder: Path) -> None:
    model = onnx.load(encoder_folder / "efficientnet-lite0-int8.onnx")
    weights = [onnx.numpy_helper.to_array(each) for each in model.graph.initializer]
    kernels = [each for each in weights if each.ndim == 4]
    assert len(kernels) == 49
    assert {each.dtype for each in kernels} == {np.dtype(np.int8)}


def test_products_of_int8_never_saturate_on_older_processors(encoder_folder: Path) -> None:
    """Without VNNI two products of an input (to 255) and a weight are added in 16 bits."""
    model = onnx.load(encoder_folder / "efficientnet-lite0-int8.onnx")
    for each in model.graph.initializer:
        kernel = onnx.numpy_helper.to_array(each)
        if kernel.ndim == 4 and kernel.shape[1] > 1:  # depthwise ones have a single input
            assert 2 * 255 * np.abs(kernel.astype(int)).max() < 2**15


def test_the_version_of_int8_covers_every_number_in_the_file(
    encoder_folder: Path, encoders: dict[str, Encoder]
) -> None:
    model = onnx.load(encoder_folder / "efficientnet-lite0-int8.onnx")
    before = numbers_digest(model)
    assert encoders["efficientnet-lite0-int8"].version.endswith(before[:12])
    for each in model.graph.initializer[::20]:
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        kept = next(other for other in changed.graph.initializer if other.name == each.name)
        array = onnx.numpy_helper.to_array(kept).copy()
        array.flat[0] += 1
        kept.CopyFrom(onnx.numpy_helper.from_array(array, kept.name))
        assert numbers_digest(changed) != before, each.name


def test_a_joined_encoder_is_its_parts_side_by_side(
    encoders: dict[str, Encoder], pictures: list[Image.Image]
) -> None:
    parts = [
        encoders[name].embed(pictures) for name in ("efficientnet-lite0", "efficientnet-lite2")
    ]
    joined = encoders["efficientnet-lite0+lite2"].embed(pictures)
    np.testing.assert_allclose(joined, np.concatenate(parts, axis=1) / np.sqrt(2), atol=1e-6)
    mean = sum(part @ part.T for part in parts) / 2
    np.testing.assert_allclose(joined @ joined.T, mean, atol=1e-5)


def test_a_joined_encoder_wants_what_its_largest_part_wants(encoders: dict[str, Encoder]) -> None:
    sides = [encoders[name].short_side for name in ("efficientnet-lite0", "efficientnet-lite2")]
    assert encoders["efficientnet-lite0+lite2"].short_side == max(sides) == 292


def test_a_choice_is_built_when_all_its_files_are_there(tmp_path: Path) -> None:
    built = []
    for name in ("efficientnet-lite0", "efficientnet-lite2", "efficientnet-lite0-int8"):
        (tmp_path / f"{name}.onnx").touch()
        built.append([choice.name for choice in packaged_encoders() if choice.is_built(tmp_path)])
    assert built[0] == ["efficientnet-lite0"]
    assert set(built[1]) == {
        "efficientnet-lite0",
        "efficientnet-lite2",
        "efficientnet-lite0+lite2",
    }
    assert set(built[2]) == set(NAMES)
    assert all(set(fewer) < set(more) for fewer, more in pairwise(built))
