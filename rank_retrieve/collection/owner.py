"""Which process a handle belongs to."""

from __future__ import annotations

import os

from rank_retrieve.errors import ForkedHandleError


class Owner:
    """The process that opened a database; a child that was forked from it is another.

    A child has the parent's memory but not its threads, and none of its locks may be trusted:
    one that another thread held at the moment of the fork is never released there.
    """

    def __init__(self, path: str) -> None:
        self._path, self._pid = path, os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether this is the process."""
        return os.getpid() == self._pid

    def check(self) -> None:
        """Raises ForkedHandleError in any other process."""
        if not self.is_here:
            raise ForkedHandleError(self._path, self._pid)
