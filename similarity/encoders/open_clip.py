"""Any CLIP model as an encoder: ``open_clip:<model>/<pretrained tag or path of a weights file>``.

The only module that imports open_clip. It imports torch, so a process that has used it must not
fork (the child hangs): let workers load the encoder after they have started.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from similarity.encoders.clip_inputs import ClipInputs
from similarity.encoders.torchvision_ops import declare_missing_operators
from similarity.errors import EncoderUnavailable

# Before open_clip: it imports torchvision, which beside a CPU-only torch names an operator that is
# declared nowhere ("operator torchvision::nms does not exist").
declare_missing_operators()
import open_clip  # noqa: E402

_PREFIX = "open_clip:"

# Raise with any change here that moves vectors.
_REVISION = "f32-1"

_BATCH = 16

_HUB_SECONDS = 10.0
"""How long the hub may take to answer at all; then only this machine is searched for weights."""


class OpenClipEncoder:
    """The image half of a CLIP model, on the GPU if there is one, else on ``threads`` threads.

    See ``similarity.encoders.Encoder`` for what it promises. ``threads`` is torch's setting for the
    whole process.
    """

    is_thread_safe = False  # torch takes every core for one call as it is

    def __init__(self, name: str, *, threads: int = 1) -> None:
        """Find the weights, downloading a known tag where that is possible, and load them.

        Raises:
            EncoderUnavailable: unknown model or tag, weights that cannot be had or do not fit.
        """
        model_name, weights = _parse(name)
        tags = open_clip.list_pretrained_tags_by_model(model_name)
        with _hub_if_reachable(wanted=weights in tags):
            path = _weights_path(model_name, weights)
            model = _load(model_name, weights, path)
        torch.set_num_threads(threads)
        self.name = name
        self._device = _device()
        self._model = model.to(self._device)
        settings = self._model.visual.preprocess_cfg
        self._inputs = ClipInputs.of(settings)
        self.short_side = self._inputs.short_side
        self.version = f"{_REVISION}-{_fingerprint(path, settings)}"
        self.dim = int(self._run(np.zeros((1, *self._inputs.shape), np.float32)).shape[1])

    def preprocess(self, image: Image.Image) -> NDArray[np.float32]:
        """Return float32 (3, h, w), resized and normalized as the model's configuration says."""
        return self._inputs.of_image(image)

    def embed_inputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n, dim), unit rows, of inputs (n, 3, h, w)."""
        starts = range(0, len(inputs), _BATCH)
        batches = [self._run(inputs[start : start + _BATCH]) for start in starts]
        return np.concatenate([np.empty((0, self.dim), np.float32), *batches])

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return float32 (n, dim), unit rows. Holds the inputs of 16 images at a time."""
        batches = [
            self.embed_inputs(np.stack([self.preprocess(i) for i in images[at : at + _BATCH]]))
            for at in range(0, len(images), _BATCH)
        ]
        return np.concatenate([np.empty((0, self.dim), np.float32), *batches])

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            batch = torch.from_numpy(inputs).to(self._device)
            rows: NDArray[np.float32] = self._model.encode_image(batch).float().cpu().numpy()
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: NDArray[np.float32] = rows / np.maximum(lengths, np.float32(1e-12))
        return unit


def _parse(name: str) -> tuple[str, str]:
    model_name, _, weights = name.removeprefix(_PREFIX).partition("/")
    if not model_name or not weights:
        raise EncoderUnavailable(
            "unknown_encoder",
            f"“{name}” must read {_PREFIX}<model>/<pretrained tag or path of a weights file>, "
            f"for example {_PREFIX}ViT-B-32/laion2b_s34b_b79k.",
        )
    if model_name not in open_clip.list_models():
        raise EncoderUnavailable(
            "unknown_encoder",
            f"open_clip has no model “{model_name}”. Some it has: ViT-B-32, ViT-B-16, ViT-L-14, "
            "ViT-B-16-SigLIP; python -c “import open_clip; print(open_clip.list_models())” "
            "lists all.",
        )
    settings = open_clip.get_model_config(model_name) or {}
    if "hf_model_name" in settings.get("text_cfg", {}) and not find_spec("transformers"):
        raise EncoderUnavailable(
            "unknown_encoder",
            f"The text half of {model_name} needs the package transformers, which is not "
            "installed. Install it, or choose a model without it, such as ViT-B-32.",
        )
    return model_name, weights


def _weights_path(model_name: str, weights: str) -> Path:
    """Where the weights lie: a known tag in open_clip's cache (fetched if missing), or a file."""
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if weights in tags:
        return _fetch(model_name, weights)
    path = Path(weights)
    if not path.is_file():
        known = f" Tags of this model: {', '.join(tags)}." if tags else ""
        raise EncoderUnavailable(
            "weights_unavailable",
            f"“{weights}” is neither a pretrained tag of {model_name} nor an existing file.{known}",
        )
    return path


@contextmanager
def _hub_if_reachable(*, wanted: bool) -> Iterator[None]:
    """Use only what lies on this machine if the hub is not wanted or cannot be reached.

    Its library would try again for a minute, with 20 lines in the log, also for weights that are
    there already.
    """
    constants = huggingface_hub.constants
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not (wanted and _hub_answers())
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _hub_answers() -> bool:
    endpoint = huggingface_hub.constants.ENDPOINT
    try:
        huggingface_hub.get_session().head(endpoint, timeout=_HUB_SECONDS)
    # Its transport's exceptions are not exported.
    except Exception:
        return False
    return True


def _fetch(model_name: str, tag: str) -> Path:
    try:
        settings = open_clip.get_pretrained_cfg(model_name, tag)
        return Path(open_clip.download_pretrained(settings))
    # Each hub library and transport has exceptions of its own, with nothing in common.
    except Exception as error:
        raise EncoderUnavailable(
            "weights_unavailable",
            f"The weights “{tag}” of {model_name} are not on this machine and could not be "
            "downloaded. Go online once, or copy the file here and name the encoder "
            f"{_PREFIX}{model_name}/<path of the file>.",
        ) from error


def _load(model_name: str, weights: str, path: Path) -> Any:
    try:
        return open_clip.create_model(
            model_name,
            # The tag, not its path: with it come the tag's own preprocessing and activation.
            pretrained=weights,
            require_pretrained=True,
            # The text half is never run; its base weights would be a download of their own.
            pretrained_text=False,
            weights_only=True,
        ).eval()
    # A file of something else fails in unpickling, in safetensors, in torch or in open_clip.
    except Exception as error:
        raise EncoderUnavailable(
            "weights_unavailable",
            f"The file {path} does not hold weights that fit {model_name}, "
            "or is damaged; fetch it again.",
        ) from error


def _device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _fingerprint(path: Path, settings: dict[str, Any]) -> str:
    """Short hash of weights and preprocessing: files of one name may differ. 1 s a gigabyte."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()[:12]
