"""Folders of images, and what commands say on stderr while reading them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from similarity.encoders import Encoder
from similarity.errors import SimilarityError
from similarity.folders import EmbeddedFiles, embed_files, files_under


class Refused(SimilarityError):
    """The command cannot be carried out as given."""


@dataclass(frozen=True)
class Labeled:
    """The labeled files with the label of each, as a number into ``names``."""

    files: EmbeddedFiles
    labels: list[int]
    names: list[str]


def labeled_paths(folder: Path) -> list[Path]:
    """Return the files that lie in a folder of their label; refuses where there is none."""
    # A file beside the label folders has no label; it is left out.
    paths = [path for path in files_under(folder) if len(path.relative_to(folder).parts) > 1]
    if not paths:
        raise Refused(
            "no_labeled_images",
            f"There are no labeled images in {folder}: "
            "put some images of each label into a folder of its name there.",
        )
    return paths


def embed_labeled(
    paths: Sequence[Path], encoder: Encoder, *, folder: Path, threads: int, what: str
) -> Labeled:
    """Embed labeled files; refuses where none of them can be read."""
    files = embed(paths, encoder, threads=threads, what=what)
    if not files.paths:
        raise Refused("no_labeled_images", f"None of the files in {folder} can be read.")
    own = [_folder_label(path) for path in files.paths]
    names = sorted(set(own))
    numbers = {name: number for number, name in enumerate(names)}
    return Labeled(files, [numbers[name] for name in own], names)


def _folder_label(path: Path) -> str:
    """The folder's name, as an upload to a server that labels by folder writes it."""
    # The bar stands between labels in a cell of the CSV.
    return " ".join(path.parent.name.replace("|", "-").split())


def embed(paths: Sequence[Path], encoder: Encoder, *, threads: int, what: str) -> EmbeddedFiles:
    """Embed files and say how far it is; those that cannot be read are named and left out."""

    def on_refused(path: Path, sentence: str) -> None:
        print(f"{path}: {sentence}", file=sys.stderr)

    def on_progress(done: int) -> None:
        # A file of the log would be filled by a line that is drawn again and again.
        if sys.stderr.isatty() or done == len(paths):
            end = "\n" if done == len(paths) else "\r"
            print(f"{done:,} of {len(paths):,} {what} read", end=end, file=sys.stderr)

    return embed_files(
        paths, encoder, threads=threads, on_refused=on_refused, on_progress=on_progress
    )
