"""What open_clip's transforms do to a picture, without their memory on very long pictures.

torchvision resizes all of a picture and then crops: 3 x 60,000 pixels become 224 x 4,500,000 on the
way, 4 GB. Here only the part that remains is resized.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_RESIZERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
}


@dataclass(frozen=True)
class ClipInputs:
    """A model's preprocessing: input size, how to fit a picture into it, normalization."""

    width: int
    height: int
    resize_mode: str
    resizer: Image.Resampling
    fill: tuple[int, int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "ClipInputs":
        """Read open_clip's ``preprocess_cfg``; sizes there are one number or (height, width)."""
        size = settings["size"]
        height, width = (size, size) if isinstance(size, int) else size
        fill = settings.get("fill_color", 0)
        red, green, blue = (fill, fill, fill) if isinstance(fill, int) else fill
        return cls(
            width=int(width),
            height=int(height),
            resize_mode=settings.get("resize_mode", "shortest"),
            # Like open_clip: "random" is for training, and anything but bilinear is bicubic.
            resizer=_RESIZERS.get(settings.get("interpolation", ""), Image.Resampling.BICUBIC),
            fill=(int(red), int(green), int(blue)),
            mean=tuple(settings["mean"]),
            std=tuple(settings["std"]),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one input: (3, height, width)."""
        return 3, self.height, self.width

    @property
    def short_side(self) -> int:
        return max(self.width, self.height)

    def of_image(self, image: Image.Image) -> NDArray[np.float32]:
        """Return float32 (3, height, width) of an RGB image."""
        if self.resize_mode == "longest":
            fitted = self._padded(image)
        elif self.resize_mode == "squash":
            fitted = image.resize((self.width, self.height), self.resizer)
        else:
            fitted = image.resize((self.width, self.height), self.resizer, box=self._middle(image))
        pixels = np.asarray(fitted, np.float32) / np.float32(255)
        normalized = (pixels - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(normalized.transpose(2, 0, 1), np.float32)

    def _middle(self, image: Image.Image) -> tuple[float, float, float, float]:
        """The largest part in the middle that has the shape of the input."""
        scale = min(image.width / self.width, image.height / self.height)
        width, height = self.width * scale, self.height * scale
        left, top = (image.width - width) / 2, (image.height - height) / 2
        return left, top, left + width, top + height

    def _padded(self, image: Image.Image) -> Image.Image:
        scale = min(self.width / image.width, self.height / image.height)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        padded = Image.new("RGB", (self.width, self.height), self.fill)
        corner = (self.width - size[0]) // 2, (self.height - size[1]) // 2
        padded.paste(image.resize(size, self.resizer), corner)
        return padded
