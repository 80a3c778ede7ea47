"""Float32 Lite0: its preprocessing, its vectors, and what it says when it is not there."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from similarity.encoders import DEFAULT_ENCODER, Encoder, load_encoder, packaged_encoders
from similarity.errors import EncoderUnavailable
from similarity.images import read_image

from ...drawings import KINDS, draw_picture


@pytest.fixture(scope="module")
def encoder(encoder_folder: Path) -> Encoder:
    return load_encoder("efficientnet-lite0", folder=encoder_folder)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [draw_picture(kind, seed) for kind in KINDS for seed in range(3)]


def plain_preprocess(image: Image.Image) -> np.ndarray:
    """Resize all, then crop the middle, as the model's authors do."""
    scale = 256 / min(image.size)
    size = [round(edge * scale) for edge in image.size]
    whole = image.resize(size, Image.Resampling.BICUBIC)
    left, top = ((edge - 224) // 2 for edge in size)
    crop = np.asarray(whole.crop((left, top, left + 224, top + 224)), np.float32)
    return (crop.transpose(2, 0, 1) - 127.5) / 127.5


def test_it_says_what_it_is(encoder: Encoder) -> None:
    assert (encoder.name, encoder.dim, encoder.short_side) == ("efficientnet-lite0", 1280, 256)
    # Weights, preprocessing and number format: a change here makes all stored vectors useless.
    assert encoder.version == "bicubic256-crop224-f32-1-579344248a93"


@pytest.mark.parametrize("size", [(256, 256), (400, 300), (301, 1003), (90, 120)])
def test_preprocessing_is_the_plain_definition(encoder: Encoder, size: tuple[int, int]) -> None:
    picture = draw_picture("red circle", size=size)
    ours, plain = encoder.preprocess(picture), plain_preprocess(picture)
    assert (ours.shape, ours.dtype) == ((3, 224, 224), np.float32)
    assert ours.flags.c_contiguous
    assert np.abs(ours - plain).mean() < 0.02
    assert -1 <= ours.min() <= ours.max() <= 1


def test_embeddings_are_unit_rows_in_the_order_of_the_images(
    encoder: Encoder, pictures: list[Image.Image]
) -> None:
    together = encoder.embed(pictures)
    assert (together.shape, together.dtype) == ((18, 1280), np.float32)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.embed([picture]) for picture in pictures])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_inputs_preprocessed_elsewhere_embed_the_same(
    encoder: Encoder, pictures: list[Image.Image]
) -> None:
    with ThreadPoolExecutor(4) as threads:
        inputs = np.stack(list(threads.map(encoder.preprocess, pictures)))
    np.testing.assert_array_equal(encoder.embed_inputs(inputs), encoder.embed(pictures))


def test_nothing_to_embed_is_no_error(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, 1280)
    assert encoder.embed_inputs(np.empty((0, 3, 224, 224), np.float32)).shape == (0, 1280)


@pytest.mark.parametrize("size", [(1, 1), (3, 62_728), (60_000, 2)])
def test_any_shape_of_picture_is_embedded(encoder: Encoder, size: tuple[int, int]) -> None:
    assert np.isfinite(encoder.embed([Image.new("RGB", size, "white")])).all()


def test_pictures_of_a_kind_are_nearer_than_others(
    encoder: Encoder, pictures: list[Image.Image]
) -> None:
    embeddings = encoder.embed(pictures)
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -1)
    kinds = np.repeat(np.arange(len(KINDS)), 3)
    assert (kinds[cosines.argmax(axis=1)] == kinds).mean() > 0.8


def test_a_jpeg_decoded_smaller_embeds_nearly_the_same(encoder: Encoder, tmp_path: Path) -> None:
    draw_picture("purple star", size=(1600, 1200)).save(tmp_path / "large.jpg")
    whole = read_image(tmp_path / "large.jpg")
    smaller = read_image(tmp_path / "large.jpg", short_side=encoder.short_side)
    assert smaller.width < whole.width
    first, second = encoder.embed([whole, smaller])
    assert first @ second > 0.97


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match="open_clip:<model>") as refused:
        load_encoder("resnet", folder=tmp_path)
    assert refused.value.code == "unknown_encoder"
    assert all(f" {choice.name}" in refused.value.message for choice in packaged_encoders())


@pytest.mark.parametrize("name", [choice.name for choice in packaged_encoders()])
def test_a_file_not_built_says_what_to_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(EncoderUnavailable, match="make setup") as refused:
        load_encoder(name, folder=tmp_path)
    assert refused.value.code == "encoder_not_built"


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08\x07"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{DEFAULT_ENCODER}.onnx").write_bytes(content)
    with pytest.raises(EncoderUnavailable, match="damaged") as refused:
        load_encoder(DEFAULT_ENCODER, folder=tmp_path)
    assert refused.value.code == "encoder_broken"


def test_embedding_with_the_default_encoder_never_imports_torch(encoder_folder: Path) -> None:
    script = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
import similarity.centering, similarity.images, similarity.neighbours, similarity.suggest
from similarity.encoders import DEFAULT_ENCODER, load_encoder
load_encoder(DEFAULT_ENCODER, folder=Path(sys.argv[1])).embed([Image.new("RGB", (300, 300))])
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"torch", "torchvision", "open_clip", "timm", "django", "celery"}))
"""
    command = [sys.executable, "-c", script, str(encoder_folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", [choice.name for choice in packaged_encoders()])
def test_a_vector_depends_neither_on_threads_nor_on_what_is_embedded_with_it(
    name: str, encoder_folder: Path, pictures: list[Image.Image]
) -> None:
    """Workers run one core a call, several calls at once; the web server one call on all cores."""
    one_core = load_encoder(name, folder=encoder_folder, threads=1)
    all_cores = load_encoder(name, folder=encoder_folder, threads=2)
    assert one_core.is_thread_safe
    inputs = [one_core.preprocess(picture) for picture in pictures[:9]]
    alone = [all_cores.embed_inputs(each[None])[0] for each in inputs]
    with ThreadPoolExecutor(4) as threads:
        groups = [np.stack(inputs[start : start + 3]) for start in range(0, 9, 3)] * 4
        together = list(threads.map(one_core.embed_inputs, groups))
    np.testing.assert_array_equal(np.concatenate(together), np.stack(alone * 4))
