"""Graphs of the labeled images of projects: grown by workers, asked by everyone, lost without harm.

A graph lies in the data folder's cache and is only ever replaced whole. Workers bring it to what is
labeled (`grow_on`); each process loads it when another one appears there. Until it has, and where
more has changed than a graph can make up for, `index_of` has none, and exact search answers.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from projects.models import Project
from similarity.index import Searched
from similarity.index.choice import LEAST_SPEED
from similarity.index.graph import MOST_DRIFT, Graph, MadeBy, fits, grow, lacks
from similarity.index.graph_files import alone, load, save, saved
from similarity.index.hnsw import LEAST_RECALL, MOST_GONE, HnswIndex
from similarity.index.tuning import tuned

from . import collections
from .collections import Labeled
from .index_choice import chosen

MOST_PROJECTS = 4
"""Graphs kept in memory: 120 MB each at 100,000 images."""
GROW_FROM = 500
"""Labeled images that a graph may lack before it grows: a quarter of what is searched beside it."""


class _Joined:
    """A graph with the labeled images as they are, made once for each."""

    def __init__(self, graph: Graph, labeled: Labeled) -> None:
        self.graph, self.labeled = graph, labeled
        self.index = HnswIndex(graph, labeled.searched, lengths=labeled.whole.lengths)


class _Held:
    """What this process holds of one project. Only touched while `lock` is held."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stamp = ""
        self.graph: Graph | None = None
        self.loading: threading.Thread | None = None
        self.joined: _Joined | None = None


_held: OrderedDict[int, _Held] = OrderedDict()
_held_lock = threading.Lock()
_looked: dict[int, int] = {}
"""By project: the revision at which its graph was found good enough, or not wanted."""


def index_of(project: Project, labeled: Labeled) -> HnswIndex | None:
    """Return an index of the labeled images, or None where exact search is to be used.

    Never waits: a graph that appeared is loaded by a thread. The one before is dropped first: both
    would be 240 MB at 100,000 images, and a web process is to stay below 300 with everything.
    """
    held, made_by = _of(project.pk), _made_by(project, labeled.searched)
    with held.lock:
        _look(held, project.pk, made_by, labeled)
        if held.graph is None or held.graph.made_by != made_by:
            return None
        joined = held.joined
        if joined is None or joined.graph is not held.graph or joined.labeled is not labeled:
            joined = held.joined = _Joined(held.graph, labeled)
    if joined.index.is_stale or joined.graph.speed < LEAST_SPEED:
        return None
    return joined.index


def turn_of(project_id: int) -> str:
    """Return what the next turn is called: it is another one after each turn that was taken."""
    return saved(_folder(project_id)).stamp


def grow_on(
    project_id: int,
    turn: str,
    *,
    seconds: float,
    asked_to_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Bring the graph of a project closer to its labeled images, as far as the time allows.

    Args:
        turn: what `turn_of` said when this was queued. One that was taken meanwhile is not taken
            again: without that, each sweep would add one more chain of messages to the queue.

    Returns:
        Whether there is more to do, by another turn. False too where another process is at it.
    """
    project = Project.objects.live().filter(pk=project_id).first()
    if project is None or not is_wanted(_number(project)):
        return False
    searched = collections.labeled(project).searched
    with alone(_folder(project.pk)) as is_alone:
        if not is_alone or turn_of(project_id) != turn:
            return False
        return _take_turn(project, searched, seconds, asked_to_stop)


def behind() -> list[int]:
    """Return the projects whose graph may have to grow, also if a worker is at it."""
    found = []
    for project in Project.objects.live().order_by("pk"):
        if project.revision in (_looked.get(project.pk), saved(_folder(project.pk)).revision):
            continue
        if is_wanted(_number(project)):
            found.append(project.pk)
        else:
            _looked[project.pk] = project.revision
    return found


def is_wanted(number: int) -> bool:
    """Whether so many labeled images are to have a graph."""
    return chosen(number) == HnswIndex.name


def remove_unused() -> int:
    """Remove the graphs of projects that are gone; return how many."""
    folders = {int(path.name): path for path in _root().glob("*") if path.name.isdigit()}
    there = set(Project.objects.filter(pk__in=folders).values_list("pk", flat=True))
    for project_id in folders.keys() - there:
        shutil.rmtree(folders[project_id], ignore_errors=True)
        forget(project_id)
    return len(folders.keys() - there)


def forget(project_id: int) -> None:
    """Drop what this process holds of a project; the files stay."""
    with _held_lock:
        _held.pop(project_id, None)
    _looked.pop(project_id, None)


def wait_until_loaded(project_id: int) -> None:
    """Wait for the thread that loads the graph of a project, if there is one."""
    loading = _of(project_id).loading
    if loading:
        loading.join()


def _take_turn(
    project: Project, searched: Searched, seconds: float, asked_to_stop: Callable[[], bool]
) -> bool:
    folder, made_by = _folder(project.pk), _made_by(project, searched)
    graph = load(folder, made_by, with_room=True)
    if graph is not None and _is_near(graph, searched):
        _looked[project.pk] = project.revision
        return False
    until = time.monotonic() + seconds
    graph = grow(
        graph, searched, made_by, go_on=lambda: time.monotonic() < until and not asked_to_stop()
    )
    more = lacks(graph, searched) > 0
    if not more:
        graph = tuned(graph, searched)
    save(graph, folder, revision=-1 if more else project.revision)
    return more


def _is_near(graph: Graph, searched: Searched) -> bool:
    """Whether growing can wait: it was measured, and half of what makes it stale is not reached."""
    if not graph.recall or not fits(graph, searched):
        return False
    index = HnswIndex(graph, searched)
    if graph.recall < LEAST_RECALL or graph.speed < LEAST_SPEED:
        # It was built for vectors that no graph is good for: not again for a few more of them.
        return index.tail < len(searched) // 5 and index.gone < MOST_GONE
    return (
        index.tail <= GROW_FROM
        and index.gone <= MOST_GONE / 2
        and graph.drift(searched.centering) <= MOST_DRIFT / 2
    )


def _look(held: _Held, project_id: int, made_by: MadeBy, labeled: Labeled) -> None:
    """Begin to load the graph in the folder, if it is another than the one that is held."""
    stamp = saved(_folder(project_id)).stamp
    if stamp == held.stamp or held.loading:
        return
    held.graph = held.joined = None
    # The thread reads no database: it would keep a connection of its own open.
    held.loading = threading.Thread(
        target=_load, args=(held, project_id, made_by, labeled), daemon=True, name="graph"
    )
    held.loading.start()


def _load(held: _Held, project_id: int, made_by: MadeBy, labeled: Labeled) -> None:
    stamp, graph = saved(_folder(project_id)).stamp, None
    try:
        graph = load(_folder(project_id), made_by)
        if graph is not None and not fits(graph, labeled.searched):
            graph = None
    finally:
        with held.lock:
            held.stamp, held.graph, held.loading = stamp, graph, None


def _of(project_id: int) -> _Held:
    with _held_lock:
        held = _held.setdefault(project_id, _Held())
        _held.move_to_end(project_id)
        while len(_held) > MOST_PROJECTS:
            _held.popitem(last=False)
        return held


def _number(project: Project) -> int:
    number: int = project.images.in_dataset().labeled().embedded().count()
    return number


def _made_by(project: Project, searched: Searched) -> MadeBy:
    return MadeBy(project.encoder, project.encoder_version, searched.vectors.shape[1])


def _folder(project_id: int) -> Path:
    return _root() / str(project_id)


def _root() -> Path:
    return Path(settings.DATA_FOLDER) / "cache" / "indexes"
