"""EfficientNet-Lite on ONNX Runtime: works offline, without torch, from a file built at set-up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from similarity.encoders.networks import DIM, LITE0, Network
from similarity.errors import EncoderUnavailable

WEIGHTS_KEY = "weights_sha256"
"""Key of the ONNX metadata that holds the hash of the weights the file was built from."""

NUMBERS_KEY = "numbers_sha256"
"""Key of the hash of all numbers in the file itself, where they are not just those weights."""

RECIPE_KEY = "recipe"
"""Key of the preprocessing and number format that the file was built for."""

# Source: the model's own preprocessing, tensorflow/tpu efficientnet/lite; it is trained on -1..1.
_HALF_RANGE = np.float32(127.5)

_BATCH = 4
"""Inputs run at once. Measured with two threads, ms an input: 4.2 by ones, 3.8 by 4, 4.3 by 8, 4.6
by 16, 5.0 by 32: the activations of more no longer fit in the processor's cache."""

_IMAGES_AT_ONCE = 16  # of `embed`: 10 MB of inputs


class PackagedEncoder:
    """One network, float32 or int8. See ``similarity.encoders.Encoder`` for what it promises."""

    dim = DIM
    is_thread_safe = True

    def __init__(self, folder: Path, network: Network = LITE0, *, threads: int = 1) -> None:
        """Open the file of the network.

        Raises:
            EncoderUnavailable: not built, or broken.
        """
        self._session = open_session(folder / network.file_name, threads=threads)
        self._input_name = self._session.get_inputs()[0].name
        self.name = network.name
        self.short_side = network.short_side
        self.crop = network.crop
        self.version = f"{network.preprocessing}-{numbers_hash(self._session)[:12]}"

    def preprocess(self, image: Image.Image) -> NDArray[np.float32]:
        """Return float32 (3, crop, crop) in -1..1: short side resized by bicubic, its middle."""
        size = (self.crop, self.crop)
        box = _middle(image.size, self.crop / self.short_side)
        crop = image.resize(size, Image.Resampling.BICUBIC, box=box)
        pixels = np.asarray(crop, np.float32).transpose(2, 0, 1)
        return np.ascontiguousarray((pixels - _HALF_RANGE) / _HALF_RANGE)

    def embed_inputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n, 1280), unit rows.

        Lite0 on an idle machine: 6 ms an input on one core, 4 ms on two; int8 a third of that.
        """
        embeddings = np.empty((len(inputs), DIM), np.float32)
        for start in range(0, len(inputs), _BATCH):
            part = slice(start, start + _BATCH)
            (embeddings[part],) = self._session.run(None, {self._input_name: inputs[part]})
        return unit_rows(embeddings)

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
            f"The encoder {path.stem} is not built: there is no {path}. Run “make setup” once.",
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


def numbers_hash(session: onnxruntime.InferenceSession) -> str:
    """SHA-256 of what its vectors depend on: of the file's own numbers, or else of the weights."""
    return str(session.get_modelmeta().custom_metadata_map.get(NUMBERS_KEY, weights_hash(session)))


def recipe(session: onnxruntime.InferenceSession) -> str:
    """What a built file was made for; those of the first release do not say, and are Lite0's."""
    kept = session.get_modelmeta().custom_metadata_map
    return str(kept.get(RECIPE_KEY, LITE0.preprocessing))


def _middle(size: tuple[int, int], part: float) -> tuple[float, float, float, float]:
    """The square of ``part`` of the short side in the middle, in the image's own pixels.

    Resizing only this box equals resizing all and cropping, but for parts of a pixel, and does not
    make a picture of 3 x 60,000 pixels 5 million pixels long on the way.
    """
    width, height = size
    side = min(width, height) * part
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows at unit length; a row without length stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-12))
    return unit
