"""Encoders: what turns pictures into embeddings. Importing this imports no runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from similarity.encoders.networks import PackagedChoice, packaged_choice, packaged_encoders
from similarity.errors import EncoderUnavailable

__all__ = [
    "DEFAULT_ENCODER",
    "OPEN_CLIP_PREFIX",
    "Encoder",
    "PackagedChoice",
    "load_encoder",
    "packaged_choice",
    "packaged_encoders",
]

DEFAULT_ENCODER = "efficientnet-lite0-int8"
"""Of new projects and of the command line; a project keeps the encoder it has."""

OPEN_CLIP_PREFIX = "open_clip:"


class Encoder(Protocol):
    """Makes an embedding of a picture.

    Vectors may be compared only when both ``name`` and ``version`` of their encoders are the same:
    the version covers weights, preprocessing with its resizer, and number format.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def dim(self) -> int:
        """Length of an embedding."""

    @property
    def short_side(self) -> int:
        """What to pass to ``read_image``; another value gives slightly other vectors."""

    @property
    def is_thread_safe(self) -> bool:
        """Whether several threads may call ``embed_inputs`` at once."""

    def preprocess(self, image: Image.Image) -> NDArray[np.float32]:
        """Return one input, float32 (3, h, w), of an RGB image. Safe in several threads at once."""

    def embed_inputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n, dim), unit rows, of inputs (n, 3, h, w); n may be 0.

        For one thread at a time unless ``is_thread_safe``; others may meanwhile decode and
        preprocess the next images. No vector depends on what else is embedded with it.
        """

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return float32 (n, dim), unit rows, of RGB images in their order; n may be 0."""


def load_encoder(name: str, *, folder: Path, threads: int = 1) -> Encoder:
    """Load an encoder, ready to embed.

    Args:
        name: of one of `packaged_encoders()`, or ``open_clip:<model>/<weights>`` with a
            pretrained tag or the path of a file.
        folder: where ``python -m similarity.encoders.build`` wrote the packaged encoders.
        threads: processor threads for one call.

    Raises:
        EncoderUnavailable: unknown name, not built, or weights not to be had; says what to do.

    Cost: 0.1 s for a packaged encoder; seconds for open_clip, which imports torch.
    """
    # Each runtime is imported only when asked for: torch alone costs seconds and 220 MB.
    if choice := packaged_choice(name):
        return _load_packaged(choice, folder, threads)
    if name.startswith(OPEN_CLIP_PREFIX):
        from similarity.encoders.open_clip import OpenClipEncoder

        return OpenClipEncoder(name, threads=threads)
    known = ", ".join(each.name for each in packaged_encoders())
    raise EncoderUnavailable(
        "unknown_encoder",
        f"There is no encoder named “{name}”. Known are {known} and "
        f"{OPEN_CLIP_PREFIX}<model>/<pretrained tag or path of a weights file>.",
    )


def _load_packaged(choice: PackagedChoice, folder: Path, threads: int) -> Encoder:
    from similarity.encoders.joined import JoinedEncoder
    from similarity.encoders.packaged import PackagedEncoder

    parts = [PackagedEncoder(folder, network, threads=threads) for network in choice.networks]
    return parts[0] if len(parts) == 1 else JoinedEncoder(choice.name, parts)
