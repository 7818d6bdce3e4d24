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
    from rank_retrieve.collection.state import State
    from rank_retrieve.persistence.manifest import Manifest
    from rank_retrieve.persistence.wal import WalFrame


class Follower:
    """Where one reading handle is, and the mark that says so to others."""

    def __init__(self, state: State, position: LogPosition) -> None:
        self._state, self._position = state, position
        self._manifest_bytes = b""
        self._one_at_a_time = threading.Lock()
        self._mark = ReaderMark.make(state.directory, state.manifest.generation)

    def refresh(self) -> bool:
        """Move to the newest state; whether there was one. See `Database.refresh`."""
        with self._one_at_a_time:
            self._state.check_open()
            moved = self._follow()
            with self._state.locked():
                if self._mark is not None:
                    self._mark.move(self._state.oldest_generation())
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

    def _follow(self) -> bool:
        held = self._state.manifest
        try:
            frames, position = follow(self._state.directory, held.database_id, self._position)
        except TrailLost:
            return self._reload()
        # what was read before this look was written before any manifest that is new in it
        if not self._is_published(held):
            return self._reload()
        if frames:
            self._apply(frames)
        moved = position != self._position
        self._position = position
        return moved

    def _is_published(self, held: Manifest) -> bool:
        found = published(self._state.directory)
        if found is not None and found == self._manifest_bytes:
            return True
        if manifests.load(self._state.directory).generation != held.generation:
            return False
        # published files are replaced, never changed: the same bytes are the same generation
        self._manifest_bytes = found or b""
        return True

    def _apply(self, frames: list[WalFrame]) -> None:
        with self._state.locked():
            stores = list(self._state.stores.values())
            next_id = self._state.manifest.next_collection_id
            # doing it twice changes nothing, so an error on the way leaves a state to go on from
            for store, batch in prepare_frames(frames, stores, next_id):
                with self._state.adopting():
                    store.apply(batch)

    def _reload(self) -> bool:
        found = recover_beside_writer(self._state.directory)
        with self._state.locked():
            before = list(self._state.stores.values())
        stores = replayed(found, before)
        names = {store.entry.id for store in stores}
        with self._state.locked(), self._state.adopting():
            for store in before:
                store.dropped = store.entry.id not in names
            self._state.manifest = found.manifest
            self._state.stores = {store.entry.name: store for store in stores}
            self._position = end_of(found.scan)
            for store in before:
                store.let_go()  # handles that are not used any more still refer to it
        return True
