"""Sixteen-lane arithmetic for the kernels of this package, as generic LLVM vectors.

The IR names no instruction set: LLVM lowers sixteen float32 lanes to one AVX-512 register, two
of AVX2 or four of NEON. Lane j holds the sum of components j, j + 16, j + 32, ... in that order,
and the lanes are then added in one fixed tree, so a result depends on the row and the query
alone: neither on the shape of the tile nor on the row's place in it.

Rows are padded with zeros to whole groups of sixteen components (`LANES`), so no kernel has a
tail. A kernel that uses an intrinsic compiles it in: delete the kernel cache after editing here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

LANES = 16

codegen: Any = _cgutils  # has no types

_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_FLOAT = ir.FloatType()
_ROW = ir.VectorType(_FLOAT, LANES)
_FOUR = ir.VectorType(_FLOAT, 4)


def _i64(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, address: Any, of: Any) -> Any:
    loaded = builder.load(builder.inttoptr(address, of.as_pointer()))
    loaded.align = 4
    return loaded


def _shuffle(builder: Any, left: Any, right: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def _sum_neighbours(builder: Any, left: Any, right: Any) -> Any:
    """Within each quarter: two sums of neighbours from `left`, then two from `right`."""
    even, odd = [], []
    for lane in range(0, LANES, 4):
        even += [lane, lane + 2, LANES + lane, LANES + lane + 2]
        odd += [lane + 1, lane + 3, LANES + lane + 1, LANES + lane + 3]
    return builder.fadd(_shuffle(builder, left, right, even), _shuffle(builder, left, right, odd))


def _four_sums(builder: Any, sums: list[Any]) -> Any:
    """The lane sums of four accumulators.

    ((l0 + l1) + (l2 + l3)) in each quarter, (quarter 0 + quarter 2) + (quarter 1 + quarter 3).
    """
    quarters = _sum_neighbours(
        builder,
        _sum_neighbours(builder, sums[0], sums[1]),
        _sum_neighbours(builder, sums[2], sums[3]),
    )
    halves = builder.fadd(
        _shuffle(builder, quarters, quarters, list(range(8))),
        _shuffle(builder, quarters, quarters, list(range(8, 16))),
    )
    return builder.fadd(
        _shuffle(builder, halves, halves, [0, 1, 2, 3]),
        _shuffle(builder, halves, halves, [4, 5, 6, 7]),
    )


def _tile(n_rows: int, n_queries: int, *, difference: bool) -> Any:
    """An intrinsic that reduces each of `n_rows` rows with each of `n_queries` queries.

    The intrinsic's arguments, all int64: the address of the rows' addresses; the address of the
    first query; the distance between queries and the length of a row, in bytes; the address
    of the result, float32 [n_queries, n_rows]. `n_rows` is a multiple of four. The reduction is
    the dot product, or with `difference` the sum of squared differences.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        addresses, query, query_bytes, row_bytes, out = arguments
        # fused where the processor can, two roundings where it cannot
        multiply_add = codegen.get_or_insert_function(
            builder.module,
            ir.FunctionType(_ROW, [_ROW, _ROW, _ROW]),
            f"llvm.fmuladd.v{LANES}f32",
        )
        zero = ir.Constant(_ROW, [0.0] * LANES)
        sums = [
            [codegen.alloca_once_value(builder, zero) for _ in range(n_rows)]
            for _ in range(n_queries)
        ]
        rows = [
            _load(builder, builder.add(addresses, _i64(8 * row)), _I64) for row in range(n_rows)
        ]
        queries = [builder.add(query, builder.mul(query_bytes, _i64(q))) for q in range(n_queries)]
        with codegen.for_range_slice(builder, _i64(0), row_bytes, _i64(4 * LANES), _I64) as (at, _):
            wanted = [_load(builder, builder.add(start, at), _ROW) for start in queries]
            for r, start in enumerate(rows):
                stored = _load(builder, builder.add(start, at), _ROW)
                for q, value in enumerate(wanted):
                    pair = [stored, value]
                    if difference:
                        pair = [builder.fsub(stored, value)] * 2
                    place = sums[q][r]
                    builder.store(builder.call(multiply_add, [*pair, builder.load(place)]), place)
        for q in range(n_queries):
            for r in range(0, n_rows, 4):
                four = _four_sums(builder, [builder.load(place) for place in sums[q][r : r + 4]])
                place = builder.add(out, _i64(4 * (q * n_rows + r)))
                stored = builder.store(four, builder.inttoptr(place, _FOUR.as_pointer()))
                stored.align = 4
        return context.get_dummy_value()

    @intrinsic
    def reduce_tile(
        typing: Any, addresses: Any, query: Any, query_bytes: Any, row_bytes: Any, out: Any
    ) -> Any:
        return types.void(*[types.int64] * 5), generate

    return reduce_tile


def _reaching(lanes: int) -> Any:
    """An intrinsic that compares a row of a tile with a query's floor; returns a bit per lane.

    Arguments: the address of `lanes` float32 reductions; 1.0 or -1.0, which they are multiplied
    by; the floor; the address of `lanes` float64 weights. Bit j is one when
    sign * reduction[j] >= floor * weight[j]; a NaN reaches nothing.
    """
    pairs = ir.VectorType(ir.DoubleType(), lanes)
    reductions = ir.VectorType(_FLOAT, lanes)

    def spread(builder: Any, value: Any) -> Any:
        one = builder.insert_element(ir.Constant(pairs, ir.Undefined), value, _i64(0))
        return _shuffle(builder, one, one, [0] * lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile, sign, floor, weights = arguments
        reduced = builder.fpext(_load(builder, tile, reductions), pairs)
        limits = builder.fmul(spread(builder, floor), _load(builder, weights, pairs))
        reached = builder.fcmp_ordered(">=", builder.fmul(reduced, spread(builder, sign)), limits)
        return builder.zext(builder.bitcast(reached, ir.IntType(lanes)), _I64)

    @intrinsic
    def reaching(typing: Any, tile: Any, sign: Any, floor: Any, weights: Any) -> Any:
        signature = types.int64(types.int64, types.float64, types.float64, types.int64)
        return signature, generate

    return reaching


dot_8x1 = _tile(8, 1, difference=False)
dot_4x4 = _tile(4, 4, difference=False)
distance_8x1 = _tile(8, 1, difference=True)
distance_4x4 = _tile(4, 4, difference=True)
reaching_4 = _reaching(4)
reaching_8 = _reaching(8)
