"""Rows in mapped files: what is read is what was published, whatever happens between."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from similarity import mapped
from similarity.mapped import HEAD, Rows, Writer

DIM = 6
ROOT = Path(__file__).resolve().parents[2]


def rows_of(start: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and vectors that say which rows they are."""
    ids = np.arange(start, start + n)
    return ids, np.repeat(ids[:, np.newaxis], DIM, axis=1).astype(np.float32)


def write(folder: Path, start: int, n: int, *, after: Rows | None = None) -> Rows:
    with mapped.locked(folder), Writer(folder, "made", after=after) as writer:
        writer.add(*rows_of(start, n), last_id=start + n)
        return writer.publish()


def assert_rows(found: Rows | None, n: int) -> None:
    """The first n rows of one long array, and their sum."""
    assert found is not None
    ids, vectors = rows_of(0, n)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.vectors, vectors)
    np.testing.assert_array_equal(found.total, vectors.sum(axis=0, dtype=np.float64))
    assert (len(found), found.head.last_id) == (n, n)


def test_nothing_is_there_before_it_is_published(tmp_path: Path) -> None:
    assert mapped.read(tmp_path, "made") is None
    with mapped.locked(tmp_path), Writer(tmp_path, "made") as writer:
        writer.add(*rows_of(0, 5), last_id=5)
        assert mapped.read(tmp_path, "made") is None
        writer.publish()
    assert_rows(mapped.read(tmp_path, "made"), 5)


@pytest.mark.parametrize("parts", [[1] * 30, [10, 1, 1, 50, 2], [100]])
def test_rows_written_part_by_part_are_those_written_at_once(
    tmp_path: Path, parts: list[int]
) -> None:
    known, snapshots = None, []
    for at, n in enumerate(parts):
        known = write(tmp_path, sum(parts[:at]), n, after=known)
        snapshots.append(known)
    for at, snapshot in enumerate(snapshots):
        assert_rows(snapshot, sum(parts[: at + 1]))
    assert_rows(mapped.read(tmp_path, "made"), sum(parts))
    assert_rows(mapped.read(tmp_path, "made", snapshots[0]), sum(parts))


def test_a_row_in_the_mapped_part_needs_no_other_mapping(tmp_path: Path) -> None:
    first = write(tmp_path, 0, 100)
    longer = write(tmp_path, 100, 20, after=first)
    assert np.shares_memory(first.vectors, longer.vectors)
    assert np.shares_memory(mapped.read(tmp_path, "made", first).vectors, first.vectors)
    assert mapped.read(tmp_path, "made", longer) is longer


def test_rows_cannot_be_written_through_what_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        write(tmp_path, 0, 3).vectors[0, 0] = 7


def test_rows_of_something_else_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, 0, 3)
    assert mapped.read(tmp_path, "made by another encoder") is None


def test_another_dimension_is_refused(tmp_path: Path) -> None:
    first = write(tmp_path, 0, 3)
    refused = pytest.raises(ValueError, match="dimension")
    with mapped.locked(tmp_path), Writer(tmp_path, "made", after=first) as writer, refused:
        writer.add(np.arange(2), np.ones((2, DIM + 1), np.float32), last_id=5)
    assert_rows(mapped.read(tmp_path, "made"), 3)


KILLED = """
import os, sys
from pathlib import Path
from similarity import mapped
from tests.similarity.test_mapped import rows_of
folder = Path(sys.argv[1])
known = mapped.read(folder, "made")
with mapped.locked(folder):
    writer = mapped.Writer(folder, "made", after=known if sys.argv[2] == "append" else None)
    writer.__enter__()
    writer.add(*rows_of(777, 50), last_id=9_999)
    os._exit(9)
"""


@pytest.mark.parametrize("doing", ["append", "rebuild"])
def test_a_process_killed_in_the_middle_leaves_what_was_there(tmp_path: Path, doing: str) -> None:
    first = write(tmp_path, 0, 8)
    command = [sys.executable, "-c", KILLED, str(tmp_path), doing]
    killed = subprocess.run(command, cwd=ROOT, check=False)
    assert killed.returncode == 9
    assert_rows(first, 8)
    found = mapped.read(tmp_path, "made")
    assert_rows(found, 8)
    assert_rows(write(tmp_path, 8, 4, after=found), 12)
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == 4, "head, lock, vectors and ids; what was left over is gone"


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / HEAD).write_text("{"),
        lambda folder: (folder / HEAD).write_text("[]"),
        lambda folder: (folder / HEAD).unlink(),
        lambda folder: next(folder.glob("*.vectors")).unlink(),
        lambda folder: next(folder.glob("*.ids")).write_bytes(b""),
        lambda folder: next(folder.glob("*.vectors")).write_bytes(b"short"),
        lambda folder: changed_head(folder, count=1_000),
        lambda folder: changed_head(folder, dim=3),
        lambda folder: changed_head(folder, total="AA"),
    ],
)
def test_files_that_are_damaged_are_not_trusted(tmp_path: Path, damage) -> None:
    write(tmp_path, 0, 8)
    damage(tmp_path)
    assert mapped.read(tmp_path, "made") is None
    assert_rows(write(tmp_path, 0, 9), 9)
    assert_rows(mapped.read(tmp_path, "made"), 9)


def changed_head(folder: Path, **changes: object) -> None:
    head = json.loads((folder / HEAD).read_text())
    (folder / HEAD).write_text(json.dumps(head | changes))


def test_a_deleted_folder_stays_readable_where_it_is_mapped(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    known = write(folder, 0, 8)
    shutil.rmtree(folder)
    assert_rows(known, 8)
    assert mapped.read(folder, "made", known) is None
    assert_rows(write(folder, 0, 10), 10)


def test_a_folder_deleted_while_it_is_written_still_gives_its_rows(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    with mapped.locked(folder), Writer(folder, "made") as writer:
        writer.add(*rows_of(0, 8), last_id=8)
        shutil.rmtree(folder)
        assert_rows(writer.publish(), 8)
    assert mapped.read(folder, "made") is None


APPENDING = """
import sys
from pathlib import Path
from similarity import mapped
from tests.similarity.test_mapped import write, rows_of
folder = Path(sys.argv[1])
for _ in range(25):
    with mapped.locked(folder):
        known = mapped.read(folder, "made")
        with mapped.Writer(folder, "made", after=known) as writer:
            writer.add(*rows_of(writer.count, 3), last_id=writer.count + 3)
            writer.publish()
"""


def test_processes_that_append_at_once_lose_nothing_and_readers_see_whole_rows(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", APPENDING, str(tmp_path)]
    writers = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
    known, seen = None, 0
    while any(writer.poll() is None for writer in writers):
        known = mapped.read(tmp_path, "made", known) or known
        if known:
            assert_rows(known, len(known))
            assert len(known) >= seen
            seen = len(known)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert_rows(mapped.read(tmp_path, "made"), 150)


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    def append() -> None:
        for _ in range(10):
            with mapped.locked(tmp_path):
                known = mapped.read(tmp_path, "made")
                with Writer(tmp_path, "made", after=known) as writer:
                    writer.add(*rows_of(writer.count, 1), last_id=writer.count + 1)
                    writer.publish()

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_rows(mapped.read(tmp_path, "made"), 40)
