"""What the processor can do, as far as Numba compiles for it.

Numba compiles for the host, unless NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say otherwise:
NUMBA_CPU_NAME=generic compiles for the least of the architecture, and so takes the portable
twin of every operation. The names are those of LLVM: "avx2", "avx512vbmi", "avx512vnni", "neon".
"""

from __future__ import annotations

import functools
from typing import Any

import llvmlite.binding as llvm
from numba.core import config as _config

config: Any = _config  # its names are made at import


@functools.cache
def compiled_features() -> frozenset[str]:
    """The features that kernels of this process are compiled for."""
    told: str | None = config.CPU_FEATURES
    if told is None:
        found = llvm.get_host_cpu_features()
        names = {name for name, present in found.items() if present}
        if not config.ENABLE_AVX:
            names = {name for name in names if not name.startswith("avx")}
        return frozenset(names)
    signed = (name.strip() for name in told.split(","))
    return frozenset(name.removeprefix("+") for name in signed if name[:1] not in ("", "-"))


def has(*names: str) -> bool:
    """Whether kernels are compiled for every one of these features."""
    return compiled_features().issuperset(names)
