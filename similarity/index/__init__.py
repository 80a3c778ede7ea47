"""Indexes: the labeled images nearest to a query, by whichever way is fastest at their number."""

from similarity.index.base import Found, Index, Searched

__all__ = ["Found", "Index", "Searched"]
