"""Graphs of made collections."""

from __future__ import annotations

from similarity.index import Searched
from similarity.index.graph import Graph, MadeBy, grow
from similarity.index.hnsw import HnswIndex
from similarity.index.tuning import tuned

from .made import DIM

MADE_BY = MadeBy("drawn", "1", DIM)


def graph_of(searched: Searched, graph: Graph | None = None) -> Graph:
    """A graph of all that is searched, grown from another if one is given."""
    return tuned(grow(graph, searched, MADE_BY), searched)


def hnsw_of(searched: Searched) -> HnswIndex:
    return HnswIndex(graph_of(searched), searched)
