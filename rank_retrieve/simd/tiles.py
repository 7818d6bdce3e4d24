"""Products of float32 points with packed centres: sixteen centres a lane group, points broadcast.

Centres are packed into blocks of sixteen, `[n_blocks, dim, 16]`: component e of the sixteen
centres of a block is one vector. A tile keeps the sums of several points with several blocks in
registers while it walks over the components once, so that memory is read far less often than
numbers are multiplied:

    sum[p][b] += spread(point[p][e]) * block[b][e]      for e = 0, 1, 2, ..

Each lane is one sum over the components in ascending order. It depends on the point and the
centre alone: not on the size of the tile, nor on the place of either in it.

The vectors are generic ones of LLVM, sixteen lanes wide: one register of AVX-512, two of AVX2,
four of NEON; only the size of a tile follows the number of registers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

from rank_retrieve.simd.features import has

LANES = 16

codegen: Any = _cgutils  # has no types

_I32, _I64, _FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
_SIXTEEN = ir.VectorType(_FLOAT, LANES)
_NUMBERS = ir.VectorType(_I32, LANES)

# points and blocks of a tile: 24 of 32 registers, or 12 of 16
TILE_POINTS, TILE_BLOCKS = (12, 2) if has("avx512f") else (6, 1)


def _i64(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, address: Any, of: Any, align: int = 4) -> Any:
    loaded = builder.load(builder.inttoptr(address, of.as_pointer()))
    loaded.align = align
    return loaded


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 4


def _spread(builder: Any, value: Any, of: Any) -> Any:
    one = builder.insert_element(ir.Constant(of, ir.Undefined), value, _i64(0))
    lanes = ir.Constant(ir.VectorType(_I32, of.count), [0] * of.count)
    return builder.shuffle_vector(one, one, lanes)


def _multiply_add(builder: Any) -> Any:
    # fused where the processor can, two roundings where it cannot
    return codegen.get_or_insert_function(
        builder.module,
        ir.FunctionType(_SIXTEEN, [_SIXTEEN] * 3),
        f"llvm.fmuladd.v{LANES}f32",
    )


def _sums(builder: Any, arguments: Any, n_points: int, n_blocks: int) -> list[list[Any]]:
    """Code for the sums of a tile: [point][block] vectors."""
    addresses, blocks, block_bytes, dim = arguments
    add = _multiply_add(builder)
    zero = ir.Constant(_SIXTEEN, [0.0] * LANES)
    places = [
        [codegen.alloca_once_value(builder, zero) for _ in range(n_blocks)] for _ in range(n_points)
    ]
    points = [_load(builder, builder.add(addresses, _i64(8 * p)), _I64, 8) for p in range(n_points)]
    starts = [builder.add(blocks, builder.mul(block_bytes, _i64(b))) for b in range(n_blocks)]
    last = builder.mul(dim, _i64(4))
    with codegen.for_range_slice(builder, _i64(0), last, _i64(4), _I64) as (at, _):
        line = builder.mul(at, _i64(LANES))
        centres = [_load(builder, builder.add(start, line), _SIXTEEN) for start in starts]
        for p, point in enumerate(points):
            value = _spread(builder, _load(builder, builder.add(point, at), _FLOAT), _SIXTEEN)
            for b, centre in enumerate(centres):
                place = places[p][b]
                builder.store(builder.call(add, [value, centre, builder.load(place)]), place)
    return [[builder.load(place) for place in row] for row in places]


def products(n_points: int, n_blocks: int) -> Any:
    """An intrinsic that stores the products of `n_points` points with `n_blocks` blocks.

    Arguments, all int64: the address of the points' addresses; the address of the first block;
    bytes of a block; components; the address of the result and the bytes of its rows: float32
    [n_points, 16 n_blocks].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *tile, out, out_bytes = arguments
        for p, row in enumerate(_sums(builder, tile, n_points, n_blocks)):
            start = builder.add(out, builder.mul(out_bytes, _i64(p)))
            for b, value in enumerate(row):
                _store(builder, value, builder.add(start, _i64(4 * LANES * b)))
        return context.get_dummy_value()

    @intrinsic
    def multiply(
        typing: Any,
        addresses: Any,
        blocks: Any,
        block_bytes: Any,
        dim: Any,
        out: Any,
        out_bytes: Any,
    ) -> Any:
        return types.void(*[types.int64] * 6), generate

    return multiply


def nearest(n_points: int, n_blocks: int) -> Any:
    """An intrinsic that looks for the nearest centre of each point, lane by lane.

    Arguments, all int64: the first four of `products`; the address of float32 [16 n_blocks],
    half the square of each centre; the number of the first centre; the addresses of float32 and
    int32 [n_points, 16]: the least value so far in each lane, and its centre. A value is
    |c|^2 / 2 - x c; of equal values in a lane the first stays.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *tile, halves, first, values, numbers = arguments
        lanes = ir.Constant(_NUMBERS, list(range(LANES)))
        here = builder.add(_spread(builder, builder.trunc(first, _I32), _NUMBERS), lanes)
        centres, half = [], []
        for b in range(n_blocks):
            step = ir.Constant(_NUMBERS, [LANES * b] * LANES)
            centres.append(builder.add(here, step))
            half.append(_load(builder, builder.add(halves, _i64(4 * LANES * b)), _SIXTEEN))
        for p, row in enumerate(_sums(builder, tile, n_points, n_blocks)):
            value_at = builder.add(values, _i64(4 * LANES * p))
            number_at = builder.add(numbers, _i64(4 * LANES * p))
            least = _load(builder, value_at, _SIXTEEN)
            number = _load(builder, number_at, _NUMBERS)
            for b, product in enumerate(row):
                value = builder.fsub(half[b], product)
                less = builder.fcmp_ordered("<", value, least)
                least = builder.select(less, value, least)
                number = builder.select(less, centres[b], number)
            _store(builder, least, value_at)
            _store(builder, number, number_at)
        return context.get_dummy_value()

    @intrinsic
    def find(
        typing: Any,
        addresses: Any,
        blocks: Any,
        block_bytes: Any,
        dim: Any,
        halves: Any,
        first: Any,
        values: Any,
        numbers: Any,
    ) -> Any:
        return types.void(*[types.int64] * 8), generate

    return find


def _nearest_words(
    typing: Any,
    points: Any,
    words: Any,
    halves: Any,
    n_words: Any,
    dim: Any,
    values: Any,
    numbers: Any,
) -> Any:
    """The nearest of some words for sixteen points of few components, one point a lane.

    Arguments, all int64: the address of the points, float32 [dim, 16]; of the words, float32
    [dim, n_words]; of half their squares, float32 [n_words]; n_words; dim; the addresses of
    the results: float32 [16], |w|^2 / 2 - x w of the nearest, and int32 [16], its number. Of
    equally near words the first is taken.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        points, words, halves, n_words, dim, values, numbers = arguments
        add = _multiply_add(builder)
        largest = ir.Constant(_SIXTEEN, [3.0e38] * LANES)
        least = codegen.alloca_once_value(builder, largest)
        number = codegen.alloca_once_value(builder, ir.Constant(_NUMBERS, [0] * LANES))
        sum_place = codegen.alloca_once_value(builder, largest)
        step = builder.mul(n_words, _i64(4))
        with codegen.for_range_slice(builder, _i64(0), n_words, _i64(1), _I64) as (word, _):
            offset = builder.mul(word, _i64(4))
            half = _load(builder, builder.add(halves, offset), _FLOAT)
            builder.store(_spread(builder, half, _SIXTEEN), sum_place)
            with codegen.for_range_slice(builder, _i64(0), dim, _i64(1), _I64) as (e, _):
                place = builder.add(builder.add(words, offset), builder.mul(e, step))
                value = _spread(builder, builder.fneg(_load(builder, place, _FLOAT)), _SIXTEEN)
                lane = _load(
                    builder, builder.add(points, builder.mul(e, _i64(4 * LANES))), _SIXTEEN
                )
                total = builder.call(add, [value, lane, builder.load(sum_place)])
                builder.store(total, sum_place)
            total, before = builder.load(sum_place), builder.load(least)
            less = builder.fcmp_ordered("<", total, before)
            builder.store(builder.select(less, total, before), least)
            here = _spread(builder, builder.trunc(word, _I32), _NUMBERS)
            builder.store(builder.select(less, here, builder.load(number)), number)
        _store(builder, builder.load(least), values)
        _store(builder, builder.load(number), numbers)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 7), generate


nearest_words: Any = intrinsic(_nearest_words)
products_tile = products(TILE_POINTS, TILE_BLOCKS)
products_one = products(1, 4)
nearest_tile = nearest(TILE_POINTS, TILE_BLOCKS)
