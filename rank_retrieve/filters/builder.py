"""The typed way to write filters: `Filter.eq("year", 2021) & ~Filter.in_("tag", ["a", "b"])`.

Each method makes the predicate that the dict of the same name parses to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters.check import refuse
from rank_retrieve.filters.parser import parse
from rank_retrieve.filters.predicate import Predicate, all_of, any_of


class Filter:
    """Makes predicates; every method raises InvalidArgument for what a dict could not hold.

    >>> where = Filter.eq("category", "books").and_(Filter.gte("year", 2020))
    >>> where.matches({"category": "books", "year": 2021})
    True
    >>> where == Filter.parse({"category": "books", "year": {"$gte": 2020}})
    True
    """

    def __new__(cls, *args: object, **kwargs: object) -> Filter:
        """Filters are made by the methods: `Filter.eq(...)`."""
        raise InvalidArgument("Filter", args, "is not called itself", "use Filter.eq(...) or parse")

    @staticmethod
    def parse(where: Mapping[str, Any] | Predicate) -> Predicate:
        """From a Mongo-like dict."""
        return parse(where)

    @staticmethod
    def everything() -> Predicate:
        """Every document: `{}`."""
        return parse({})

    @staticmethod
    def eq(path: str, value: Any) -> Predicate:
        """Equal to a value, or an array that holds it."""
        return parse({path: {"$eq": value}})

    @staticmethod
    def ne(path: str, value: Any) -> Predicate:
        """Not `eq`; a document without the path matches."""
        return parse({path: {"$ne": value}})

    @staticmethod
    def gt(path: str, value: Any) -> Predicate:
        """Greater than a number, string, bytes or datetime."""
        return parse({path: {"$gt": value}})

    @staticmethod
    def gte(path: str, value: Any) -> Predicate:
        """Greater than or equal to."""
        return parse({path: {"$gte": value}})

    @staticmethod
    def lt(path: str, value: Any) -> Predicate:
        """Less than."""
        return parse({path: {"$lt": value}})

    @staticmethod
    def lte(path: str, value: Any) -> Predicate:
        """Less than or equal to."""
        return parse({path: {"$lte": value}})

    @staticmethod
    def between(path: str, low: Any, high: Any) -> Predicate:
        """From low to high, both included; of an array, two elements may fit one bound each."""
        return parse({path: {"$gte": low, "$lte": high}})

    @staticmethod
    def in_(path: str, values: Iterable[Any]) -> Predicate:
        """Equal to one of the values."""
        return parse({path: {"$in": _as_list(values)}})

    @staticmethod
    def nin(path: str, values: Iterable[Any]) -> Predicate:
        """Not `in_`; a document without the path matches."""
        return parse({path: {"$nin": _as_list(values)}})

    @staticmethod
    def all(path: str, values: Iterable[Any]) -> Predicate:
        """An array that holds every value."""
        return parse({path: {"$all": _as_list(values)}})

    @staticmethod
    def exists(path: str, there: bool = True) -> Predicate:
        """The path is there, be it null; or, with False, it is not."""
        return parse({path: {"$exists": there}})

    @staticmethod
    def size(path: str, length: int) -> Predicate:
        """An array of exactly so many elements."""
        return parse({path: {"$size": length}})

    @staticmethod
    def element(path: str, where: Mapping[str, Any]) -> Predicate:
        """An array with one element that fits all of `where`, fields or operators."""
        return parse({path: {"$elemMatch": where}})

    @staticmethod
    def regex(path: str, pattern: str, options: str = "") -> Predicate:
        """A string in which a regular expression is found; see docs/filters.md for its syntax."""
        return parse({path: {"$regex": pattern, "$options": options}})

    @staticmethod
    def and_(*parts: Predicate) -> Predicate:
        """All of them; with none, every document."""
        return all_of(*parts)

    @staticmethod
    def or_(*parts: Predicate) -> Predicate:
        """At least one of them; with none, no document."""
        return any_of(*parts)

    @staticmethod
    def not_(part: Predicate) -> Predicate:
        """The documents that do not fit."""
        return part.not_()


def _as_list(values: Iterable[Any]) -> list[Any]:
    if isinstance(values, str | bytes | Mapping):
        raise refuse(("values",), values, "must be several values", "put it in a list")
    return list(values)
