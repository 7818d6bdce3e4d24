"""Sums of table entries chosen by codes, thirty-two rows at a time, and what is made of them.

Four-bit codes: the sixteen entries of a table fit into one register, and a byte shuffle looks
sixteen of them up at once ("Quicker ADC", André, Kermarrec & Le Scouarnec, IEEE TPAMI 2021). The
codes of a block of 32 rows stand in groups of 64 bytes, four tables a group, sixteen bytes each;
byte i of a table holds the code of row i in its low half and that of row i + 16 in its high half.
With AVX-512 a group is one register, with AVX2 it is two; elsewhere there is a plain loop. Sums are
of integers and agree to the bit.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

from rank_retrieve.simd.features import has

BLOCK_ROWS = 32
GROUP_TABLES = 4
TABLE_BYTES = 16
GROUP_BYTES = GROUP_TABLES * TABLE_BYTES
LANES = 16

codegen: Any = _cgutils  # has no types

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_FLOAT = ir.FloatType()
_SIXTEEN = ir.VectorType(_FLOAT, LANES)
_WORDS = ir.VectorType(_I32, LANES)
_ROWS = ir.VectorType(_I16, BLOCK_ROWS)
_SHUFFLES = {64: "llvm.x86.avx512.pshuf.b.512", 32: "llvm.x86.avx2.pshuf.b"}


def _i64(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, address: Any, of: Any, align: int = 1) -> Any:
    loaded = builder.load(builder.inttoptr(address, of.as_pointer()))
    loaded.align = align
    return loaded


def _store(builder: Any, value: Any, address: Any, align: int = 1) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = align


def _shuffle(builder: Any, left: Any, right: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def _spread(builder: Any, value: Any, of: Any) -> Any:
    one = builder.insert_element(ir.Constant(of, ir.Undefined), value, _i64(0))
    return _shuffle(builder, one, one, [0] * of.count)


def _constant(of: Any, value: int) -> Any:
    return ir.Constant(of, [value] * of.count)


def _folded(builder: Any, vector: Any) -> Any:
    """Eight lanes: the sum of the eighths of a vector."""
    while vector.type.count > 8:
        half = vector.type.count // 2
        vector = builder.add(
            _shuffle(builder, vector, vector, list(range(half))),
            _shuffle(builder, vector, vector, list(range(half, 2 * half))),
        )
    return vector


def _shuffled_sums(width: int) -> Any:
    """Code for `table_sums` by byte shuffles of `width` bytes."""
    codes_type = ir.VectorType(_I8, width)
    sums_type = ir.VectorType(_I16, width // 2)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes, tables, n_groups, out = arguments
        look_up = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(codes_type, [codes_type] * 2), _SHUFFLES[width]
        )
        eight, low = _constant(sums_type, 8), _constant(codes_type, 15)
        # for rows of the low and the high halves: sums of whole words, and of their odd bytes
        places = [codegen.alloca_once_value(builder, _constant(sums_type, 0)) for _ in range(4)]
        last = builder.mul(n_groups, _i64(GROUP_BYTES))
        with codegen.for_range_slice(builder, _i64(0), last, _i64(width), _I64) as (at, _):
            both = _load(builder, builder.add(codes, at), codes_type)
            table = _load(builder, builder.add(tables, at), codes_type)
            shifted = builder.lshr(builder.bitcast(both, sums_type), _constant(sums_type, 4))
            halves = [both, builder.bitcast(shifted, codes_type)]
            for half, (whole, odd) in zip(halves, (places[:2], places[2:]), strict=True):
                found = builder.call(look_up, [table, builder.and_(half, low)])
                words = builder.bitcast(found, sums_type)
                builder.store(builder.add(builder.load(whole), words), whole)
                high = builder.lshr(words, eight)
                builder.store(builder.add(builder.load(odd), high), odd)
        rows = []
        for whole, odd in (places[:2], places[2:]):
            odds = builder.load(odd)
            evens = builder.sub(builder.load(whole), builder.shl(odds, eight))
            order = [lane for pair in range(8) for lane in (pair, 8 + pair)]
            rows.append(_shuffle(builder, _folded(builder, evens), _folded(builder, odds), order))
        _store(builder, _shuffle(builder, rows[0], rows[1], list(range(BLOCK_ROWS))), out)
        return context.get_dummy_value()

    return generate


def _plain_sums(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Code for `table_sums` without shuffles by data."""
    codes, tables, n_groups, out = arguments
    n_tables = builder.mul(n_groups, _i64(GROUP_TABLES))
    half = _i64(BLOCK_ROWS // 2)
    for shift, first in ((0, _i64(0)), (4, half)):

        def entry(j: Any, row: Any, shift: int = shift) -> Any:
            offset = builder.mul(j, _i64(TABLE_BYTES))
            byte = _load(builder, builder.add(builder.add(codes, offset), row), _I8)
            code = builder.lshr(byte, ir.Constant(_I8, shift))
            code = builder.zext(builder.and_(code, ir.Constant(_I8, 15)), _I64)
            place = builder.add(builder.add(tables, offset), code)
            return builder.zext(_load(builder, place, _I8), _I16)

        _sum_rows(builder, half, n_tables, entry, builder.add(out, builder.mul(first, _i64(2))))
    return context.get_dummy_value()


def _sum_rows(builder: Any, n_rows: Any, n_tables: Any, entry: Any, out: Any) -> None:
    """Code that sums entry(table, row), uint16, over all tables, for each row."""
    with codegen.for_range_slice(builder, _i64(0), n_rows, _i64(1), _I64) as (row, _):
        total = codegen.alloca_once_value(builder, ir.Constant(_I16, 0))
        builder.store(ir.Constant(_I16, 0), total)
        with codegen.for_range_slice(builder, _i64(0), n_tables, _i64(1), _I64) as (j, _):
            builder.store(builder.add(builder.load(total), entry(j, row)), total)
        _store(builder, builder.load(total), builder.add(out, builder.mul(row, _i64(2))))


def _byte_sums(typing: Any, codes: Any, tables: Any, n_tables: Any, out: Any) -> Any:
    """Sum the table entries of a block of eight-bit codes.

    Arguments, all int64: the address of the codes of 32 rows, uint8 [n_tables, 32]; of the
    tables, uint16 [n_tables, 256]; n_tables; the address of the sums, uint16 [32], modulo 2^16.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        codes, tables, n_tables, out = arguments

        def entry(j: Any, row: Any) -> Any:
            offset = builder.add(builder.mul(j, _i64(BLOCK_ROWS)), row)
            code = builder.zext(_load(builder, builder.add(codes, offset), _I8), _I64)
            place = builder.add(builder.mul(j, _i64(256)), code)
            return _load(builder, builder.add(tables, builder.mul(place, _i64(2))), _I16, 2)

        _sum_rows(builder, _i64(BLOCK_ROWS), n_tables, entry, out)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


def table_sums_by(width: int | None) -> Any:
    """An intrinsic that sums the table entries of a block of four-bit codes.

    width: bytes of a shuffle, 64 or 32; None for the plain loop.
    Arguments, all int64: the address of the codes of 32 rows; of the tables, uint8
    [4 n_groups, 16]; n_groups; the address of the sums, uint16 [32], modulo 2^16.
    """
    generate = _plain_sums if width is None else _shuffled_sums(width)

    @intrinsic
    def sum_up(typing: Any, codes: Any, tables: Any, n_groups: Any, out: Any) -> Any:
        return types.void(*[types.int64] * 4), generate

    return sum_up


def _costs_below(
    typing: Any,
    sums: Any,
    base: Any,
    unit: Any,
    cost: Any,
    weight: Any,
    scales: Any,
    biases: Any,
    offsets: Any,
    limit: Any,
    out: Any,
) -> Any:
    """Estimated costs of 32 rows; bit i of the result is one unless cost[i] is above the limit.

    With s the sums of a row's table entries,

        cost[i] = (cost + offset[i]) + weight * bias[i] - scale[i] * ((s[i] - base) * unit)

    in float32, each operation rounded by itself, from left to right. Arguments: the address of
    the sums, uint16 [32]; base, unit, cost, weight: float32; the addresses of scales, biases and
    offsets, float32 [32]; limit: float32; the address of the costs, float32 [32].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sums, base, unit, cost, weight, scales, biases, offsets, limit, out = arguments
        base, unit, cost, weight, limit = (
            _spread(builder, value, _SIXTEEN) for value in (base, unit, cost, weight, limit)
        )
        all_sums, masks = _load(builder, sums, _ROWS), []
        for half in (0, 1):
            lanes = list(range(LANES * half, LANES * (half + 1)))
            words = builder.zext(_shuffle(builder, all_sums, all_sums, lanes), _WORDS)
            offset = _i64(4 * LANES * half)
            scale = _load(builder, builder.add(scales, offset), _SIXTEEN, 4)
            bias = _load(builder, builder.add(biases, offset), _SIXTEEN, 4)
            start = builder.fadd(cost, _load(builder, builder.add(offsets, offset), _SIXTEEN, 4))
            product = builder.fmul(builder.fsub(builder.uitofp(words, _SIXTEEN), base), unit)
            value = builder.fsub(
                builder.fadd(start, builder.fmul(weight, bias)), builder.fmul(scale, product)
            )
            _store(builder, value, builder.add(out, offset), 4)
            # unordered: a NaN is not above the limit, so no row is ever lost
            kept = builder.fcmp_unordered("<=", value, limit)
            mask = builder.zext(builder.bitcast(kept, _I16), _I64)
            masks.append(builder.shl(mask, _i64(LANES * half)))
        return builder.or_(*masks)

    single, address = types.float32, types.int64
    signature = types.int64(
        address, single, single, single, single, address, address, address, single, address
    )
    return signature, generate


def _table_of(
    typing: Any, query: Any, words: Any, part: Any, n_words: Any, entries: Any, ends: Any
) -> Any:
    """The products of a part of a query with its words, and the least and greatest of them.

    Arguments, all int64: the address of the query's part, float32 [part]; of the words, float32
    [part, n_words]; part; n_words, a multiple of sixteen; the addresses of the products, float32
    [n_words], and of the least and the greatest, float32 [2].
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        query, words, part, n_words, entries, ends = arguments
        add = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_SIXTEEN, [_SIXTEEN] * 3), f"llvm.fmuladd.v{LANES}f32"
        )
        zero = ir.Constant(_SIXTEEN, [0.0] * LANES)
        limits = [ir.Constant(_SIXTEEN, [value] * LANES) for value in (3.4e38, -3.4e38)]
        low, high = (codegen.alloca_once_value(builder, value) for value in limits)
        total = codegen.alloca_once_value(builder, zero)
        for place, value in zip((low, high), limits, strict=True):
            builder.store(value, place)
        line = builder.mul(n_words, _i64(4))
        step = _i64(4 * LANES)
        with codegen.for_range_slice(builder, _i64(0), line, step, _I64) as (at, _):
            builder.store(zero, total)
            with codegen.for_range_slice(builder, _i64(0), part, _i64(1), _I64) as (e, _):
                place = builder.add(query, builder.mul(e, _i64(4)))
                value = _spread(builder, _load(builder, place, _FLOAT, 4), _SIXTEEN)
                place = builder.add(builder.add(words, at), builder.mul(e, line))
                word = _load(builder, place, _SIXTEEN, 4)
                builder.store(builder.call(add, [value, word, builder.load(total)]), total)
            value = builder.load(total)
            _store(builder, value, builder.add(entries, at), 4)
            for place, sign in ((low, "<"), (high, ">")):
                before = builder.load(place)
                better = builder.fcmp_ordered(sign, value, before)
                builder.store(builder.select(better, value, before), place)
        for number, (place, sign) in enumerate(((low, "<"), (high, ">"))):
            vector = builder.load(place)
            while vector.type.count > 1:
                half = vector.type.count // 2
                left = _shuffle(builder, vector, vector, list(range(half)))
                right = _shuffle(builder, vector, vector, list(range(half, 2 * half)))
                vector = builder.select(builder.fcmp_ordered(sign, left, right), left, right)
            end = builder.extract_element(vector, ir.Constant(_I32, 0))
            _store(builder, end, builder.add(ends, _i64(4 * number)), 4)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), generate


def quantised(bits: int) -> Any:
    """An intrinsic that turns float32 entries into unsigned ones of 8 or 16 bits.

    out = trunc((entry - least) * factor + 0.5), cut off at 0 and 2^bits - 1; 0 for a NaN.
    Arguments: the address and the number of the entries, a multiple of sixteen; least and
    factor, float32; the address of the result.
    """
    narrow = ir.VectorType(ir.IntType(bits), LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        entries, count, least, factor, out = arguments
        least, factor = _spread(builder, least, _SIXTEEN), _spread(builder, factor, _SIXTEEN)
        half = ir.Constant(_SIXTEEN, [0.5] * LANES)
        convert = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_WORDS, [_SIXTEEN]), "llvm.fptoui.sat.v16i32.v16f32"
        )
        largest = _constant(_WORDS, (1 << bits) - 1)
        with codegen.for_range_slice(builder, _i64(0), count, _i64(LANES), _I64) as (at, _):
            place = builder.add(entries, builder.mul(at, _i64(4)))
            value = builder.fsub(_load(builder, place, _SIXTEEN, 4), least)
            value = builder.fadd(builder.fmul(value, factor), half)
            words = builder.call(convert, [value])
            small = builder.icmp_unsigned("<", words, largest)
            words = builder.select(small, words, largest)
            place = builder.add(out, builder.mul(at, _i64(bits // 8)))
            _store(builder, builder.trunc(words, narrow), place)
        return context.get_dummy_value()

    @intrinsic
    def quantise(typing: Any, entries: Any, count: Any, least: Any, factor: Any, out: Any) -> Any:
        address, single = types.int64, types.float32
        return types.void(address, address, single, single, address), generate

    return quantise


costs_below: Any = intrinsic(_costs_below)
table_of: Any = intrinsic(_table_of)
byte_sums: Any = intrinsic(_byte_sums)
quantise_8, quantise_16 = quantised(8), quantised(16)


def widest_shuffle() -> int | None:
    """Bytes that the processor shuffles at once, as far as kernels are compiled for it."""
    if has("avx512f", "avx512bw"):
        return 64
    return 32 if has("avx2") else None


table_sums = table_sums_by(widest_shuffle())
