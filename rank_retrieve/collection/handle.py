"""Which collection of which database a handle is for, and the lock around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rank_retrieve.collection.asynchronous import AsyncThreads
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.types import Encoder

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine


class Handle:
    """What reads and writes of a collection go through."""

    def __init__(self, engine: Engine, store: CollectionStore) -> None:
        self._engine, self._held = engine, store

    @property
    def _store(self) -> CollectionStore:
        """The collection as it is now: refreshing a reading handle puts another in its place."""
        current = self._engine.state.stores.get(self._held.entry.name)
        if current is not None and current.entry.id == self._held.entry.id:
            self._held = current
        return self._held

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._store.entry.name

    @property
    def schema(self) -> Schema:
        """The declared fields."""
        return self._store.schema

    @property
    def encoder(self) -> Encoder | None:
        """The fitted encoder, None when there is none (yet)."""
        return self._store.encoder

    @contextmanager
    def _locked(self) -> Iterator[CollectionStore]:
        """The collection under the database's lock; NotFound when it was dropped."""
        with self._engine.state.locked():
            store = self._store
            store.check_there()
            yield store

    def _check_there(self) -> None:
        with self._locked():
            pass

    @property
    def _threads(self) -> AsyncThreads:
        return self._engine.services.threads
