"""Build the ONNX files of the packaged encoders, once, at set-up.

``python -m similarity.encoders.build FOLDER``. Nothing is downloaded: see ``weights``. The only
step that needs torch for these encoders.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from similarity.encoders.int8 import numbers_digest, quantized
from similarity.encoders.networks import DIM, LITE0, LITE0_INT8, NETWORKS, Network
from similarity.encoders.onnx_files import export, simplified, write
from similarity.encoders.packaged import (
    NUMBERS_KEY,
    RECIPE_KEY,
    WEIGHTS_KEY,
    open_session,
    recipe,
    unit_rows,
    weights_hash,
)
from similarity.encoders.weights import Weights, packaged_weights, torch_model
from similarity.errors import EncoderUnavailable

if TYPE_CHECKING:
    import torch

_TOLERANCE = 1e-4
"""Largest difference between ONNX Runtime and torch that is rounding; features are about 1."""

_LEAST_COSINE = 0.9
"""Of int8 to float32 on noise: 0.93 to 0.95 as it is, 0.42 to 0.48 with half of the ranges."""


def build(folder: Path) -> list[Path]:
    """Write the ONNX file of every packaged network into ``folder``, unless it is there already.

    Returns:
        The paths. Each file appears whole or not at all, and carries the hash of its weights.

    Raises:
        EncoderUnavailable: packaged weights are missing or not those of their model, or a result
            differs from torch's.
        OSError: the folder cannot be written.

    Cost: 30 s the first time, 1 s when built already.
    """
    return [_built(network, folder) for network in NETWORKS]


def _built(network: Network, folder: Path) -> Path:
    path = folder / network.file_name
    weights = packaged_weights(network)
    if _is_built(path, network, weights):
        return path
    model = torch_model(weights)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as draft_folder:
        draft = Path(draft_folder) / network.file_name
        _write(draft, network, weights, model)
        _check(draft, network, model)
        draft.replace(path)
    return path


def _is_built(path: Path, network: Network, weights: Weights) -> bool:
    try:
        session = open_session(path)
    except EncoderUnavailable:
        return False
    return (weights_hash(session), recipe(session)) == (weights.digest, network.preprocessing)


def _write(path: Path, network: Network, weights: Weights, model: "torch.nn.Module") -> None:
    exported = export(model, network.crop, path)
    properties = {WEIGHTS_KEY: weights.digest, RECIPE_KEY: network.preprocessing}
    if network == LITE0:
        # As in the first release, though simplified it would be faster: the vectors of projects
        # that have it stay the same to the last bit.
        write(exported, {WEIGHTS_KEY: weights.digest}, path)
    elif network == LITE0_INT8:
        made = quantized(simplified(path), weights)
        write(made, {**properties, NUMBERS_KEY: numbers_digest(made)}, path)
    else:
        write(simplified(path), properties, path)


def _check(path: Path, network: Network, model: "torch.nn.Module") -> None:
    """Compare the file with torch on random inputs, of another batch size than it was made with."""
    import torch

    shape = (3, 3, network.crop, network.crop)
    noise = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    (features,) = open_session(path).run(None, {"images": noise})
    with torch.inference_mode():
        expected = model(torch.from_numpy(noise)).numpy()
    if features.shape != (3, DIM) or not _agree(features, expected, network):
        raise EncoderUnavailable(
            "encoder_broken",
            f"The built encoder {network.name} differs from its torch model; "
            "install the versions that constraints.txt names.",
        )


def _agree(features: NDArray[np.float32], expected: NDArray[np.float32], network: Network) -> bool:
    if network == LITE0_INT8:
        cosines = (unit_rows(features) * unit_rows(expected)).sum(axis=1)
        return bool(cosines.min() > _LEAST_COSINE)
    return np.allclose(features, expected, atol=_TOLERANCE)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m similarity.encoders.build", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the ONNX files go")
    folder = parser.parse_args(arguments).folder
    try:
        print(*build(folder), sep="\n")
    except EncoderUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The folder {folder} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
