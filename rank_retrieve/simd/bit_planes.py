"""Counts of the ones that a row of bits shares with the bit planes of a query of small numbers.

Generic vectors of LLVM: `vpopcntq` where the processor has it, else what LLVM makes of it; counts
are whole numbers, so all agree.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

codegen: Any = _cgutils  # has no types

_I64 = ir.IntType(64)
_EIGHT = ir.VectorType(_I64, 8)
LINE_BYTES = 64
ONES_SHIFT = 32


def _load(builder: Any, address: Any) -> Any:
    loaded = builder.load(builder.inttoptr(address, _EIGHT.as_pointer()))
    loaded.align = 8
    return loaded


def counting(n_planes: int) -> Any:
    """An intrinsic that counts for one row of whole 64-byte lines.

    count(row, planes, row_bytes) -> int64: the addresses of the row and of the planes, one after
    the other; all arguments int64. The low 32 bits of the result are the sum, over planes p from 0
    up, of 2^p times the ones of row & plane; the high ones are the ones of the row. Up to 65,536
    bits neither overflows.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, planes, row_bytes = arguments
        ones = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_EIGHT, [_EIGHT]), "llvm.ctpop.v8i64"
        )

        def shifted(value: Any, by: int) -> Any:
            return builder.shl(value, ir.Constant(_EIGHT, [by] * 8))

        place = codegen.alloca_once_value(builder, ir.Constant(_EIGHT, [0] * 8))
        zero, step = ir.Constant(_I64, 0), ir.Constant(_I64, LINE_BYTES)
        with codegen.for_range_slice(builder, zero, row_bytes, step, _I64) as (at, _):
            bits = _load(builder, builder.add(row, at))
            total = builder.add(
                builder.load(place), shifted(builder.call(ones, [bits]), ONES_SHIFT)
            )
            for plane in range(n_planes):
                start = builder.mul(row_bytes, ir.Constant(_I64, plane))
                asked = _load(builder, builder.add(builder.add(planes, start), at))
                shared = builder.call(ones, [builder.and_(bits, asked)])
                total = builder.add(total, shifted(shared, plane))
            builder.store(total, place)
        reduce = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_I64, [_EIGHT]), "llvm.vector.reduce.add.v8i64"
        )
        return builder.call(reduce, [builder.load(place)])

    @intrinsic
    def count(typing: Any, row: Any, planes: Any, row_bytes: Any) -> Any:
        return types.int64(types.int64, types.int64, types.int64), generate

    return count


count_four_planes = counting(4)
