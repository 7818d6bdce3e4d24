"""float16 rows as float32, sixteen components at a time, for kernels that compute in float32.

The processor's conversion where it has one (F16C, AVX-512), a twin of integer operations and one
multiplication elsewhere. Both are exact for every finite float16, so they agree to the bit. Rows
hold no NaN and no infinity: what is stored was checked.
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

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
HALVES = ir.VectorType(_I16, LANES)
_WORDS = ir.VectorType(_I32, LANES)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)


def _lanes(of: Any, value: Any) -> Any:
    return ir.Constant(of, [value] * LANES)


def _widened_portable(builder: Any, halves: Any) -> Any:
    """Exponent and mantissa in place of a float32's are 2^-112 of the number, subnormal or not."""
    wide = builder.zext(halves, _WORDS)
    rest = builder.shl(builder.and_(wide, _lanes(_WORDS, 0x7FFF)), _lanes(_WORDS, 13))
    sign = builder.shl(builder.and_(wide, _lanes(_WORDS, 0x8000)), _lanes(_WORDS, 16))
    scaled = builder.fmul(builder.bitcast(rest, _FLOATS), _lanes(_FLOATS, 2.0**112))
    return builder.bitcast(builder.or_(builder.bitcast(scaled, _WORDS), sign), _FLOATS)


def widened(builder: Any, halves: Any, portable: bool | None = None) -> Any:
    """Sixteen float16, loaded as integers, as float32. portable: None for what fits."""
    if portable is None:
        portable = not has("f16c")
    return (_widened_portable if portable else _widened_by_processor)(builder, halves)


def _widened_by_processor(builder: Any, halves: Any) -> Any:
    return builder.fpext(builder.bitcast(halves, ir.VectorType(ir.HalfType(), LANES)), _FLOATS)


def widening(portable: bool | None = None) -> Any:
    """An intrinsic widen(source, target, n): n float16 at an address to float32 at another.

    n: a multiple of 16. All arguments are int64. portable: None to take what fits the processor.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target, n = arguments
        zero, step, two = (ir.Constant(_I64, value) for value in (0, LANES, 2))
        with codegen.for_range_slice(builder, zero, n, step, _I64) as (at, _):
            place = builder.add(source, builder.mul(at, two))
            halves = builder.load(builder.inttoptr(place, HALVES.as_pointer()))
            halves.align = 2
            place = builder.add(target, builder.mul(at, builder.add(two, two)))
            stored = builder.store(
                widened(builder, halves, portable), builder.inttoptr(place, _FLOATS.as_pointer())
            )
            stored.align = 4
        return context.get_dummy_value()

    @intrinsic
    def widen(typing: Any, source: Any, target: Any, n: Any) -> Any:
        return types.void(*[types.int64] * 3), generate

    return widen


widen_halves = widening()
