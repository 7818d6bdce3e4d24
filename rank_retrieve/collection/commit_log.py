"""The write-ahead log of a handle, and what its errors mean for who writes.

append fails, disk full     NotCommitted; read-only until `resume()`
append fails otherwise      NotCommitted; poisoned
sync fails                  OutcomeUnknown; poisoned, and never tried again
interrupted                 poisoned: whether the frame counts, only the log knows
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from rank_retrieve.collection.state import FULL, State
from rank_retrieve.errors import NotCommitted, OutcomeUnknown, PoisonedError
from rank_retrieve.persistence.wal import FrameType

if TYPE_CHECKING:
    from rank_retrieve.persistence.wal import WriteAheadLog


class CommitLog:
    """The log of a writing handle."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def _wal(self) -> WriteAheadLog:
        assert self._state.wal is not None
        return self._state.wal

    @property
    def last_lsn(self) -> int:
        """Of the last batch that was appended."""
        return self._wal.last_lsn

    @property
    def newest_number(self) -> int:
        """Of the log file that is written to."""
        return self._wal.numbers[-1]

    def append(self, bodies: Sequence[bytes]) -> tuple[int, NotCommitted | None]:
        """Put batches into the log, not synced yet; how many, and what kept the others out.

        Fewer than all and no error: it is to be called again for the rest.
        """
        state = self._state
        try:
            appended, error = self._wal.append_many(FrameType.BATCH, bodies)
        except BaseException as interrupt:
            # in the middle of the frames: whether they count, the log knows
            state.stop_writing(interrupt)
            raise
        if error is None:
            return appended, None
        if error.errno in FULL:
            state.refuse_writes("the disk was full")
            why = f"the disk is full ({error})"
        else:
            state.stop_writing(error)
            why = str(error)
        refused = NotCommitted("the batch", why)
        refused.__cause__ = error
        return appended, refused

    def sync_to(self, lsn: int) -> None:
        """Make everything up to a batch durable. Raises OutcomeUnknown when that fails."""
        try:
            self._wal.sync(lsn)
        except BaseException as error:
            self._state.stop_writing(error)
            if isinstance(error, OSError | PoisonedError):
                raise OutcomeUnknown("the batch", f"its sync failed ({error})") from error
            raise

    def sync_now(self) -> None:
        """Make everything durable that is in the log, if the handle writes."""
        if self._state.wal is not None and self._state.poison is None:
            self.sync_to(self.last_lsn)

    def sync(self) -> None:
        """Make every acknowledged write durable. Raises OutcomeUnknown when that fails."""
        with self._state.locked_for("sync"):
            pass
        self.sync_now()

    def sync_refused(self) -> None:
        """Make what was acknowledged before writes were refused durable, whatever the disk has."""
        with suppress(OSError, PoisonedError):  # it syncs first, and then wants space
            self._wal.resume()
        self.sync_to(self.last_lsn)

    def resume(self) -> None:
        """Take frames again after the disk was full. Raises OSError."""
        self._wal.resume()

    def rotate(self) -> None:
        """Start a new file."""
        try:
            self._wal.rotate()
        except OSError as error:
            if error.errno in FULL:
                # the log takes no frame before it is resumed
                self._state.refuse_writes("the disk was full")
            raise

    def delete_before(self, number: int) -> None:
        """Delete files that a published manifest needs no more; what stays behind is an orphan."""
        with suppress(OSError):
            self._wal.delete_before(number)
