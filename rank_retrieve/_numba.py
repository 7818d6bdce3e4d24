"""How kernels are compiled: one decorator, so that every kernel has the same rules.

A kernel is a small module-level function over flat C-contiguous arrays with one declared
signature. It allocates nothing that it returns, touches no file, raises nothing, and
releases the GIL. `kernel.py_func` is the same function as plain Python: its specification.

Declared signatures compile (or load from Numba's on-disk cache) when the kernel's module is
imported, so modules of kernels are imported only where they are about to be called.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numba

njit: Any = numba.njit  # its types do not know all options

F = TypeVar("F", bound=Callable[..., Any])

RULES: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(signature: object, *, borrows: bool = False) -> Callable[[F], F]:
    """Compile a function for one signature: cached on disk, without the GIL.

    signature: as Numba takes it, a string or a type. borrows: count no references, see
    `borrowed`; such a kernel makes no arrays.
    """
    options: dict[str, Any] = {"_nrt": False} if borrows else {}

    def compile_kernel(function: F) -> F:
        with _interrupts_later():
            return cast(F, njit(signature, **RULES, cache=True, **options)(function))

    return compile_kernel


def inlined(function: F) -> F:
    """A helper that is compiled into the kernels of its own module.

    Kernel and helper belong in one module: Numba's cache notices a change in the file of the
    kernel itself, not in a file that it imports.
    """
    return cast(F, njit(**RULES, inline="never")(function))


def borrowed(function: F) -> F:
    """An `inlined` helper that counts no references to the arrays it is given.

    Tuples of arrays are cheap arguments only so: without this, each call counts up and down for
    every array, atomically. A test shows that it still holds for the Numba that is installed.
    """
    return cast(F, njit(**RULES, _nrt=False)(function))


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back until the block has ended.

    A KeyboardInterrupt inside a callback of LLVM's is lost there, and LLVM goes on without what
    the callback should have given it: the process crashes.
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    held_back: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: held_back.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held_back:
            signal.raise_signal(signal.SIGINT)
