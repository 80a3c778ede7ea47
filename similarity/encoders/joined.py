"""Two packaged encoders as one: their unit vectors side by side, brought to unit length again."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from similarity.encoders.packaged import PackagedEncoder, unit_rows

_IMAGES_AT_ONCE = 16  # of `embed`: 24 MB of inputs


class JoinedEncoder:
    """Packaged encoders side by side. See ``similarity.encoders.Encoder`` for what it promises.

    An input holds that of each part, exactly as the part itself would make it of the same picture,
    from left to right in one array as high as the highest: the cosine of two joined vectors is the
    mean of their parts' cosines.
    """

    is_thread_safe = True

    def __init__(self, name: str, parts: Sequence[PackagedEncoder]) -> None:
        self._parts = tuple(parts)
        self.name = name
        self.version = "+".join(part.version for part in parts)
        self.dim = sum(part.dim for part in parts)
        # The largest serves all: a JPEG is never decoded smaller than any part wants it.
        self.short_side = max(part.short_side for part in parts)
        self._height = max(part.crop for part in parts)
        self._width = sum(part.crop for part in parts)

    def preprocess(self, image: Image.Image) -> NDArray[np.float32]:
        """Return float32 (3, h, w): the parts' inputs from left to right, zeros below."""
        both = np.zeros((3, self._height, self._width), np.float32)
        left = 0
        for part in self._parts:
            both[:, : part.crop, left : left + part.crop] = part.preprocess(image)
            left += part.crop
        return both

    def embed_inputs(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 (n, dim), unit rows, of inputs (n, 3, h, w)."""
        vectors, left = [], 0
        for part in self._parts:
            own = inputs[:, :, : part.crop, left : left + part.crop]
            vectors.append(part.embed_inputs(np.ascontiguousarray(own)))
            left += part.crop
        return unit_rows(np.concatenate(vectors, axis=1))

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return float32 (n, dim), unit rows. Holds the inputs of 16 images at a time."""
        if not images:
            return np.empty((0, self.dim), np.float32)
        starts = range(0, len(images), _IMAGES_AT_ONCE)
        chunks = (images[start : start + _IMAGES_AT_ONCE] for start in starts)
        return np.concatenate(
            [self.embed_inputs(np.stack([self.preprocess(i) for i in chunk])) for chunk in chunks]
        )
