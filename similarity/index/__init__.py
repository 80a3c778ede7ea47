"""Indexes: the labeled images nearest to a query, by whichever way is fastest at their number."""

from similarity.index.base import Found, Index, Searched
from similarity.index.exact import ExactIndex

__all__ = ["ExactIndex", "Found", "Index", "Searched"]
