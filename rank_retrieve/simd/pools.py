"""One step of putting a key into a sorted array of uint64: a block of eight keys, no branches.

With key k, the sorted array a becomes a' with

    a'[i] = max(min(a[i], k), a[i - 1])

for every i, so a block needs itself and the last key of the block before. Blocks are handled from
the last one down, until one holds a smaller key. Loads and stores have the same places, so that
the next insertion is served from the store buffer.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

POOL_BLOCK = 8

codegen: Any = _cgutils  # has no types

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_BLOCK = ir.VectorType(_I64, POOL_BLOCK)


def _insert_step(typing: Any, block: Any, key: Any) -> Any:
    """Shift a key into the block at an address; how many keys of the block are smaller.

    Eight keys must come before the block: those of the block before, or zeros.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, key = arguments
        lanes = ir.VectorType(_I32, POOL_BLOCK)

        def at(place: Any) -> Any:
            return builder.inttoptr(place, _BLOCK.as_pointer())

        here = builder.load(at(address))
        before = builder.load(at(builder.sub(address, ir.Constant(_I64, 8 * POOL_BLOCK))))
        here.align = before.align = 8
        one = builder.insert_element(ir.Constant(_BLOCK, ir.Undefined), key, ir.Constant(_I32, 0))
        keys = builder.shuffle_vector(one, one, ir.Constant(lanes, [0] * POOL_BLOCK))
        shifted = builder.shuffle_vector(
            before, here, ir.Constant(lanes, list(range(POOL_BLOCK - 1, 2 * POOL_BLOCK - 1)))
        )
        smaller = builder.icmp_unsigned("<", here, keys)
        least = builder.select(smaller, here, keys)
        moved = builder.select(builder.icmp_unsigned(">", least, shifted), least, shifted)
        stored = builder.store(moved, at(address))
        stored.align = 8
        count = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_I8, [_I8]), "llvm.ctpop.i8"
        )
        return builder.zext(builder.call(count, [builder.bitcast(smaller, _I8)]), _I64)

    return types.int64(types.int64, types.uint64), generate


insert_step: Any = intrinsic(_insert_step)
