"""The usual loop over the same files, in torch: open, resize, batches of 32, forward.

    python -m benchmarks.ingest.usual FILE...   (prints images a second)

The same network with the same weights. A process of its own: torch beside another runtime in one
process shares the cores badly, and it takes 220 MB.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
BATCH = 32


def usual_loop(paths: Sequence[Path]) -> float:
    """Return images a second of torch eager, with as many threads as it takes by itself."""
    command = [sys.executable, "-m", "benchmarks.ingest.usual", *map(str, paths)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(said.stdout.split()[-1])


def main() -> None:
    import torch

    from similarity.encoders.networks import LITE0
    from similarity.encoders.weights import packaged_weights, torch_model

    model = torch_model(packaged_weights(LITE0))
    paths = [Path(name) for name in sys.argv[1:]]

    def forward(some: Sequence[Path]) -> None:
        with torch.inference_mode():
            model(torch.from_numpy(np.stack([_opened(path) for path in some])))

    forward(paths[:BATCH])
    start = time.perf_counter()
    for first in range(0, len(paths), BATCH):
        forward(paths[first : first + BATCH])
    print(len(paths) / (time.perf_counter() - start))


def _opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    part = 256 / min(picture.size)
    size = (max(224, round(picture.width * part)), max(224, round(picture.height * part)))
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
    pixels = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32)
    return (pixels.transpose(2, 0, 1) - 127.5) / 127.5


if __name__ == "__main__":
    main()
