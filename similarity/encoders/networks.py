"""The networks that come with the application, and the encoders a person can choose of them.

Constants only: importing this imports no runtime, so pages and command lines can list them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

DIM = 1280
"""Length of the pooled features of every EfficientNet-Lite."""


@dataclass(frozen=True)
class Network:
    """One ONNX file: what it takes in, and how it was made."""

    name: str
    crop: int
    """Side of the square it takes in, in pixels."""
    short_side: int
    """What the short side of a picture is resized to before the middle is cut out."""
    numbers: str
    """Number format and its recipe. Raise the number with any change that moves vectors."""

    @property
    def file_name(self) -> str:
        return f"{self.name}.onnx"

    @property
    def preprocessing(self) -> str:
        """First part of the version: resizer, sizes, number format."""
        return f"bicubic{self.short_side}-crop{self.crop}-{self.numbers}"


# Source of the sizes: tensorflow/tpu efficientnet/lite; the short side is the crop and 32 pixels.
LITE0 = Network("efficientnet-lite0", crop=224, short_side=256, numbers="f32-1")
LITE0_INT8 = Network("efficientnet-lite0-int8", crop=224, short_side=256, numbers="int8-1")
LITE2 = Network("efficientnet-lite2", crop=260, short_side=292, numbers="f32-1")
NETWORKS = (LITE0, LITE0_INT8, LITE2)


class PackagedChoice(NamedTuple):
    """An encoder that works offline after set-up: what a page lists.

    ``name`` is what projects store, ``title`` and ``description`` are for people, ``networks`` are
    run one after another and their unit vectors joined; ``dim`` is the length of an embedding.
    """

    name: str
    title: str
    description: str
    networks: tuple[Network, ...]

    @property
    def dim(self) -> int:
        return DIM * len(self.networks)

    def is_built(self, folder: Path) -> bool:
        """Whether set-up wrote all its files into ``folder``; says nothing of what is in them."""
        return all((folder / network.file_name).is_file() for network in self.networks)


# Figures: docs/decisions/0040-encoders.md.
PACKAGED = (
    PackagedChoice(
        "efficientnet-lite0-int8",
        "Fast",
        "3 times as fast as Standard on processors of today, and as often right on photos "
        "(71.3 against 71.1 % with 10 labeled images a label).",
        (LITE0_INT8,),
    ),
    PackagedChoice(
        "efficientnet-lite0",
        "Standard",
        "The same network in full precision: the choice of projects begun before there was Fast.",
        (LITE0,),
    ),
    PackagedChoice(
        "efficientnet-lite2",
        "Larger",
        "About 0.6 times as fast as Standard; right 1.7 points more often on photos, but less "
        "often on drawn characters.",
        (LITE2,),
    ),
    PackagedChoice(
        "efficientnet-lite0+lite2",
        "Best quality",
        "Standard and Larger together: about 0.4 times as fast as Standard, right 3.7 points more "
        "often on photos, and twice as much to keep and to search.",
        (LITE0, LITE2),
    ),
)


def packaged_encoders() -> tuple[PackagedChoice, ...]:
    """Return the encoders that come with the application, the default first."""
    return PACKAGED


def packaged_choice(name: str) -> PackagedChoice | None:
    """Return the packaged encoder of this name, None if there is none."""
    return next((choice for choice in PACKAGED if choice.name == name), None)
