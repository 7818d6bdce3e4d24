"""`rank-retrieve warmup`: compile every kernel now, so that nothing waits for it later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rank_retrieve.cli.options import Json

if TYPE_CHECKING:
    from rank_retrieve.cli.output import Advance


def warmup(json: Json = None) -> None:
    """Compile every kernel, or load it where that was done before."""
    from rank_retrieve.cli.output import Output

    output = Output(json)
    started = time.perf_counter()
    with output.progress("compiling kernels") as advance:
        seconds = load_kernels(advance)
    total = time.perf_counter() - started
    if output.json:
        output.record({"seconds": total, "modules": seconds})
    else:
        rows = [(module, f"{taken:.2f}") for module, taken in seconds.items()]
        output.table(("module", "seconds"), rows, right=("seconds",))
        output.line(f"{len(seconds)} kernel modules are ready after {total:.1f} s")


def load_kernels(advance: Advance | None = None) -> dict[str, float]:
    """Compile or load what every module of kernels declares; module name -> seconds."""
    import importlib

    from rank_retrieve._numba import load_declared

    names = list(kernel_modules())
    seconds = {}
    for done, name in enumerate(names):
        if advance is not None:
            advance(done, len(names), f"kernels of {name.removeprefix('rank_retrieve.')}")
        started = time.perf_counter()
        importlib.import_module(name)
        load_declared()
        seconds[name] = time.perf_counter() - started
    if advance is not None:
        advance(len(names), len(names))
    return seconds


def kernel_modules() -> Iterator[str]:
    """Names of the modules that declare kernels, found by their file names."""
    from pathlib import Path

    import rank_retrieve

    root = Path(rank_retrieve.__path__[0])
    for file in sorted(root.rglob("_*kernels.py")):
        yield ".".join(["rank_retrieve", *file.relative_to(root).with_suffix("").parts])
