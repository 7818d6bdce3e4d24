"""Products of eight-bit codes of sixteen rows at a time, and upper bounds of scores from them.

Rows lie in blocks of sixteen, `[n_blocks, groups, 16, 4]`: four components of each row, row after
row, so that a lane gathers the products of one row and nothing is summed across lanes. Rows are
unsigned bytes, queries signed ones; 4 * groups components of them make sums below 2^31.

`vpdpbusd` where the processor has AVX-512 VNNI, a portable twin elsewhere; integer sums have no
order, so both agree to the bit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

from rank_retrieve.simd.features import has

LANES = 16
GROUP_BYTES = 64
BOUND_SLOTS = ("unit", "per_error", "per_length", "constant", "floor", "offset")

codegen: Any = _cgutils  # has no types

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_FLOAT = ir.FloatType()
_BYTES = ir.VectorType(_I8, GROUP_BYTES)
_WORDS = ir.VectorType(_I16, 32)
_SUMS = ir.VectorType(_I32, LANES)
_FLOATS = ir.VectorType(_FLOAT, LANES)

# queries and blocks of a tile: 24 of 32 registers, or 12 of 16
TILE_QUERIES, TILE_BLOCKS = (12, 2) if has("avx512f") else (6, 1)


def _i64(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, address: Any, of: Any) -> Any:
    loaded = builder.load(builder.inttoptr(address, of.as_pointer()))
    loaded.align = 1
    return loaded


def _spread(builder: Any, value: Any, of: Any) -> Any:
    one = builder.insert_element(ir.Constant(of, ir.Undefined), value, _i64(0))
    lanes = ir.Constant(ir.VectorType(_I32, of.count), [0] * of.count)
    return builder.shuffle_vector(one, one, lanes)


def _add_vnni(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    function = codegen.get_or_insert_function(
        builder.module,
        ir.FunctionType(_SUMS, [_SUMS, _BYTES, _BYTES]),
        "llvm.x86.avx512.vpdpbusd.512",
    )
    return builder.call(function, [sums, unsigned, signed])


def _add_portable(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    """Even and odd bytes as words, whose products are summed by pairs, as `pmaddwd` does."""
    rows, query = builder.bitcast(unsigned, _WORDS), builder.bitcast(signed, _WORDS)
    eight = ir.Constant(_WORDS, [8] * 32)
    even = builder.and_(rows, ir.Constant(_WORDS, [255] * 32))
    pairs = [
        (even, builder.ashr(builder.shl(query, eight), eight)),
        (builder.lshr(rows, eight), builder.ashr(query, eight)),
    ]
    for left, right in pairs:
        for first in (0, 1):
            lanes = ir.Constant(ir.VectorType(_I32, LANES), list(range(first, 32, 2)))
            factors = [
                builder.sext(builder.shuffle_vector(side, side, lanes), _SUMS)
                for side in (left, right)
            ]
            sums = builder.add(sums, builder.mul(*factors))
    return sums


def code_tile(n_blocks: int, n_queries: int, portable: bool | None = None) -> Any:
    """An intrinsic that multiplies each of some blocks with each of some queries.

    tile(block, block_bytes, query, query_bytes, groups, out), all int64: the address of the first
    block and the bytes from one to the next, the same of queries; groups of four components; the
    address of the sums, int32 [n_queries, n_blocks, 16].
    """
    if portable is None:
        portable = not has("avx512f", "avx512bw", "avx512vnni")
    add_to = _add_portable if portable else _add_vnni

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block, block_bytes, query, query_bytes, groups, out = arguments
        zero = ir.Constant(_SUMS, [0] * LANES)
        sums = [
            [codegen.alloca_once_value(builder, zero) for _ in range(n_blocks)]
            for _ in range(n_queries)
        ]
        blocks = [builder.add(block, builder.mul(block_bytes, _i64(b))) for b in range(n_blocks)]
        queries = [builder.add(query, builder.mul(query_bytes, _i64(q))) for q in range(n_queries)]
        with codegen.for_range_slice(builder, _i64(0), groups, _i64(1), _I64) as (group, _):
            at = builder.mul(group, _i64(GROUP_BYTES))
            rows = [_load(builder, builder.add(start, at), _BYTES) for start in blocks]
            at = builder.mul(group, _i64(4))
            for q, start in enumerate(queries):
                four = _load(builder, builder.add(start, at), _I32)
                wanted = builder.bitcast(_spread(builder, four, _SUMS), _BYTES)
                for b, stored in enumerate(rows):
                    place = sums[q][b]
                    builder.store(add_to(builder, builder.load(place), stored, wanted), place)
        for q in range(n_queries):
            for b in range(n_blocks):
                address = builder.add(out, _i64(4 * LANES * (q * n_blocks + b)))
                pointer = builder.inttoptr(address, _SUMS.as_pointer())
                builder.store(builder.load(sums[q][b]), pointer).align = 4
        return context.get_dummy_value()

    @intrinsic
    def tile(
        typing: Any,
        block: Any,
        block_bytes: Any,
        query: Any,
        query_bytes: Any,
        groups: Any,
        out: Any,
    ) -> Any:
        return types.void(*[types.int64] * 6), generate

    return tile


def _bound_reaches(
    typing: Any, sums: Any, errors: Any, lengths: Any, biases: Any, bound: Any
) -> Any:
    """A bit for each of sixteen rows whose upper bound of the score is not below the floor.

    All arguments are addresses: sums, int32 [16]; errors, lengths and biases, float32 [16];
    bound, float32 in the order of BOUND_SLOTS, its offset an int32. The upper bound is

        unit * (sum - offset) + per_error * error + per_length * length + bias + constant

    in float32. A NaN, which overflow may lead to, counts as not below.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, errors, lengths, biases, bound = arguments

        def slot(number: int) -> Any:
            value = _load(builder, builder.add(bound, _i64(4 * number)), _FLOAT)
            return _spread(builder, value, _FLOATS)

        offset = _load(builder, builder.add(bound, _i64(20)), _I32)
        whole = builder.sub(_load(builder, sums, _SUMS), _spread(builder, offset, _SUMS))
        total = builder.fmul(builder.sitofp(whole, _FLOATS), slot(0))
        for number, values in ((1, errors), (2, lengths)):
            product = builder.fmul(_load(builder, values, _FLOATS), slot(number))
            total = builder.fadd(total, product)
        total = builder.fadd(total, _load(builder, biases, _FLOATS))
        total = builder.fadd(total, slot(3))
        reached = builder.fcmp_unordered(">=", total, slot(4))
        return builder.zext(builder.bitcast(reached, _I16), _I64)

    return types.int64(*[types.int64] * 5), generate


bound_reaches: Any = intrinsic(_bound_reaches)
code_tile_4x1 = code_tile(4, 1)
code_tile_many = code_tile(TILE_BLOCKS, TILE_QUERIES)
