"""Sums of products for the dense kernels: of float32 rows, and of eight-bit codes.

Floats are generic LLVM vectors that name no instruction set: LLVM lowers sixteen float32 lanes
to one AVX-512 register, two of AVX2 or four of NEON. Lane j holds the sum of components j, j + 16,
j + 32, ... in that order, and the lanes are then added in one fixed tree, so a result depends on
the row and the query alone: neither on the shape of the tile nor on the row's place in it.

Codes are products of unsigned and signed bytes, summed in int32: `vpdpbusd` where the processor
has AVX-512 VNNI, a portable twin elsewhere. Integer sums have no order, so both agree to the bit.

Float rows are padded with zeros to whole groups of sixteen components (`LANES`), rows of codes to
whole groups of 64 (`CODE_BYTES`), so no kernel has a tail. A kernel that uses an intrinsic compiles
it in: delete the kernel cache after editing here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

from rank_retrieve.simd.features import has
from rank_retrieve.simd.halves import HALVES, widened

LANES = 16
CODE_BYTES = 64

codegen: Any = _cgutils  # has no types

_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_FLOAT = ir.FloatType()
_ROW = ir.VectorType(_FLOAT, LANES)
_CODES = ir.VectorType(_I8, CODE_BYTES)
_SUMS = ir.VectorType(_I32, LANES)


def _i64(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, address: Any, of: Any, align: int = 4) -> Any:
    loaded = builder.load(builder.inttoptr(address, of.as_pointer()))
    loaded.align = align
    return loaded


def _store(builder: Any, value: Any, address: Any, align: int = 4) -> None:
    stored = builder.store(value, builder.inttoptr(address, value.type.as_pointer()))
    stored.align = align


def _shuffle(builder: Any, left: Any, right: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def _sum_neighbours(builder: Any, left: Any, right: Any, add: Any) -> Any:
    """Within each quarter: two sums of neighbours from `left`, then two from `right`."""
    even, odd = [], []
    for lane in range(0, LANES, 4):
        even += [lane, lane + 2, LANES + lane, LANES + lane + 2]
        odd += [lane + 1, lane + 3, LANES + lane + 1, LANES + lane + 3]
    return add(_shuffle(builder, left, right, even), _shuffle(builder, left, right, odd))


def _four_sums(builder: Any, sums: list[Any], add: Any) -> Any:
    """The lane sums of four accumulators, by `builder.fadd` or `builder.add`.

    ((l0 + l1) + (l2 + l3)) in each quarter, (quarter 0 + quarter 2) + (quarter 1 + quarter 3).
    """
    quarters = _sum_neighbours(
        builder,
        _sum_neighbours(builder, sums[0], sums[1], add),
        _sum_neighbours(builder, sums[2], sums[3], add),
        add,
    )
    halves = add(
        _shuffle(builder, quarters, quarters, list(range(8))),
        _shuffle(builder, quarters, quarters, list(range(8, 16))),
    )
    return add(
        _shuffle(builder, halves, halves, [0, 1, 2, 3]),
        _shuffle(builder, halves, halves, [4, 5, 6, 7]),
    )


def _tile(n_rows: int, n_queries: int, *, difference: bool, halves: bool = False) -> Any:
    """An intrinsic that reduces each of `n_rows` rows with each of `n_queries` queries.

    The intrinsic's arguments, all int64: the address of the rows' addresses; the address of the
    first query; the distance between queries and the length of a row, in bytes; the address
    of the result, float32 [n_queries, n_rows]. `n_rows` is four or eight. The reduction is
    the dot product, or with `difference` the sum of squared differences. With `halves` the rows are
    float16, and the result is that of the same rows in float32, to the bit; a row has half as many
    bytes then as are said.
    """

    def load_row(builder: Any, start: Any, at: Any) -> Any:
        if not halves:
            return _load(builder, builder.add(start, at), _ROW)
        place = builder.add(start, builder.lshr(at, _i64(1)))
        return widened(builder, _load(builder, place, HALVES, 2))

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
                stored = load_row(builder, start, at)
                for q, value in enumerate(wanted):
                    pair = [stored, value]
                    if difference:
                        pair = [builder.fsub(stored, value)] * 2
                    place = sums[q][r]
                    builder.store(builder.call(multiply_add, [*pair, builder.load(place)]), place)
        for q in range(n_queries):
            fours = []
            for r in range(0, n_rows, 4):
                lanes = [builder.load(place) for place in sums[q][r : r + 4]]
                fours.append(_four_sums(builder, lanes, builder.fadd))
            # one store, so that one load of all lanes is served from it without a wait
            whole = fours[0]
            if n_rows == 8:
                whole = _shuffle(builder, fours[0], fours[1], list(range(8)))
            _store(builder, whole, builder.add(out, _i64(4 * q * n_rows)))
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
    by; the floor; the address of `lanes` float32 weights. Bit j is one when
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
        weighed = builder.fpext(_load(builder, weights, reductions), pairs)
        limits = builder.fmul(spread(builder, floor), weighed)
        reached = builder.fcmp_ordered(">=", builder.fmul(reduced, spread(builder, sign)), limits)
        return builder.zext(builder.bitcast(reached, ir.IntType(lanes)), _I64)

    @intrinsic
    def reaching(typing: Any, tile: Any, sign: Any, floor: Any, weights: Any) -> Any:
        signature = types.int64(types.int64, types.float64, types.float64, types.int64)
        return signature, generate

    return reaching


# --------------------------------------------------------------------------- codes


def _add_products_vnni(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    """Each int32 lane gains the products of four neighbouring bytes."""
    function = codegen.get_or_insert_function(
        builder.module,
        ir.FunctionType(_SUMS, [_SUMS, _CODES, _CODES]),
        "llvm.x86.avx512.vpdpbusd.512",
    )
    return builder.call(function, [sums, unsigned, signed])


def _add_products_portable(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    """The same total over all lanes; even and odd bytes, as `pmaddwd` wants to have them."""
    for start in (0, 32):
        half = list(range(start, start + 32))
        words = ir.VectorType(ir.IntType(16), 32)
        left = builder.zext(_shuffle(builder, unsigned, unsigned, half), words)
        right = builder.sext(_shuffle(builder, signed, signed, half), words)
        for first in (0, 1):
            lanes = list(range(first, 32, 2))
            factors = [
                builder.sext(_shuffle(builder, side, side, lanes), _SUMS) for side in (left, right)
            ]
            sums = builder.add(sums, builder.mul(*factors))
    return sums


def add_products(portable: bool | None = None) -> Any:
    """The generator to use: VNNI where kernels are compiled for it, unless told."""
    if portable is None:
        portable = not has("avx512f", "avx512bw", "avx512vnni")
    return _add_products_portable if portable else _add_products_vnni


def code_dots(portable: bool | None = None) -> tuple[Any, Any]:
    """Two intrinsics for dot products of rows of unsigned codes with one of signed codes.

    one(row, query, row_bytes) -> int64
    four(addresses, query, row_bytes, out): the rows at four addresses, to int32 [4].

    All arguments are int64: addresses, and a multiple of 64 bytes. Up to 65,536 components no
    sum overflows: 65,536 * 255 * 127 < 2^31.
    """
    add_to = add_products(portable)

    def sums_of(builder: Any, rows: list[Any], query: Any, row_bytes: Any) -> list[Any]:
        zero = ir.Constant(_SUMS, [0] * LANES)
        places = [codegen.alloca_once_value(builder, zero) for _ in rows]
        step = _i64(CODE_BYTES)
        with codegen.for_range_slice(builder, _i64(0), row_bytes, step, _I64) as (at, _):
            wanted = _load(builder, builder.add(query, at), _CODES, 1)
            for row, place in zip(rows, places, strict=True):
                stored = _load(builder, builder.add(row, at), _CODES, 1)
                builder.store(add_to(builder, builder.load(place), stored, wanted), place)
        return [builder.load(place) for place in places]

    def generate_one(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row, query, row_bytes = arguments
        (lanes,) = sums_of(builder, [row], query, row_bytes)
        reduce = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_I32, [_SUMS]), f"llvm.vector.reduce.add.v{LANES}i32"
        )
        return builder.sext(builder.call(reduce, [lanes]), _I64)

    def generate_four(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        addresses, query, row_bytes, out = arguments
        rows = [_load(builder, builder.add(addresses, _i64(8 * r)), _I64) for r in range(4)]
        lanes = sums_of(builder, rows, query, row_bytes)
        _store(builder, _four_sums(builder, lanes, builder.add), out)
        return context.get_dummy_value()

    @intrinsic
    def one(typing: Any, row: Any, query: Any, row_bytes: Any) -> Any:
        return types.int64(*[types.int64] * 3), generate_one

    @intrinsic
    def four(typing: Any, addresses: Any, query: Any, row_bytes: Any, out: Any) -> Any:
        return types.void(*[types.int64] * 4), generate_four

    return one, four


def _flip_codes(typing: Any, source: Any, target: Any, row_bytes: Any) -> Any:
    """Turn a row of unsigned codes into signed ones or back: 128 is added to every byte."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target, row_bytes = arguments
        top_bits = ir.Constant(_CODES, [-128] * CODE_BYTES)
        step = _i64(CODE_BYTES)
        with codegen.for_range_slice(builder, _i64(0), row_bytes, step, _I64) as (at, _):
            row = _load(builder, builder.add(source, at), _CODES, 1)
            _store(builder, builder.xor(row, top_bits), builder.add(target, at), 1)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), generate


flip_codes: Any = intrinsic(_flip_codes)


code_dot, code_dots_4 = code_dots()
dot_8x1 = _tile(8, 1, difference=False)
dot_4x4 = _tile(4, 4, difference=False)
distance_8x1 = _tile(8, 1, difference=True)
distance_4x4 = _tile(4, 4, difference=True)
half_dot_8x1 = _tile(8, 1, difference=False, halves=True)
half_distance_8x1 = _tile(8, 1, difference=True, halves=True)
reaching_4 = _reaching(4)
reaching_8 = _reaching(8)
