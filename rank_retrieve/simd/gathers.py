"""Values that stand at given numbers: compare them without branches.

What the operation computes is the plain function of its name (see `integers`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rank_retrieve.simd.integers import (
    GROUP,
    LANES,
    address,
    codegen,
    constants,
    i64,
    intrinsic,
    load,
    replaces,
    spread,
)

_I1 = ir.IntType(1)
_I8 = ir.IntType(8)
_I16 = ir.IntType(16)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_WORDS = ir.VectorType(_I32, LANES)
_LANES = ir.VectorType(_I1, LANES)


def mask_where(values: Any, numbers: Any, place: Any, first: Any, count: Any, limit: Any) -> Any:
    """Bit i is one where values[numbers[place + i] - first] > limit: 64 numbers, uint64.

    Numbers below first, or not below first + count, give zero; values has room for count.
    """
    mask = np.uint64(0)
    for i in range(np.int64(GROUP)):
        slot = np.int64(numbers[np.uint64(place + i)]) - first
        if slot >= 0 and slot < count and values[np.uint64(slot)] > limit:
            mask |= np.uint64(1) << np.uint64(i)
    return mask


@intrinsic
def _mask_where(
    typing: Any, values: Any, numbers: Any, place: Any, first: Any, count: Any, limit: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, numbers, place, first, count, limit = arguments
        of = signature.args
        numbers_at = address(context, builder, of[1], numbers, place)
        values_at = builder.inttoptr(
            address(context, builder, of[0], values, ir.Constant(_I64, 0)), _I8.as_pointer()
        )
        gather = codegen.get_or_insert_function(
            builder.module,
            ir.FunctionType(_WORDS, [_WORDS, _I8.as_pointer(), _WORDS, _LANES, _I32]),
            "llvm.x86.avx512.mask.gather.dpi.512",
        )
        firsts = spread(builder, builder.trunc(first, _I32), _WORDS)
        counts = spread(builder, builder.trunc(count, _I32), _WORDS)
        limits = spread(builder, limit, _WORDS)
        least = constants(_WORDS, -(1 << 31))
        mask = i64(0)
        for quarter in range(GROUP // LANES):
            slots = load(builder, numbers_at, _WORDS, 4 * LANES * quarter)
            slots = builder.sub(slots, firsts)
            inside = builder.icmp_unsigned("<", slots, counts)
            held = builder.call(gather, [least, values_at, slots, inside, ir.Constant(_I32, 4)])
            above = builder.bitcast(builder.icmp_signed(">", held, limits), _I16)
            shifted = builder.shl(builder.zext(above, _I64), i64(LANES * quarter))
            mask = builder.or_(mask, shifted)
        return mask

    i8 = types.int64
    return types.uint64(values, numbers, i8, i8, i8, types.int32), generate


@replaces(mask_where, "avx512f")
def _mask_where_vectors(
    values: Any, numbers: Any, place: Any, first: Any, count: Any, limit: Any
) -> Any:
    return _mask_where(
        values, numbers, np.int64(place), np.int64(first), np.int64(count), np.int32(limit)
    )
