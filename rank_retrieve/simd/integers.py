"""Blocks of 128 integers and groups of 64: unpack, sum up, compare, count.

Each operation is a plain function that says what it does, bit for bit. Compiled into a kernel it
is that function, or vector instructions where the processor has them (`features`): the same
name, the same result. Sizes are the caller's to check.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending as _extending
from numba import types
from numba.core import cgutils as _cgutils

from rank_retrieve.simd.features import has

BLOCK = 128
GROUP = 64
LANES = 16

# up to this width sixteen packed values of a group lie within four bytes each
NARROW_BITS = 24

# these have no types, or types of the call that Numba makes of them
codegen: Any = _cgutils
intrinsic: Callable[[Callable[..., Any]], Any] = _extending.intrinsic
overload: Callable[..., Callable[[Callable[..., Any]], Any]] = _extending.overload

_I8 = ir.IntType(8)
_I16 = ir.IntType(16)
_I32 = ir.IntType(32)
_I64 = ir.IntType(64)
_WORDS = ir.VectorType(_I32, LANES)
_BYTES = ir.VectorType(_I8, 4 * LANES)

# ----------------------------------------------------------------------- pieces of vector code


def replaces(operation: Callable[..., Any], *features: str) -> Callable[[Any], Any]:
    """Use an implementation for an operation in kernels when the processor has the features."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        chosen = implementation if has(*features) else operation

        @overload(operation, jit_options={"nogil": True, "error_model": "numpy", "_nrt": False})
        @functools.wraps(operation)  # Numba compares the signatures
        def choose(*types_of_arguments: Any) -> Any:
            return chosen

        return implementation

    return register


def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """A pointer to an element of an array, as an integer."""
    data = context.make_array(array_type)(context, builder, array).data
    start = builder.ptrtoint(data, _I64)
    size = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
    return builder.add(start, builder.mul(index, i64(size)))


def i64(value: int) -> Any:
    """A constant."""
    return ir.Constant(_I64, value)


def constants(of: Any, values: list[int] | int) -> Any:
    """A vector of constants."""
    return ir.Constant(of, values if isinstance(values, list) else [values] * of.count)


def load(builder: Any, place: Any, of: Any, offset: int = 0) -> Any:
    """A vector from any address."""
    loaded = builder.load(builder.inttoptr(builder.add(place, i64(offset)), of.as_pointer()))
    loaded.align = 1
    return loaded


def store(builder: Any, vector: Any, place: Any, offset: int = 0) -> None:
    """A vector to any address."""
    pointer = builder.inttoptr(builder.add(place, i64(offset)), vector.type.as_pointer())
    builder.store(vector, pointer).align = 1


def shuffle(builder: Any, left: Any, right: Any, lanes: list[int]) -> Any:
    """The chosen lanes of two vectors, numbered one after the other."""
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_I32, len(lanes)), lanes))


def spread(builder: Any, value: Any, of: Any) -> Any:
    """One value in every lane."""
    one = builder.insert_element(ir.Constant(of, ir.Undefined), value, ir.Constant(_I32, 0))
    return shuffle(builder, one, one, [0] * of.count)


def _fields(builder: Any, bits: Any) -> tuple[Any, Any, Any]:
    """How sixteen packed values are taken out of 64 bytes: bytes to gather, shifts, mask.

    Value j begins at bit j * bits: its four bytes are chosen, shifted right by what is left of
    the bits below it, and cut.
    """
    narrow = builder.trunc(bits, _I32)
    starts = builder.mul(constants(_WORDS, list(range(LANES))), spread(builder, narrow, _WORDS))
    first_bytes = builder.lshr(starts, constants(_WORDS, 3))
    four = builder.mul(first_bytes, constants(_WORDS, 0x01010101))
    chosen = builder.bitcast(builder.add(four, constants(_WORDS, 0x03020100)), _BYTES)
    one = ir.Constant(_I32, 1)
    mask = builder.sub(builder.shl(one, narrow), one)
    return chosen, builder.and_(starts, constants(_WORDS, 7)), spread(builder, mask, _WORDS)


def _unpacking(builder: Any, source: Any, bits: Any) -> Any:
    """A function from the number of a group to its sixteen values."""
    choose = codegen.get_or_insert_function(
        builder.module,
        ir.FunctionType(_BYTES, [_BYTES, _BYTES]),
        "llvm.x86.avx512.permvar.qi.512",
    )
    chosen, shifts, mask = _fields(builder, bits)

    def group(number: int) -> Any:
        place = builder.add(source, builder.mul(bits, i64(2 * number)))
        four = builder.call(choose, [load(builder, place, _BYTES), chosen])
        return builder.and_(builder.lshr(builder.bitcast(four, _WORDS), shifts), mask)

    return group


# ----------------------------------------------------------------------- packed blocks


def unpack_block(buffer: Any, at: Any, bits: Any, out: Any, place: Any) -> None:
    """out[place:place + 128] = 1 + the 128 values of `bits` bits (0..24) at buffer[at:].

    Up to 64 bytes behind the block are read and ignored.
    """
    mask = (np.int64(1) << bits) - np.int64(1)
    for i in range(np.int64(BLOCK)):
        bit = i * bits
        first = np.uint64(at + (bit >> np.int64(3)))
        word = (
            np.int64(buffer[first])
            | np.int64(buffer[first + np.uint64(1)]) << np.int64(8)
            | np.int64(buffer[first + np.uint64(2)]) << np.int64(16)
            | np.int64(buffer[first + np.uint64(3)]) << np.int64(24)
        )
        out[np.uint64(place + i)] = np.uint32(((word >> (bit & np.int64(7))) & mask) + np.int64(1))


@intrinsic
def _unpack_block(typing: Any, buffer: Any, at: Any, bits: Any, out: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        buffer, at, bits, out, place = arguments
        source = address(context, builder, signature.args[0], buffer, at)
        target = address(context, builder, signature.args[3], out, place)
        group = _unpacking(builder, source, bits)
        for number in range(BLOCK // LANES):
            values = builder.add(group(number), constants(_WORDS, 1))
            store(builder, values, target, 4 * LANES * number)
        return context.get_dummy_value()

    return types.void(buffer, types.int64, types.int64, out, types.int64), generate


@replaces(unpack_block, "avx512vbmi")
def _unpack_block_vectors(buffer: Any, at: Any, bits: Any, out: Any, place: Any) -> None:
    _unpack_block(buffer, np.int64(at), np.int64(bits), out, np.int64(place))


def unpack_ascending(buffer: Any, at: Any, bits: Any, previous: Any, out: Any, place: Any) -> Any:
    """128 numbers from their packed gaps: each is the one before it + 1 + its gap.

    buffer, at, bits: as for `unpack_block`. previous: what the first gap counts from, below
    2**31, or -1. out[place:place + 128] receives the numbers; returns the last.
    """
    mask = (np.int64(1) << bits) - np.int64(1)
    value = np.int64(previous)
    for i in range(np.int64(BLOCK)):
        bit = i * bits
        first = np.uint64(at + (bit >> np.int64(3)))
        word = (
            np.int64(buffer[first])
            | np.int64(buffer[first + np.uint64(1)]) << np.int64(8)
            | np.int64(buffer[first + np.uint64(2)]) << np.int64(16)
            | np.int64(buffer[first + np.uint64(3)]) << np.int64(24)
        )
        value += ((word >> (bit & np.int64(7))) & mask) + np.int64(1)
        out[np.uint64(place + i)] = np.uint32(value)
    return value


@intrinsic
def _unpack_ascending(
    typing: Any, buffer: Any, at: Any, bits: Any, previous: Any, out: Any, place: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        buffer, at, bits, previous, out, place = arguments
        source = address(context, builder, signature.args[0], buffer, at)
        target = address(context, builder, signature.args[4], out, place)
        group = _unpacking(builder, source, bits)
        zero = constants(_WORDS, 0)
        carry = spread(builder, builder.trunc(previous, _I32), _WORDS)
        for number in range(BLOCK // LANES):
            # the sum of gaps + 1 in every lane: log2(16) shifted additions
            values = builder.add(group(number), constants(_WORDS, 1))
            for step in (1, 2, 4, 8):
                lanes = [lane - step if lane >= step else LANES for lane in range(LANES)]
                values = builder.add(values, shuffle(builder, values, zero, lanes))
            values = builder.add(values, carry)
            store(builder, values, target, 4 * LANES * number)
            carry = shuffle(builder, values, values, [LANES - 1] * LANES)
        last = builder.extract_element(carry, ir.Constant(_I32, 0))
        return builder.zext(last, _I64)

    i8 = types.int64
    return i8(buffer, i8, i8, i8, out, i8), generate


@replaces(unpack_ascending, "avx512vbmi")
def _unpack_ascending_vectors(
    buffer: Any, at: Any, bits: Any, previous: Any, out: Any, place: Any
) -> Any:
    return _unpack_ascending(
        buffer, np.int64(at), np.int64(bits), np.int64(previous), out, np.int64(place)
    )


def count_below(values: Any, place: Any, limit: Any) -> Any:
    """How many of the ascending values[place:place + 128], uint32, are below limit (>= 0)."""
    low, high = np.int64(0), np.int64(BLOCK)
    while low < high:
        middle = (low + high) >> np.int64(1)
        if np.int64(values[np.uint64(place + middle)]) < limit:
            low = middle + np.int64(1)
        else:
            high = middle
    return low


@intrinsic
def _count_below(typing: Any, values: Any, place: Any, limit: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, place, limit = arguments
        source = address(context, builder, signature.args[0], values, place)
        limits = spread(builder, builder.trunc(limit, _I32), _WORDS)
        total = i64(0)
        for number in range(BLOCK // GROUP):
            bits = i64(0)
            for quarter in range(GROUP // LANES):
                offset = 4 * (GROUP * number + LANES * quarter)
                below = builder.icmp_unsigned("<", load(builder, source, _WORDS, offset), limits)
                lanes = builder.zext(builder.bitcast(below, _I16), _I64)
                bits = builder.or_(bits, builder.shl(lanes, i64(LANES * quarter)))
            total = builder.add(total, builder.ctpop(bits))
        return total

    return types.int64(values, types.int64, types.int64), generate


@replaces(count_below, "avx512f")
def _count_below_vectors(values: Any, place: Any, limit: Any) -> Any:
    return _count_below(values, np.int64(place), np.int64(limit))


def place_among(values: Any, place: Any, wanted: Any) -> Any:
    """Where in values[place:place + 16], uint32, wanted stands; 16 where it does not."""
    for lane in range(np.int64(LANES)):
        if np.int64(values[np.uint64(place + lane)]) == wanted:
            return lane
    return np.int64(LANES)


@intrinsic
def _place_among(typing: Any, values: Any, place: Any, wanted: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, place, wanted = arguments
        source = address(context, builder, signature.args[0], values, place)
        copies = spread(builder, builder.trunc(wanted, _I32), _WORDS)
        equal = builder.icmp_unsigned("==", load(builder, source, _WORDS), copies)
        # a bit behind the last lane ends the search where no lane does
        lanes = builder.or_(builder.zext(builder.bitcast(equal, _I16), _I64), i64(1 << LANES))
        return builder.cttz(lanes, ir.Constant(ir.IntType(1), 1))

    return types.int64(values, types.int64, types.int64), generate


@replaces(place_among, "avx512f")
def _place_among_vectors(values: Any, place: Any, wanted: Any) -> Any:
    return _place_among(values, np.int64(place), np.int64(wanted))


# ----------------------------------------------------------------------- groups of 64 lanes


def mask_above(values: Any, place: Any, limit: Any) -> Any:
    """Bit i is one where values[place + i] > limit: int32 [64], uint64."""
    mask = np.uint64(0)
    for i in range(np.int64(GROUP)):
        if values[np.uint64(place + i)] > limit:
            mask |= np.uint64(1) << np.uint64(i)
    return mask


@intrinsic
def _mask_above(typing: Any, values: Any, place: Any, limit: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, place, limit = arguments
        source = address(context, builder, signature.args[0], values, place)
        limits = spread(builder, limit, _WORDS)
        mask = i64(0)
        for quarter in range(GROUP // LANES):
            four = load(builder, source, _WORDS, 4 * LANES * quarter)
            above = builder.bitcast(builder.icmp_signed(">", four, limits), _I16)
            shifted = builder.shl(builder.zext(above, _I64), i64(LANES * quarter))
            mask = builder.or_(mask, shifted)
        return mask

    return types.uint64(values, types.int64, types.int32), generate


@replaces(mask_above, "avx2")
def _mask_above_vectors(values: Any, place: Any, limit: Any) -> Any:
    return _mask_above(values, np.int64(place), np.int32(limit))


def clear_group(values: Any, place: Any) -> None:
    """values[place:place + 64] = 0, int32."""
    for i in range(np.int64(GROUP)):
        values[np.uint64(place + i)] = np.int32(0)


def lowest_bit(word: Any) -> Any:
    """The place of the lowest one of a uint64 that is not 0."""
    return np.int64((int(word) & -int(word)).bit_length() - 1)


def count_bits(word: Any) -> Any:
    """How many ones a uint64 has."""
    return np.int64(int(word).bit_count())


@intrinsic
def _lowest_bit(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def _count_bits(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@replaces(lowest_bit)
def _lowest_bit_instruction(word: Any) -> Any:
    return _lowest_bit(np.uint64(word))


@replaces(count_bits)
def _count_bits_instruction(word: Any) -> Any:
    return _count_bits(np.uint64(word))


replaces(clear_group)(clear_group)
