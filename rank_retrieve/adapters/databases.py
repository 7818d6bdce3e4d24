"""One database handle for all adapters of a process that name the same path.

Frameworks make a store object wherever they need one: a notebook runs a cell again, a pipeline is
loaded from its description, a writer and a retriever each bring their own. A directory has one
writing handle, so they share it here, counted, and the last to close it closes it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from rank_retrieve.collection import Database
from rank_retrieve.collection import open as open_database
from rank_retrieve.errors import InvalidArgument

MEMORY = ":memory:"

Place: TypeAlias = "str | os.PathLike[str] | Database"
"""Where an adapter keeps its documents: a path, ":memory:", or a database that is open."""


@dataclass
class _Shared:
    """A handle and its users; owned: opened here, so that the last user closes it."""

    database: Database
    owned: bool
    users: int = 0


_Key: TypeAlias = tuple[int, str]

_shared: dict[_Key, _Shared] = {}
_lock = Lock()


class Lease:
    """The use of a database by one adapter. Made by `lease`; `close` ends it."""

    def __init__(self, entry: _Shared, key: _Key | None) -> None:
        entry.users += 1
        self.database = entry.database
        self._entry, self._key = entry, key
        self._closed = False

    def close(self) -> None:
        """Close the database, unless others use it or the caller opened it. Twice is fine."""
        with _lock:
            if self._closed:
                return
            self._closed = True
            self._entry.users -= 1
            if self._entry.users:
                return
            if self._key is not None and _shared.get(self._key) is self._entry:
                del _shared[self._key]
            if self._entry.owned:
                self.database.close()


def lease(place: Place) -> Lease:
    """The database at a place, opened or shared.

    place: ":memory:" is a new database every time; a path is opened for writing, or shared with
        the adapters that use it; an open database is used as it is, and never closed here.
    Raises what `rr.open` raises, LockedError among it, and InvalidArgument.
    """
    if isinstance(place, Database):
        return _lease_of(place)
    if not isinstance(place, str | os.PathLike):
        raise InvalidArgument("path", place, "must be a path or an open rr.Database")
    if place == MEMORY:
        return Lease(_Shared(open_database(MEMORY), owned=True), None)
    key = _key_of(place)
    with _lock:
        entry = _shared.get(key)
        if entry is None or entry.database.closed:
            entry = _shared[key] = _Shared(open_database(place), owned=True)
        return Lease(entry, key)


def _lease_of(database: Database) -> Lease:
    """The use of a database that the caller opened; adapters that name its path share it."""
    key = _key_of(database.path)
    with _lock:
        entry = _shared.get(key)
        if entry is not None and entry.database is database:
            return Lease(entry, key)
        entry = _Shared(database, owned=False)
        # a reading handle, or one in memory, is of no use to those who name the path
        if database.mode == "r" or not Path(database.path).is_dir() or key in _shared:
            return Lease(entry, None)
        _shared[key] = entry
        return Lease(entry, key)


def _key_of(path: str | os.PathLike[str]) -> _Key:
    # a forked child must not share its parent's handle
    return os.getpid(), str(Path(path).resolve())
