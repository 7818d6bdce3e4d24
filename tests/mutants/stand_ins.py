"""What mutants have in the place of a lock."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def released(manager: AbstractContextManager[T]) -> Iterator[T]:
    """Enter and leave a block at once: its checks are made, its lock is gone."""
    with manager as value:
        pass
    yield value


class NoLock:
    """Says that it was taken."""

    def release(self) -> None:
        """Nothing was held."""
