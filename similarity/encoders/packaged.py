"""EfficientNet-Lite0 on ONNX Runtime: works offline, without torch, from a file built at set-up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from similarity.errors import EncoderUnavailable

NAME = "efficientnet-lite0"
FILE_NAME = "efficientnet-lite0.onnx"
WEIGHTS_KEY = "weights_sha256"
"""Key of the ONNX metadata that holds the hash of the weights the file was built from."""

DIM = 1280
SHORT_SIDE = 256
CROP = 224
# Source: the model's own preprocessing, tensorflow/tpu efficientnet/lite; it is trained on -1..1.
_HALF_RANGE = np.float32(127.5)

# Raise with any change that moves vectors: resizer, crop, normalization, number format.
_PREPROCESSING = "bicubic256-crop224-f32-1"

_BATCH = 4
"""Inputs run at once. Measured with two threads, ms an input: 4.2 by ones, 3.8 by 4, 4.3 by 8, 4.6
by 16, 5.0 by 32: the activations of more no longer fit in the processor's cache."""

_IMAGES_AT_ONCE = 16  # of `embed`: 10 MB of inputs


class PackagedEncoder:
    """The default encoder. See ``similarity.encoders.Encoder`` for what it promises."""

    name = NAME
    dim = DIM
    short_side = SHORT_SIDE

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        self._session = open_session(folder / FILE_NAME, threads=threads)
        self._input_name = self._session.get_inputs()[0].name
        self.version = f"{_PREPROCESSING}-{weights_hash(self._session)[:12]}"

    def preprocess(self, image: Image.Image) -> NDArray[np.float32]:
        """Return float32 (3, 224, 224) in -1..1: short side to 256 by bicubic, middle 224 x 224."""
        crop = image.resize((CROP, CROP), Image.Resampling.BICUBIC, box=_middle(image.size))
        pixels = np.asarray(crop, np.float32).transpose(2, 0, 1)
        return np.ascontiguousarray((pixels - _HALF_RANGE) / _HALF_RANGE)

    def embed_inputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n, 1280), unit rows. 6 ms an input on one core, 4 ms on two."""
        embeddings = np.empty((len(inputs), DIM), np.float32)
        for start in range(0, len(inputs), _BATCH):
            part = slice(start, start + _BATCH)
            (embeddings[part],) = self._session.run(None, {self._input_name: inputs[part]})
        return _unit_rows(embeddings)

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return float32 (n, 1280), unit rows. Holds the inputs of 16 images at a time."""
        if not images:
            return np.empty((0, DIM), np.float32)
        starts = range(0, len(images), _IMAGES_AT_ONCE)
        parts = (images[start : start + _IMAGES_AT_ONCE] for start in starts)
        return np.concatenate(
            [self.embed_inputs(np.stack([self.preprocess(i) for i in part])) for part in parts]
        )


def open_session(path: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open a built file.

    Raises:
        EncoderUnavailable: not built, or broken.
    """
    if not path.is_file():
        raise EncoderUnavailable(
            "encoder_not_built",
            f"The encoder {NAME} is not built: there is no {path}. Run “make setup” once.",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads would otherwise burn a core that decoding and the web server need: with both
    # cores busy, an input took 4 ms without spinning and 7 to 15 ms with it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        weights_hash(session)
    # The runtime's own exceptions have no common parent but Exception, and are not exported.
    except Exception as error:
        raise EncoderUnavailable(
            "encoder_broken",
            f"The encoder file {path} is damaged. Delete it and run “make setup” again.",
        ) from error
    return session


def weights_hash(session: onnxruntime.InferenceSession) -> str:
    """SHA-256 of the weights that a built file was made from."""
    return str(session.get_modelmeta().custom_metadata_map[WEIGHTS_KEY])


def _middle(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The square of 224/256 of the short side in the middle, in the image's own pixels.

    Resizing only this box equals resizing all and cropping, but for parts of a pixel, and does not
    make a picture of 3 x 60,000 pixels 5 million pixels long on the way.
    """
    width, height = size
    side = min(width, height) * CROP / SHORT_SIDE
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-12))
    return unit
