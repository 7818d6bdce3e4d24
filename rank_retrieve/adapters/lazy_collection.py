"""A collection that is made with its first document, whose vector tells the dimension.

Frameworks hand over a function that makes vectors, not their length; and a store that was never
written to answers searches with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from rank_retrieve.adapters.databases import Place, lease
from rank_retrieve.collection import Collection, Database, WriteBatch
from rank_retrieve.errors import AlreadyExists, InvalidArgument, NotFound
from rank_retrieve.types import Field, Metric, Text, Vector


class LazyCollection:
    """A collection by name in a database, there or not yet.

    place: a path, ":memory:" or an open `rr.Database`.
    texts, vector: the names of its text fields and its vector field.
    analyzer, metric, index: of these fields; they count when the collection is made.
    dim: of the vectors, None to learn it from the first one.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        *,
        texts: Sequence[str],
        vector: str,
        analyzer: str = "english",
        metric: Metric = "cosine",
        index: Any = "exact",
        dim: int | None = None,
    ) -> None:
        self.name, self.texts, self.vector = name, tuple(texts), vector
        self._analyzer, self._metric, self._index, self._dim = analyzer, metric, index, dim
        Vector(dim=1, metric=metric, index=index)  # refused now, not at the first document
        self._lease = lease(place)

    @property
    def database(self) -> Database:
        """The database that it is in."""
        return self._lease.database

    def existing(self) -> Collection | None:
        """The collection, None where it was not made yet."""
        try:
            return self.database.get_collection(self.name)
        except NotFound:
            return None

    def made(self, dim: int | None = None) -> Collection:
        """The collection, made now if need be.

        dim: of the vectors that are about to be put, None when there are none.
        Raises InvalidArgument when there are vectors and the collection has no field for them.
        """
        found = self.existing()
        if found is None:
            fields: dict[str, Field] = {text: Text(analyzer=self._analyzer) for text in self.texts}
            size = self._dim or dim
            if size is not None:
                fields[self.vector] = Vector(dim=size, metric=self._metric, index=self._index)
            with suppress(AlreadyExists):  # by another thread, meanwhile
                return self.database.create_collection(self.name, fields)
            found = self.database.get_collection(self.name)
        if dim is not None and self.vector not in found.schema.vectors:
            raise InvalidArgument(
                self.vector,
                dim,
                f"collection {self.name!r} was made without vectors, so it cannot take this one",
                "give the dimension when the store is first made, or use another collection",
            )
        return found

    def has_vectors(self) -> bool:
        """Whether there is a collection with the vector field."""
        found = self.existing()
        return found is not None and self.vector in found.schema.vectors

    def put(self, documents: list[dict[str, Any]]) -> None:
        """Insert or replace documents, a thousand to an atomic batch."""
        if documents:
            self.made(dim_of(documents, self.vector)).put_many(documents)

    def delete(self, ids: list[str]) -> int:
        """Remove documents in one atomic batch; how many were there."""
        found = self.existing()
        if found is None:
            return 0
        known = [identity for identity in dict.fromkeys(ids) if identity in found]
        if known:
            batch = WriteBatch()
            for identity in known:
                batch.delete(identity)
            found.write(batch)
        return len(known)

    def clear(self) -> int:
        """Remove every document and keep the collection; how many there were."""
        found = self.existing()
        return 0 if found is None else self.delete(list(found.ids()))

    def drop(self) -> None:
        """Remove the collection itself, if it is there."""
        with suppress(NotFound):
            self.database.drop_collection(self.name)

    def close(self) -> None:
        """Let go of the database."""
        self._lease.close()


def dim_of(documents: list[dict[str, Any]], vector: str) -> int | None:
    """The length of the first vector, None when no document has one."""
    for document in documents:
        value: Any = document.get(vector)
        if value is not None:
            return len(value)
    return None


def without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """A document without some fields."""
    return {name: value for name, value in document.items() if name not in names}
