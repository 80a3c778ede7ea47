"""Graphs on disk: whole or not at all, and believed only where all is right."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from similarity.index import ExactIndex, graph_files
from similarity.index.graph import Graph, MadeBy, grow
from similarity.index.graph_files import NOTHING_SAVED, alone, load, save, saved
from similarity.index.hnsw import HnswIndex

from .graphs import MADE_BY, graph_of
from .made import DIM, made, queries_of, some


@pytest.fixture(scope="module")
def graph() -> Graph:
    return graph_of(made(800))


def test_what_is_loaded_answers_as_what_was_saved(graph: Graph, tmp_path: Path) -> None:
    searched = made(800)
    save(graph, tmp_path)
    loaded = load(tmp_path, MADE_BY)
    assert loaded is not None
    for said in ("breadth", "recall", "speed"):
        assert getattr(loaded, said) == getattr(graph, said)
    queries = queries_of(searched, 50)
    ours = HnswIndex(loaded, searched).search(queries, k=10)
    theirs = HnswIndex(graph, searched).search(queries, k=10)
    np.testing.assert_array_equal(ours.image_ids, theirs.image_ids)
    np.testing.assert_array_equal(ours.similarities, theirs.similarities)


def test_nothing_is_there_before_it_was_saved(tmp_path: Path) -> None:
    assert load(tmp_path, MADE_BY) is None
    assert load(tmp_path / "nowhere", MADE_BY) is None
    assert saved(tmp_path) == NOTHING_SAVED


@pytest.mark.parametrize(
    "other",
    [MadeBy("other", "1", DIM), MadeBy("drawn", "2", DIM), MadeBy("drawn", "1", DIM + 1)],
)
def test_a_graph_of_another_encoder_version_or_dimension_is_not_loaded(
    graph: Graph, tmp_path: Path, other: MadeBy
) -> None:
    save(graph, tmp_path)
    assert load(tmp_path, other) is None


@pytest.mark.parametrize("ending", [".hnsw", ".npz", ".json"])
@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 0.999])
def test_one_flipped_byte_anywhere_is_noticed(
    graph: Graph, tmp_path: Path, ending: str, place: float
) -> None:
    save(graph, tmp_path)
    (path,) = tmp_path.glob(f"*{ending}")
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0x55
    path.write_bytes(content)
    loaded = load(tmp_path, MADE_BY)
    if ending == ".json" and loaded is not None:
        # A digit of what is only told, such as the recall: the graph itself is what was saved.
        np.testing.assert_array_equal(loaded.image_ids, graph.image_ids)
    else:
        assert loaded is None


@pytest.mark.parametrize("ending", [".hnsw", ".npz", ".json"])
def test_a_file_cut_short_or_missing_is_noticed(graph: Graph, tmp_path: Path, ending: str) -> None:
    save(graph, tmp_path)
    (path,) = tmp_path.glob(f"*{ending}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert load(tmp_path, MADE_BY) is None
    path.unlink()
    assert load(tmp_path, MADE_BY) is None


@pytest.mark.parametrize(
    ("key", "value"), [("format", 0), ("hnswlib", "0.7.0"), ("parameters", [8, 100, 256])]
)
def test_what_was_made_otherwise_is_not_loaded(
    graph: Graph, tmp_path: Path, key: str, value: object
) -> None:
    save(graph, tmp_path)
    about = tmp_path / "graph.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {key: value}))
    assert load(tmp_path, MADE_BY) is None


def test_the_newer_graph_takes_the_place_of_the_older(graph: Graph, tmp_path: Path) -> None:
    save(graph, tmp_path, revision=7)
    before = saved(tmp_path)
    newer = graph_of(made(300))
    save(newer, tmp_path, revision=8)
    loaded = load(tmp_path, MADE_BY)
    assert loaded is not None
    assert len(loaded) == 300
    assert (before.revision, saved(tmp_path).revision) == (7, 8)
    assert saved(tmp_path).stamp not in {before.stamp, ""}
    assert len(list(tmp_path.iterdir())) == 3, "files of the older are left"


def test_until_its_last_step_saving_leaves_the_older_graph(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(graph, tmp_path)

    def cut(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            save(graph_of(made(300)), tmp_path)
    loaded = load(tmp_path, MADE_BY)
    assert loaded is not None
    assert len(loaded) == 800
    assert len(list(tmp_path.iterdir())) == 3, "files of the attempt are left"


def test_what_a_killed_process_left_goes_with_the_next_graph(graph: Graph, tmp_path: Path) -> None:
    for ending in (".hnsw", ".npz", ".tmp"):
        (tmp_path / f"0123{ending}").write_bytes(b"half")
    save(graph, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_is_noticed_though_hnswlib_says_nothing(graph: Graph, tmp_path: Path) -> None:
    class CutShort:
        """The graph's own index, on a disk that takes half of it."""

        def save_index(self, path: str) -> None:
            graph.index.save_index(path)
            content = Path(path).read_bytes()
            Path(path).write_bytes(content[: len(content) // 2])

        def index_file_size(self) -> int:
            return graph.index.index_file_size()

    with pytest.raises(OSError, match="only a part"):
        save(replace(graph, index=CutShort()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_replaced_while_they_are_read_are_read_again(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(graph, tmp_path)
    hashed = graph_files._hash
    replaced = []

    def replace_first(path: Path) -> str:
        if not replaced:
            replaced.append(path)
            save(graph, tmp_path)
        return hashed(path)

    monkeypatch.setattr(graph_files, "_hash", replace_first)
    assert load(tmp_path, MADE_BY) is not None


def test_a_loaded_graph_grows_only_where_it_has_room(tmp_path: Path) -> None:
    whole = made(900)
    save(graph_of(some(whole, np.arange(600))), tmp_path)
    tight, roomy = load(tmp_path, MADE_BY), load(tmp_path, MADE_BY, with_room=True)
    assert tight is not None
    assert roomy is not None
    assert tight.index.get_max_elements() == 600
    grown = graph_of(whole, roomy)
    assert grown.index is roomy.index
    queries = queries_of(whole, 40)
    found = HnswIndex(grown, whole).search(queries, k=10)
    true = ExactIndex(whole).search(queries, k=10)
    assert (found.image_ids == true.image_ids).mean() >= 0.98


def test_hidden_points_stay_hidden_on_disk(tmp_path: Path) -> None:
    whole = made(500)
    fewer = some(whole, np.arange(60, 500))
    save(graph_of(fewer, grow(None, whole, MADE_BY)), tmp_path)
    loaded = load(tmp_path, MADE_BY)
    assert loaded is not None
    assert loaded.hidden.sum() == 60
    reached = loaded.nearest_points(queries_of(whole, 50), fetch=200)
    assert not loaded.hidden[reached].any()
    found = HnswIndex(replace(loaded, breadth=100), fewer).search(queries_of(whole, 50), k=5)
    assert set(found.image_ids.ravel().tolist()) <= set(fewer.image_ids.tolist())


def _try_alone(folder: Path, said: multiprocessing.Queue[bool]) -> None:
    with alone(folder) as is_alone:
        said.put(is_alone)


def test_two_processes_never_write_into_one_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    with alone(tmp_path) as is_alone:
        assert is_alone
        other = context.Process(target=_try_alone, args=(tmp_path, said))
        other.start()
        other.join(60)
    assert said.get(timeout=10) is False
    with alone(tmp_path) as is_alone:
        assert is_alone, "the folder is free again"
