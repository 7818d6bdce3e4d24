"""The write-ahead log of a handle, and what its errors mean for who writes.

append fails, disk full     NotCommitted; read-only until `resume()`
append fails otherwise      NotCommitted; poisoned
sync fails                  OutcomeUnknown; poisoned, and never tried again
interrupted                 poisoned: whether the frame counts, only the log knows
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rank_retrieve.collection.state import FULL, State
from rank_retrieve.errors import InvalidArgument, NotCommitted, OutcomeUnknown, PoisonedError
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

    def append(self, body: bytes) -> int:
        """The LSN of a batch that is in the log, though not synced yet."""
        state = self._state
        try:
            return self._wal.append(FrameType.BATCH, body)
        except InvalidArgument:
            raise  # refused before anything was written
        except OSError as error:
            if error.errno in FULL:
                state.refuse_writes("the disk was full")
                raise NotCommitted("the batch", f"the disk is full ({error})") from error
            state.stop_writing(error)
            raise NotCommitted("the batch", str(error)) from error
        except BaseException as error:
            # interrupted in the middle of the frame: whether it counts, the log knows
            state.stop_writing(error)
            raise

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
