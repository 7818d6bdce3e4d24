"""Runs a DFA over many strings that lie one after the other."""

from __future__ import annotations

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.codecs.fst._read_kernels import BYTES, CLASSES, INT64S, PROGRAM, START
from rank_retrieve.types import Int32s, Int64s, UInt8s


@kernel(f"void({PROGRAM}, {BYTES}, {INT64S}, uint8[::1])")
def match_each(program: Int32s, arena: UInt8s, offsets: Int64s, accepted: UInt8s) -> None:
    """Set accepted[i] to whether the DFA accepts arena[offsets[i]:offsets[i + 1]]."""
    for i in range(len(accepted)):
        row = np.int64(program[START])
        for at in range(offsets[i], offsets[i + 1]):
            label = np.int64(arena[at])
            row = np.int64(program[row + np.int64(1) + np.int64(program[CLASSES + label])])
            if row == np.int64(0):
                break
        accepted[i] = np.uint8(program[row]) if row != np.int64(0) else np.uint8(0)
