"""Label propagation: labels flow along a graph of nearest images, labeled or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from similarity.methods.base import FloatArray, Rows, Targets, shares
from similarity.neighbours import nearest
from similarity.sampling import evenly

MOST_NODES = 2_000
"""Images of the graph: labeled first, then of the pool. One core inverts 2,000 in half a second."""


@dataclass(frozen=True)
class Graph:
    """Spread the labels over a k-nearest graph until they hold still.

    F = (1 - flow) (I - flow S)^-1 Y with the normalized weights S: an image takes part of its
    neighbours' labels, and they of theirs. Tells more than the vote where images of one label form
    chains, and needs images without a label to do so.

    Args:
        k: edges of each image.
        flow: how much an image takes from its neighbours, 0..1.
        temperature: of the weights, as the vote's.
        most_nodes: images of the graph.

    Source: Zhou et al., "Learning with Local and Global Consistency", 2004.
    """

    k: int = 10
    flow: float = 0.9
    temperature: float = 0.1
    most_nodes: int = MOST_NODES
    name = "graph"

    def fit(
        self, vectors: FloatArray, targets: Targets, *, pool: FloatArray | None = None
    ) -> "FittedGraph":
        """Build the graph over the labeled images and as much of the pool as has room."""
        labeled = evenly(len(vectors), self.most_nodes)
        nodes = vectors[labeled]
        if pool is not None and len(nodes) < self.most_nodes:
            nodes = np.concatenate((nodes, pool[evenly(len(pool), self.most_nodes - len(nodes))]))
        known = np.zeros((len(nodes), targets.shape[1]), np.float32)
        known[: len(labeled)] = targets[labeled]
        spread = self._spread(nodes)
        return FittedGraph(self, vectors, targets, nodes, labeled, spread, known)

    def _spread(self, nodes: FloatArray) -> FloatArray:
        """(nodes, nodes): how much of each one's labels reaches each other one."""
        n = len(nodes)
        if n == 1:
            return np.full((1, 1), 1.0 - self.flow, np.float32)
        hits = nearest(nodes, nodes, k=min(self.k, n - 1), exclude=np.arange(n))
        weights = np.zeros((n, n), np.float64)
        edges = np.exp((hits.similarities - 1.0) / self.temperature)
        np.put_along_axis(weights, hits.rows, edges, axis=1)
        weights = np.maximum(weights, weights.T)
        # A lone image far from all has tiny weights only; the root keeps their proportion.
        root = np.sqrt(np.maximum(weights.sum(axis=1), 1e-12))
        system = np.eye(n) - self.flow * weights / root[:, np.newaxis] / root
        spread: FloatArray = ((1.0 - self.flow) * np.linalg.inv(system)).astype(np.float32)
        return spread


@dataclass(frozen=True)
class FittedGraph:
    """See ``similarity.methods.base.Fitted``. Queries need not be nodes of the graph."""

    method: Graph
    vectors: FloatArray
    targets: Targets
    nodes: FloatArray
    labeled: NDArray[np.int64]
    """Rows of ``vectors`` that are the first nodes."""
    spread: FloatArray
    known: Targets

    def scores(self, queries: FloatArray) -> FloatArray:
        return self._of_neighbours(queries, self.spread @ self.known)

    def leave_one_out(self, rows: Rows | None = None) -> FloatArray:
        """Exact for the images in the graph; the others are compared with those.

        Exact: as if that image had no label, but stayed in the graph.
        """
        rows = np.arange(len(self.vectors)) if rows is None else rows
        node = np.full(len(self.vectors), -1, np.int64)
        node[self.labeled] = np.arange(len(self.labeled))
        node = node[rows]
        found = np.empty((len(rows), self.targets.shape[1]), np.float32)
        found[node >= 0] = self._of_others(node[node >= 0])
        found[node < 0] = self.scores(self.vectors[rows[node < 0]])
        return found

    def _of_others(self, node: NDArray[np.int64]) -> FloatArray:
        """What reaches nodes but for what they hold themselves."""
        flows = self.spread[node]
        # Struck out, not subtracted: rounding would leave some of the label it must not know.
        flows[np.arange(len(node)), node] = 0.0
        return _as_shares(flows @ self.known)

    def _of_neighbours(self, queries: FloatArray, reached: FloatArray) -> FloatArray:
        hits = nearest(queries, self.nodes, k=min(self.method.k, len(self.nodes)))
        weights = shares(hits.similarities, temperature=self.method.temperature)
        return _as_shares(np.einsum("qk,qkl->ql", weights, reached[hits.rows]))


def _as_shares(reached: FloatArray) -> FloatArray:
    """What reached an image, as shares of all that did."""
    reached = np.maximum(reached, 0.0)
    total = reached.sum(axis=1, keepdims=True)
    found: FloatArray = (reached / np.where(total > 0, total, 1.0)).astype(np.float32)
    return found
