"""The one atomic step of every change but a batch: a new manifest takes the place of the old.

1 sync      the log: a manifest must not outlive what was committed before it
2 stage     the new manifest under another name, synced
3 replace   the rename; an error here leaves either state, so the handle is poisoned
4 adopt     in memory what is published now
5 delete    the files that only the old manifest names
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from rank_retrieve.collection.commit_log import CommitLog
from rank_retrieve.collection.state import State
from rank_retrieve.errors import NotFound, PoisonedError
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.manifest import Manifest


class Publisher:
    """Publishes new states of one database, under its lock."""

    def __init__(self, state: State, log: CommitLog) -> None:
        self._state, self._log = state, log

    def publish(self, adopt: Callable[[], None] = lambda: None, **changes: Any) -> None:
        """Replace the manifest, adopt it in memory, delete the files that it no longer names."""
        state, before = self._state, self._state.manifest
        # a manifest must not outlive what was committed before it, or there would be holes
        self._log.sync_to(self._log.last_lsn)
        after: Manifest = msgspec.structs.replace(
            before,
            generation=before.generation + 1,
            next_file_number=state.numbers.next,
            **changes,
        )
        with state.storing("publish the new state"):
            staged = manifests.stage(state.directory, after)
        try:
            manifests.replace(state.directory, staged)
        except BaseException as error:
            # either state may be published; this handle goes on reading the old one
            state.stop_writing(error)
            if isinstance(error, OSError):
                raise PoisonedError(state.path, repr(error)) from error
            raise
        with state.adopting():
            state.manifest = after
            adopt()
        kept = {file.name for file in after.files()}
        for file in before.files():
            if file.name not in kept:
                # a file that stays behind is an orphan, which the next recovery removes
                with suppress(OSError, NotFound):
                    state.directory.delete(file.name)
