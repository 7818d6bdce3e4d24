"""Which documents may be returned? Filters over metadata, and the columns that answer them.

`parse` turns a Mongo-like dict into a `Predicate`; `Filter` builds the same tree from Python.
`check_metadata` says what metadata may hold. `filters.columns` stores and reads columns.
"""

from rank_retrieve.filters.builder import Filter
from rank_retrieve.filters.check import check_metadata
from rank_retrieve.filters.parser import parse
from rank_retrieve.filters.predicate import Predicate

__all__ = ["Filter", "Predicate", "check_metadata", "parse"]
