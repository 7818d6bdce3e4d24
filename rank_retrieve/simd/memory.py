"""Loads, stores and prefetches by address, for kernels whose state is a table of addresses.

An array that is handed from one compiled function to another costs reference counts in the
innermost loop; an address costs nothing. All addresses are int64, and values are widened to
int64 (`load_u64`: uint64). The caller answers for every address: nothing is checked here.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic

codegen: Any = _cgutils  # has no types

_I1, _I8 = ir.IntType(1), ir.IntType(8)
_I32, _I64 = ir.IntType(32), ir.IntType(64)


def _loader(bits: int, result: Any) -> Any:
    """An intrinsic that reads a signed integer of `bits` at an address."""
    stored_type = ir.IntType(bits)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = builder.load(builder.inttoptr(arguments[0], stored_type.as_pointer()))
        loaded.align = bits // 8
        return loaded if bits == 64 else builder.sext(loaded, _I64)

    @intrinsic
    def load(typing: Any, address: Any) -> Any:
        return result(types.int64), generate

    return load


def _storer(bits: int, value_type: Any) -> Any:
    """An intrinsic that writes the low `bits` of an integer to an address."""
    stored_type = ir.IntType(bits)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, value = arguments
        narrow = value if bits == 64 else builder.trunc(value, stored_type)
        stored = builder.store(narrow, builder.inttoptr(address, stored_type.as_pointer()))
        stored.align = bits // 8
        return context.get_dummy_value()

    @intrinsic
    def store(typing: Any, address: Any, value: Any) -> Any:
        return types.void(types.int64, value_type), generate

    return store


load_i8 = _loader(8, types.int64)
load_i32 = _loader(32, types.int64)
load_i64 = _loader(64, types.int64)
load_u64 = _loader(64, types.uint64)
store_i8 = _storer(8, types.int64)
store_i32 = _storer(32, types.int64)
store_i64 = _storer(64, types.int64)
store_u64 = _storer(64, types.uint64)


def _load_f32(typing: Any, address: Any) -> Any:
    """A float32 at an address, as float64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = builder.load(builder.inttoptr(arguments[0], ir.FloatType().as_pointer()))
        loaded.align = 4
        return builder.fpext(loaded, ir.DoubleType())

    return types.float64(types.int64), generate


load_f32: Any = intrinsic(_load_f32)


def _counter(name: str, takes_flag: bool) -> Any:
    """An intrinsic for one of LLVM's counts over the bits of a uint64; returns int64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag = [_I1] if takes_flag else []
        function = codegen.get_or_insert_function(
            builder.module, ir.FunctionType(_I64, [_I64, *flag]), f"llvm.{name}.i64"
        )
        return builder.call(function, [arguments[0], *(ir.Constant(_I1, 0) for _ in flag)])

    @intrinsic
    def count(typing: Any, value: Any) -> Any:
        return types.int64(types.uint64), generate

    return count


count_ones = _counter("ctpop", takes_flag=False)
trailing_zeros = _counter("cttz", takes_flag=True)  # 64 for zero


def _prefetch(typing: Any, address: Any) -> Any:
    """Ask for the cache line of an address; any address will do, mapped or not."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _I8.as_pointer()
        function = codegen.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer, _I32, _I32, _I32]),
            "llvm.prefetch.p0",
        )
        # to read, keep in every level, data
        flags = [ir.Constant(_I32, flag) for flag in (0, 3, 1)]
        builder.call(function, [builder.inttoptr(arguments[0], pointer), *flags])
        return context.get_dummy_value()

    return types.void(types.int64), generate


prefetch: Any = intrinsic(_prefetch)


def _move_bytes(typing: Any, target: Any, source: Any, size: Any) -> Any:
    """Copy bytes between places that may overlap."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target, source, size = arguments
        pointer = _I8.as_pointer()
        function = codegen.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [pointer, pointer, _I64, _I1]),
            "llvm.memmove.p0.p0.i64",
        )
        places = [builder.inttoptr(place, pointer) for place in (target, source)]
        builder.call(function, [*places, size, ir.Constant(_I1, 0)])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), generate


move_bytes: Any = intrinsic(_move_bytes)
