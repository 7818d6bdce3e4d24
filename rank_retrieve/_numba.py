"""How kernels are compiled: one decorator, so that every kernel has the same rules.

A kernel is a small module-level function over flat C-contiguous arrays with one declared
signature. It allocates nothing that it returns, touches no file, raises nothing, and
releases the GIL. `kernel.py_func` is the same function as plain Python: its specification.

A kernel is compiled, or loaded from Numba's on-disk cache, when it is first called: loading one
takes milliseconds, importing Numba takes more, so modules of kernels are imported only where they
are about to be called (ADR 0018). `load_declared` does not wait.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar, cast

import numba
from numba.core.compiler_lock import global_compiler_lock

njit: Any = numba.njit  # its types do not know all options

F = TypeVar("F", bound=Callable[..., Any])

RULES: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(signature: object, *, borrows: bool = False) -> Callable[[F], F]:
    """Compile a function for one signature: cached on disk, without the GIL.

    signature: as Numba takes it, a string or a type. borrows: count no references, see
    `borrowed`; such a kernel makes no arrays.
    """
    options: dict[str, Any] = {"_nrt": False} if borrows else {}

    def declare(function: F) -> F:
        return cast(F, _lazily(njit(**RULES, cache=True, **options)(function), signature))

    return declare


def load_declared() -> None:
    """Compile or load every kernel that was declared so far."""
    while _declared:
        _declared.pop()()


_declared: list[Callable[[], object]] = []
_retried = threading.local()


def _lazily(dispatcher: Any, signature: object) -> Any:
    """A dispatcher without specialisations that makes its only one when it is asked for any.

    Numba asks through these two attributes: the first when no specialisation fits the arguments of
    a call, the second when another function calls this one.
    """
    if not hasattr(dispatcher, "compile"):
        return dispatcher  # under NUMBA_DISABLE_JIT it is the function itself

    kind = type(dispatcher)

    def load() -> None:
        # the compiler's own lock: another one could be waited for while this is held
        with global_compiler_lock, _interrupts_later():
            if not dispatcher.overloads:
                _without_scipy()
                dispatcher.compile(signature)
                dispatcher.disable_compile()

    def again(*args: Any) -> Any:
        _retried.dispatcher = dispatcher
        try:
            return dispatcher(*args)
        finally:
            _retried.dispatcher = None

    def without_match(*args: Any) -> Any:
        # none of these types, or none yet: another thread may have loaded it just now
        if getattr(_retried, "dispatcher", None) is dispatcher:
            return kind._compile_for_args(dispatcher, *args)
        load()
        return again

    def template(args: Any, kws: Any) -> Any:
        load()
        return kind.get_call_template(dispatcher, args, kws)

    dispatcher._compile_for_args = without_match
    dispatcher.get_call_template = template
    _declared.append(load)
    return dispatcher


@cache
def _without_scipy() -> None:
    """Load Numba's array functions without SciPy's BLAS, which takes longer than all the rest.

    Numba imports it to see that it is there, which is known: SciPy is one of our dependencies.
    Whoever compiles linear algebra, still imports it then.
    """
    from numba.np import linalg

    check = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        linalg.ensure_blas = check


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


def merged(function: F) -> F:
    """A `borrowed` helper that LLVM always copies into its callers.

    For steps of inner loops that take tuples of arrays: each array of an argument is seven words
    to pass, which can cost more than the step. Such helpers are called from one or two places.
    """
    return cast(F, njit(**RULES, _nrt=False, forceinline=True)(function))


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
