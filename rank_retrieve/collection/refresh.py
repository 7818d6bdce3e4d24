"""How a reading handle keeps up with the writer of its database.

    1 follow    read the log behind what is held already; nothing else is touched
    2 confirm   is the manifest that is held still the published one? it is, almost always
    3 apply     the batches of step 1 to the memtables, each whole, under the handle's lock

Where a manifest was published (a flush, a compaction, a new or dropped collection), the state is
read anew beside the old one, which lends it the segments that are in both, and then takes its
place in one step. Snapshots go on with the segments that they hold: their files may have been
deleted, but what is mapped stays readable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rank_retrieve.collection.replay import prepare_frames, replayed
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.readers import ReaderMark
from rank_retrieve.persistence.reading import published, recover_beside_writer
from rank_retrieve.persistence.wal_tail import LogPosition, TrailLost, end_of, follow

if TYPE_CHECKING:
    from rank_retrieve.collection.database import Database
    from rank_retrieve.persistence.manifest import Manifest
    from rank_retrieve.persistence.wal import WalFrame


class Follower:
    """Where one reading handle is, and the mark that says so to others."""

    def __init__(self, database: Database, position: LogPosition) -> None:
        self._position = position
        self._manifest_bytes = b""
        self._one_at_a_time = threading.Lock()
        self._mark = ReaderMark.make(database._directory, database._manifest.generation)

    def refresh(self, database: Database) -> bool:
        """Move to the newest state; whether there was one. See `Database.refresh`."""
        with self._one_at_a_time:
            database._check_open()
            moved = self._follow(database)
            with database._locked():
                if self._mark is not None:
                    self._mark.move(database._oldest_generation())
            return moved

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait for a refresh that runs, and keep others from starting."""
        with self._one_at_a_time:
            yield

    def release(self) -> None:
        """Take the mark away."""
        if self._mark is not None:
            self._mark.release()

    def _follow(self, database: Database) -> bool:
        held = database._manifest
        try:
            frames, position = follow(database._directory, held.database_id, self._position)
        except TrailLost:
            return self._reload(database)
        # what was read before this look was written before any manifest that is new in it
        if not self._is_published(database, held):
            return self._reload(database)
        if frames:
            self._apply(database, frames)
        moved = position != self._position
        self._position = position
        return moved

    def _is_published(self, database: Database, held: Manifest) -> bool:
        found = published(database._directory)
        if found is not None and found == self._manifest_bytes:
            return True
        if manifests.load(database._directory).generation != held.generation:
            return False
        # published files are replaced, never changed: the same bytes are the same generation
        self._manifest_bytes = found or b""
        return True

    def _apply(self, database: Database, frames: list[WalFrame]) -> None:
        with database._locked():
            stores = list(database._stores.values())
            next_id = database._manifest.next_collection_id
            # doing it twice changes nothing, so an error on the way leaves a state to go on from
            for store, batch in prepare_frames(frames, stores, next_id):
                with database._adopting():
                    store.apply(batch)

    def _reload(self, database: Database) -> bool:
        found = recover_beside_writer(database._directory)
        with database._locked():
            before = list(database._stores.values())
        stores = replayed(found, before)
        names = {store.entry.id for store in stores}
        with database._locked(), database._adopting():
            for store in before:
                store.dropped = store.entry.id not in names
            database._manifest = found.manifest
            database._stores = {store.entry.name: store for store in stores}
            self._position = end_of(found.scan)
            for store in before:
                store.let_go()  # handles that are not used any more still refer to it
        return True
