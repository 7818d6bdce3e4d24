"""The quotient weight * f / (f + (constant + slope * length)), for blocks of postings.

What each operation computes is the plain function of its name; the vector code takes the same
steps in the same precision and so gives the same bits (see `integers`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rank_retrieve.simd.integers import (
    BLOCK,
    address,
    codegen,
    constants,
    intrinsic,
    load,
    replaces,
    shuffle,
    spread,
    store,
)

_I1 = ir.IntType(1)
_I8 = ir.IntType(8)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_EIGHT_INTS = ir.VectorType(_I32, 8)
_EIGHT = ir.VectorType(ir.DoubleType(), 8)
_INTS = ir.VectorType(_I32, 16)
_FLOATS = ir.VectorType(ir.FloatType(), 16)

# rounds a float64 in 0..2**51 to the nearest integer, ties to even, as np.rint does
ROUNDER = 6755399441055744.0

# covers six roundings to float32
_SLACK = 1.0 + 2.0**-20


def score_block(
    docs: Any,
    frequencies: Any,
    place: Any,
    lengths: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    impacts: Any,
) -> None:
    """impacts[i] = 2 * rint(quotient) for the 128 postings i from place on.

    docs, frequencies: uint32; the length of a posting is lengths[docs[i]]. All in float64.
    """
    for i in range(np.int64(BLOCK)):
        at = np.uint64(place + i)
        frequency = np.float64(frequencies[at])
        saturation = frequency + (constant + slope * np.float64(lengths[np.uint64(docs[at])]))
        rounded = (weight * frequency / saturation + ROUNDER) - ROUNDER
        impacts[at] = np.int32(rounded) << np.int32(1)


@intrinsic
def _score_block(
    typing: Any,
    docs: Any,
    frequencies: Any,
    place: Any,
    lengths: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    impacts: Any,
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        docs, frequencies, place, lengths, weight, constant, slope, impacts = arguments
        of = signature.args
        docs_at = address(context, builder, of[0], docs, place)
        frequencies_at = address(context, builder, of[1], frequencies, place)
        lengths_at = address(context, builder, of[3], lengths, ir.Constant(_I64, 0))
        impacts_at = address(context, builder, of[7], impacts, place)
        gather = codegen.get_or_insert_function(
            builder.module,
            ir.FunctionType(_INTS, [_INTS, _I8.as_pointer(), _INTS, ir.VectorType(_I1, 16), _I32]),
            "llvm.x86.avx512.mask.gather.dpi.512",
        )
        weights, slopes = spread(builder, weight, _EIGHT), spread(builder, slope, _EIGHT)
        additions = spread(builder, constant, _EIGHT)
        rounder = ir.Constant(_EIGHT, [ROUNDER] * 8)
        first = builder.inttoptr(lengths_at, _I8.as_pointer())
        everywhere = ir.Constant(ir.VectorType(_I1, 16), [1] * 16)
        for offset in range(0, 4 * BLOCK, 64):
            numbers = load(builder, docs_at, _INTS, offset)
            zeros, four = constants(_INTS, 0), ir.Constant(_I32, 4)
            held = builder.call(gather, [zeros, first, numbers, everywhere, four])
            packed = load(builder, frequencies_at, _INTS, offset)
            for half in (0, 8):
                lanes = list(range(half, half + 8))
                length = builder.uitofp(shuffle(builder, held, held, lanes), _EIGHT)
                frequency = builder.uitofp(shuffle(builder, packed, packed, lanes), _EIGHT)
                norm = builder.fadd(additions, builder.fmul(slopes, length))
                quotient = builder.fdiv(
                    builder.fmul(weights, frequency), builder.fadd(frequency, norm)
                )
                rounded = builder.fsub(builder.fadd(quotient, rounder), rounder)
                whole = builder.fptosi(rounded, _EIGHT_INTS)
                doubled = builder.shl(whole, constants(_EIGHT_INTS, 1))
                store(builder, doubled, impacts_at, offset + 4 * half)
        return context.get_dummy_value()

    f8 = types.float64
    return types.void(docs, frequencies, types.int64, lengths, f8, f8, f8, impacts), generate


@replaces(score_block, "avx512f")
def _score_block_vectors(
    docs: Any,
    frequencies: Any,
    place: Any,
    lengths: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    impacts: Any,
) -> None:
    _score_block(docs, frequencies, np.int64(place), lengths, weight, constant, slope, impacts)


def bound_blocks(
    pairs: Any,
    first: Any,
    count: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    bounds: Any,
    place: Any,
) -> None:
    """Upper bounds of what `score_block` gives for blocks, from four pairs of codes each.

    pairs: uint8, eight for each block: code of a frequency, code of a length, and so on; a code
    c stands for c below 16, else for (8 + c % 8) * 2**(c // 8 - 1). Block first + j is bounded
    by bounds[place + j], int32. A pair of no frequency is bounded by the weight. In float32.
    """
    for j in range(count):
        bounds[np.uint64(place + j)] = _bound_block(pairs, first + j, weight, constant, slope)


def _bound_block(pairs: Any, block: Any, weight: Any, constant: Any, slope: Any) -> Any:
    w, c, s = np.float32(weight), np.float32(constant), np.float32(slope)
    best = np.float32(0.0)
    at = np.uint64(block * np.int64(8))
    for _ in range(np.int64(4)):
        frequency = _decoded(pairs[at])
        length = _decoded(pairs[at + np.uint64(1)])
        score = w
        if frequency > np.float32(0.0):
            score = w * frequency / (frequency + (c + s * length))
        if score > best:
            best = score
        at += np.uint64(2)
    return (np.int32(best * np.float32(_SLACK)) + np.int32(2)) << np.int32(1)


def _decoded(code: Any) -> Any:
    """The value of a code, float32."""
    if code < np.uint8(16):
        return np.float32(code)
    mantissa = np.int64(8) + (np.int64(code) & np.int64(7))
    shift = (np.int64(code) >> np.int64(3)) - np.int64(1)
    return np.float32(mantissa << shift)


replaces(_decoded)(_decoded)
replaces(_bound_block)(_bound_block)


def _decode(builder: Any, codes: Any) -> Any:
    """`_decoded` in every lane."""
    ints = codes.type
    floats = ir.VectorType(ir.FloatType(), ints.count)
    small = builder.icmp_signed("<", codes, constants(ints, 16))
    eighths = builder.add(builder.and_(codes, constants(ints, 7)), constants(ints, 8))
    mantissa = builder.sitofp(builder.select(small, codes, eighths), floats)
    shift = builder.sub(builder.lshr(codes, constants(ints, 3)), constants(ints, 1))
    shift = builder.select(small, constants(ints, 0), shift)
    power = builder.shl(builder.add(shift, constants(ints, 127)), constants(ints, 23))
    return builder.fmul(mantissa, builder.bitcast(power, floats))


@intrinsic
def _bound_four_blocks(
    typing: Any,
    pairs: Any,
    first: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    bounds: Any,
    place: Any,
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs, first, weight, constant, slope, bounds, place = arguments
        source = address(
            context, builder, signature.args[0], pairs, builder.shl(first, ir.Constant(_I64, 3))
        )
        target = address(context, builder, signature.args[5], bounds, place)
        codes = load(builder, source, ir.VectorType(_I8, 32))
        frequencies, lengths = (
            _decode(builder, builder.zext(shuffle(builder, codes, codes, lanes), _INTS))
            for lanes in (list(range(0, 32, 2)), list(range(1, 32, 2)))
        )
        w, c, s = (spread(builder, value, _FLOATS) for value in (weight, constant, slope))
        norm = builder.fadd(c, builder.fmul(s, lengths))
        score = builder.fdiv(builder.fmul(w, frequencies), builder.fadd(frequencies, norm))
        real = builder.fcmp_ordered(">", frequencies, ir.Constant(_FLOATS, [0.0] * 16))
        best = builder.select(real, score, w)
        for step in (1, 2):
            other = shuffle(builder, best, best, [lane ^ step for lane in range(16)])
            best = builder.select(builder.fcmp_ordered(">", other, best), other, best)
        best = shuffle(builder, best, best, [0, 4, 8, 12])
        slack = ir.Constant(best.type, [_SLACK] * 4)
        four = ir.VectorType(_I32, 4)
        loose = builder.fptosi(builder.fmul(best, slack), four)
        loose = builder.add(loose, constants(four, 2))
        store(builder, builder.shl(loose, constants(four, 1)), target)
        return context.get_dummy_value()

    i8, f4 = types.int64, types.float32
    return types.void(pairs, i8, f4, f4, f4, bounds, i8), generate


@replaces(bound_blocks, "avx2")
def _bound_blocks_vectors(
    pairs: Any,
    first: Any,
    count: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    bounds: Any,
    place: Any,
) -> None:
    w, c, s = np.float32(weight), np.float32(constant), np.float32(slope)
    whole = count & np.int64(-4)
    for j in range(np.int64(0), whole, np.int64(4)):
        _bound_four_blocks(pairs, np.int64(first + j), w, c, s, bounds, np.int64(place + j))
    if whole > 0 and whole < count:
        # the last four once more: some are bounded twice
        j = count - np.int64(4)
        _bound_four_blocks(pairs, np.int64(first + j), w, c, s, bounds, np.int64(place + j))
    elif whole < count:
        for j in range(count):
            bounds[np.uint64(place + j)] = _bound_block(pairs, first + j, weight, constant, slope)
