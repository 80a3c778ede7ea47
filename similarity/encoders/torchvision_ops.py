"""Make ``import torchvision`` work beside a CPU-only torch: for set-up and open_clip.

The wheel of torchvision on PyPI is built for CUDA. Beside a CPU-only torch its compiled library
does not load, and then ``import torchvision`` (which timm and open_clip do) fails with "operator
torchvision::nms does not exist", although neither of them uses that operator.
"""

import importlib.util
from pathlib import Path

import torch

_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# Every operator that torchvision/_meta_registrations.py names without asking whether it exists.
_NAMED = ("torchvision::nms", "torchvision::qnms")

_declared = False


def declare_missing_operators() -> None:
    """Declare the operators that torchvision refers to, if its own library cannot.

    To be called before anything imports torchvision. Where that library loads it declares them
    itself, and a second declaration would abort.
    """
    global _declared
    if _declared or _load_own_library():
        return
    for name in _NAMED:
        torch.library.define(name, _BOXES)
    _declared = True


def _load_own_library() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False
    for path in Path(spec.submodule_search_locations[0]).glob("_C.*"):
        try:
            torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
        except (OSError, ImportError):
            continue
        return True
    return False
