"""Methods: from labeled embeddings to a score of every label for every query.

All learn nothing but sums and one small system of equations: fitting takes well under a second at
10,000 labeled images, so each labeled image counts in the next suggestion.
"""

from similarity.methods.base import Fitted, Method, Targets, targets_of
from similarity.methods.class_means import ClassMeans
from similarity.methods.graph import Graph
from similarity.methods.head import Head
from similarity.methods.neighbour_vote import NeighbourVote

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "ClassMeans",
    "Fitted",
    "Graph",
    "Head",
    "Method",
    "NeighbourVote",
    "Targets",
    "targets_of",
]

METHODS: dict[str, type[NeighbourVote] | type[ClassMeans] | type[Head] | type[Graph]] = {
    "neighbours": NeighbourVote,
    "class_means": ClassMeans,
    "head": Head,
    "graph": Graph,
}
"""By the name that people choose them by; each can be made without arguments."""

DEFAULT_METHOD = "neighbours"
"""Its scores can be explained by the hits that stand beside the query."""
