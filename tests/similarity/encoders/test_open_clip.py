"""CLIP encoders, with a model small enough to be made here: random weights, saved and loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from similarity.encoders import Encoder, load_encoder
from similarity.encoders.clip_inputs import ClipInputs
from similarity.encoders.torchvision_ops import declare_missing_operators
from similarity.errors import EncoderUnavailable

from ...drawings import KINDS, draw_picture

declare_missing_operators()
import open_clip  # noqa: E402
from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: E402

TINY = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 1, "layers": 1},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny-for-tests.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-for-tests.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-for-tests")
    torch.save(model.state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


@pytest.fixture(scope="module")
def encoder(weights: Path) -> Encoder:
    return load_encoder(f"open_clip:tiny-for-tests/{weights}", folder=weights.parent)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [draw_picture(kind, seed) for kind in KINDS for seed in range(3)]


def test_it_says_what_it_is(encoder: Encoder, weights: Path) -> None:
    assert encoder.name == f"open_clip:tiny-for-tests/{weights}"
    assert (encoder.dim, encoder.short_side) == (24, 32)


def test_embeddings_are_those_of_open_clip_itself(
    encoder: Encoder, weights: Path, pictures: list[Image.Image]
) -> None:
    model, _, transform = open_clip.create_model_and_transforms(
        "tiny-for-tests", pretrained=str(weights)
    )
    with torch.inference_mode():
        batch = torch.stack([transform(picture) for picture in pictures])
        plain = model.eval().encode_image(batch, normalize=True).numpy()
    ours = encoder.embed(pictures)
    assert (ours.shape, ours.dtype) == ((18, 24), np.float32)
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    assert (ours * plain).sum(axis=1).min() > 0.99


def test_inputs_preprocessed_elsewhere_embed_the_same(
    encoder: Encoder, pictures: list[Image.Image]
) -> None:
    inputs = np.stack([encoder.preprocess(picture) for picture in pictures])
    assert (inputs.shape, inputs.dtype) == ((18, 3, 32, 32), np.float32)
    np.testing.assert_allclose(encoder.embed_inputs(inputs), encoder.embed(pictures), atol=1e-6)


def test_nothing_to_embed_is_no_error(encoder: Encoder) -> None:
    assert encoder.embed([]).shape == (0, 24)
    assert encoder.embed_inputs(np.empty((0, 3, 32, 32), np.float32)).shape == (0, 24)


@pytest.mark.parametrize("size", [(1, 1), (3, 62_728)])
def test_any_shape_of_picture_is_embedded(encoder: Encoder, size: tuple[int, int]) -> None:
    assert np.isfinite(encoder.embed([Image.new("RGB", size, "white")])).all()


def test_other_weights_are_another_version(encoder: Encoder, weights: Path) -> None:
    state = torch.load(weights, weights_only=True)
    other = weights.with_name("other.pt")
    torch.save({name: tensor * 2 for name, tensor in state.items()}, other)
    again = load_encoder(f"open_clip:tiny-for-tests/{weights}", folder=weights.parent)
    changed = load_encoder(f"open_clip:tiny-for-tests/{other}", folder=weights.parent)
    assert again.version == encoder.version != changed.version


@pytest.mark.parametrize("resize_mode", ["shortest", "squash", "longest"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(96, 96), (300, 200), (70, 211)])
def test_preprocessing_is_that_of_open_clip(
    resize_mode: str, interpolation: str, size: tuple[int, int]
) -> None:
    settings = {
        "size": 64,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.3, 0.4),
        "interpolation": interpolation,
        "resize_mode": resize_mode,
        "fill_color": 9,
    }
    picture = draw_picture("blue square", size=size)
    transform = image_transform_v2(PreprocessCfg(**settings), is_train=False)
    ours, plain = ClipInputs.of(settings).of_image(picture), transform(picture).numpy()
    assert ours.shape == plain.shape
    # Part of a pixel of shift at the edges of the drawing; none where nothing is cropped.
    assert np.abs(ours - plain).mean() < (1e-5 if size[0] == size[1] else 0.15)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("open_clip:", "unknown_encoder", "must read"),
        ("open_clip:ViT-B-32", "unknown_encoder", "must read"),
        ("open_clip:ViT-nothing/openai", "unknown_encoder", "no model “ViT-nothing”"),
        ("open_clip:roberta-ViT-B-32/file.pt", "unknown_encoder", "needs the package transformers"),
        ("open_clip:ViT-B-32/nothing", "weights_unavailable", "laion2b_s34b_b79k"),
        ("open_clip:ViT-B-32//no/such/file.pt", "weights_unavailable", "nor an existing file"),
    ],
)
def test_what_cannot_be_had_is_refused_with_a_sentence(name: str, code: str, words: str) -> None:
    with pytest.raises(EncoderUnavailable) as refused:
        load_encoder(name, folder=Path())
    assert refused.value.code == code
    assert words in refused.value.message


@pytest.mark.parametrize("content", ["nothing", "text", "other model", "pickle"])
def test_a_file_that_holds_no_fitting_weights_is_refused(
    content: str, weights: Path, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pt"
    if content == "other model":
        torch.save({"visual.proj": torch.zeros(3)}, path)
    elif content == "pickle":
        torch.save({"visual.proj": Path()}, path)
    else:
        path.write_bytes(b"" if content == "nothing" else b"some text")
    with pytest.raises(EncoderUnavailable, match="does not hold weights") as refused:
        load_encoder(f"open_clip:tiny-for-tests/{path}", folder=tmp_path)
    assert refused.value.code == "weights_unavailable"


@pytest.mark.parametrize(
    "hub", [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}], ids=["offline", "away"]
)
def test_without_the_hub_a_tag_is_refused_in_one_sentence(
    hub: dict[str, str], tmp_path: Path
) -> None:
    script = """
from pathlib import Path
from similarity.encoders import load_encoder
from similarity.errors import EncoderUnavailable
try:
    load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79k", folder=Path())
except EncoderUnavailable as error:
    print(error.code, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **hub, "HF_HOME": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("weights_unavailable The weights “laion2b_s34b_b79k” of ViT-B-32")
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "Retrying" not in done.stderr


def test_weights_in_a_file_never_ask_the_hub(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> None:
        pytest.fail("the hub was asked")

    monkeypatch.setattr("huggingface_hub.get_session", asked)
    load_encoder(f"open_clip:tiny-for-tests/{weights}", folder=weights.parent)
