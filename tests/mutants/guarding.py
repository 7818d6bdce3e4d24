"""Asserts that what a lock guards is only touched by the thread that holds it.

A race shows once in a million runs; touching guarded state without its lock shows at once.
"""

import importlib
import threading
from collections.abc import Callable
from typing import Any


class OwnedLock:
    """A lock that knows who holds it; as re-entrant as a `threading.RLock` if it is told to."""

    def __init__(self, *, reentrant: bool = False) -> None:
        self._lock = threading.RLock() if reentrant else threading.Lock()
        self._owner: int | None = None
        self._depth = 0

    @property
    def mine(self) -> bool:
        """Whether this thread holds it."""
        return self._owner == threading.get_ident()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As of a lock."""
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            self._owner, self._depth = threading.get_ident(), self._depth + 1
        return taken

    def release(self) -> None:
        """As of a lock."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class UnguardedError(AssertionError):
    """Guarded state was touched without the lock."""


class Guarded:
    """Watches objects for being touched without `lock`; `seen` says what was touched with it."""

    def __init__(self, lock: OwnedLock) -> None:
        self.lock = lock
        self.seen: set[str] = set()
        self.missed: list[str] = []

    def check(self, what: str) -> None:
        """Raises where the lock is not held; remembers, since threads swallow errors."""
        self.seen.add(what)
        if not self.lock.mine:
            self.missed.append(what)
            raise UnguardedError(f"{what} was touched without its lock")

    def attributes(self, target: Any, *names: str) -> None:
        """Check every reading and setting of these attributes of one object."""
        kind = type(target)
        space = {name: self._property(f"{kind.__name__}.{name}", name) for name in names}
        target.__class__ = type(kind.__name__, (kind,), space)

    def calls(self, patch: Any, target: Any, *names: str) -> None:
        """Check every call of these methods, or functions, of a class, object or module.

        patch: pytest's `monkeypatch`. target: a module also by its name.
        """
        holder = importlib.import_module(target) if isinstance(target, str) else target
        for name in names:
            patch.setattr(holder, name, self._checked(name, getattr(holder, name)))

    def _property(self, what: str, name: str) -> property:
        def get(target: Any) -> Any:
            self.check(what)
            return vars(target)[name]

        def put(target: Any, value: Any) -> None:
            self.check(what)
            vars(target)[name] = value

        return property(get, put)

    def _checked(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*arguments: Any, **options: Any) -> Any:
            self.check(name)
            return function(*arguments, **options)

        return checked


def in_threads(*actions: Callable[[], Any], timeout_s: float = 10) -> list[BaseException]:
    """Run the actions at the same time; the errors that they ended with."""
    errors: list[BaseException] = []

    def run(action: Callable[[], Any]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - told to the caller
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,), daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout_s)
        assert not thread.is_alive(), "a thread hangs"
    return errors
