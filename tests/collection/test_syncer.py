"""The thread of durability "async", without a clock and without a thread."""

import threading
import weakref
from typing import cast

import pytest

from rank_retrieve.collection.syncer import _run
from rank_retrieve.errors import PoisonedError


class Handle:
    def __init__(self, fails_at: int = 0) -> None:
        self.n_syncs, self.fails_at = 0, fails_at

    def sync(self) -> None:
        self.n_syncs += 1
        if self.n_syncs == self.fails_at:
            raise PoisonedError("x", "a sync failed")


class Stopped:
    """Stopped after a number of intervals."""

    def __init__(self, intervals: int) -> None:
        self.left = intervals

    def wait(self, interval_s: float) -> bool:
        assert interval_s == 0.5
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize(("fails_at", "n_syncs"), [(0, 3), (2, 2)])
def test_every_interval_is_synced_until_one_fails(fails_at: int, n_syncs: int) -> None:
    handle = Handle(fails_at)
    _run(weakref.WeakMethod(handle.sync), 0.5, cast(threading.Event, Stopped(3)))
    assert handle.n_syncs == n_syncs


def test_a_handle_that_was_lost_is_not_synced() -> None:
    handle = Handle()
    method = weakref.WeakMethod(handle.sync)
    del handle
    stopped = Stopped(3)
    _run(method, 0.5, cast(threading.Event, stopped))
    assert stopped.left == 2
