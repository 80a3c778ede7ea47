"""Graphs on disk: a cache that is believed only where everything about it is right."""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import hnswlib
import numpy as np
from numpy.typing import NDArray

from similarity.centering import Centering
from similarity.index.graph import EF_CONSTRUCTION, SKETCH, Graph, M, MadeBy, room_for

FORMAT = 1
"""Raised when what stands in the files changes, or what it means."""

_ABOUT = "graph.json"
_ENDINGS = (".hnsw", ".npz", ".tmp")
_ARRAYS = ("directions", "image_ids", "points", "digests", "hidden")
# What reading a damaged file raises, but for a damaged graph, whose hash is looked at first:
# hnswlib crashes on some flipped bytes and quietly finds less with others.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, zipfile.BadZipFile)


class Saved(NamedTuple):
    """Which graph lies in a folder: ``stamp`` is another for each that is saved, empty for none."""

    stamp: str
    revision: int


NOTHING_SAVED = Saved("", -1)


def save(graph: Graph, folder: Path, *, revision: int = -1) -> None:
    """Write a graph, which must not be added to meanwhile, in place of the one in the folder.

    ``revision`` is for the caller, who reads it back with `saved`: of what the graph has all of.

    Both files have names of their own and are synced before the JSON file that names them appears
    by a rename: who reads sees the old graph or the new one, also after a power cut. One process
    writes into a folder at a time, as `alone` sees to.

    Raises:
        OSError: the disk is full, for one; the older graph stays, and nothing of this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    try:
        hashes = _write(graph, folder, name)
        about = {"name": name, "sha256": hashes, "revision": revision} | _about(graph)
        temporary = folder / f"{name}.tmp"
        temporary.write_text(json.dumps(about, indent=1))
        _sync(temporary)
        temporary.replace(folder / _ABOUT)
    except BaseException:
        _remove(path for path in folder.iterdir() if path.stem == name)
        raise
    _sync(folder)
    _remove(path for path in folder.iterdir() if path.suffix in _ENDINGS and path.stem != name)


def load(folder: Path, made_by: MadeBy, *, with_room: bool = False) -> Graph | None:
    """Read the graph of a folder; None where there is none, or any doubt about it.

    Args:
        folder: what `save` wrote into.
        made_by: whose vectors it is to be asked about: hnswlib takes a file of another dimension
            and answers rubbish.
        with_room: so that it can `grow`. Without, it takes no more memory than it needs.

    Cost: 0.3 s for 100,000 points, half of it the hash.
    """
    for _ in range(2):  # a second time where the files were replaced while they were read
        try:
            return _read(folder, made_by, with_room)
        except FileNotFoundError:
            continue
        except _DAMAGE:
            return None
    return None


def saved(folder: Path) -> Saved:
    """Say which graph lies in a folder, without reading it. 0.05 ms."""
    try:
        about = json.loads((folder / _ABOUT).read_text())
        return Saved(str(about["name"]), int(about["revision"]))
    except _DAMAGE:
        return NOTHING_SAVED


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Hold the folder for writing; False at once where another process of this machine does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _write(graph: Graph, folder: Path, name: str) -> dict[str, str]:
    """Write both files, and return the hash of each by its ending."""
    path = folder / f"{name}.hnsw"
    graph.index.save_index(str(path))
    if path.stat().st_size != graph.index.index_file_size():
        raise OSError(errno.ENOSPC, "hnswlib wrote only a part, and did not say so", str(path))
    np.savez(folder / f"{name}.npz", **_arrays(graph))
    hashes = {}
    for ending in (".hnsw", ".npz"):
        _sync(folder / f"{name}{ending}")
        hashes[ending] = _hash(folder / f"{name}{ending}")
    return hashes


def _arrays(graph: Graph) -> dict[str, Any]:
    kept: dict[str, Any] = {name: getattr(graph, name) for name in _ARRAYS}
    return kept | {"mean": graph.centering.mean}


def _about(graph: Graph) -> dict[str, Any]:
    return {
        "weight": graph.centering.weight,
        "breadth": graph.breadth,
        "recall": graph.recall,
        "speed": graph.speed,
        "count": len(graph),
    } | _conditions(graph.made_by)


def _conditions(made_by: MadeBy) -> dict[str, Any]:
    """What must be as it was, for a file to be worth opening."""
    return {
        "format": FORMAT,
        "hnswlib": version("hnswlib"),
        "parameters": [M, EF_CONSTRUCTION, SKETCH],
        "made_by": made_by._asdict(),
    }


def _read(folder: Path, made_by: MadeBy, with_room: bool) -> Graph | None:
    about = json.loads((folder / _ABOUT).read_text())
    wanted = _conditions(made_by)
    if {key: about.get(key) for key in wanted} != wanted:
        return None
    paths = {ending: folder / f"{about['name']}{ending}" for ending in (".hnsw", ".npz")}
    if any(_hash(path) != about["sha256"][ending] for ending, path in paths.items()):
        return None
    with np.load(paths[".npz"], allow_pickle=False) as arrays:
        kept = {name: arrays[name] for name in _ARRAYS}
        centering = Centering(arrays["mean"], float(about["weight"]))
    points = int(about["count"])
    index = _opened(paths[".hnsw"], kept["directions"], room_for(points) if with_room else points)
    if index.get_current_count() != points or len(kept["digests"]) != points:
        return None
    index.set_ef(max(1, int(about["breadth"])))
    return Graph(
        made_by=made_by,
        centering=centering,
        breadth=int(about["breadth"]),
        recall=float(about["recall"]),
        speed=float(about["speed"]),
        index=index,
        **kept,
    )


def _opened(path: Path, directions: NDArray[np.float32], room: int) -> Any:
    index = hnswlib.Index("ip", directions.shape[1])
    index.load_index(str(path), max_elements=room)
    return index


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
