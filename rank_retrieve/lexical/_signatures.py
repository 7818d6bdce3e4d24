"""The declared types of kernels' arguments.

Stored arrays are declared read-only, so that they may be mapped; arrays that a kernel writes are
declared writable.
"""

from __future__ import annotations

from typing import Any

from numba import types

from rank_retrieve.lexical._arrays import Batch, Lists, Positioned, Weighted, Work

_tuple: Any = types.NamedTuple


def _stored(of: Any) -> Any:
    return types.Array(of, 1, "C", readonly=True)


def _written(of: Any) -> Any:
    return types.Array(of, 1, "C")


LISTS = _tuple(
    [
        _stored(types.uint64),
        *[_stored(types.uint32)] * 4,
        *[_stored(types.uint8)] * 3,
        *[_stored(types.uint32)] * 2,
        _stored(types.uint8),
    ],
    Lists,
)
POSITIONED = _tuple(
    [_stored(types.uint64), _stored(types.uint32), _stored(types.uint8), types.int64], Positioned
)
WEIGHTED = _tuple(
    [
        _written(types.int64),
        _written(types.float64),
        types.float64,
        types.float64,
        types.int64,
        _written(types.uint64),
        _written(types.uint64),
        types.int64,
        types.int64,
    ],
    Weighted,
)
BATCH = _tuple(
    [
        _written(types.int64),
        _written(types.float64),
        types.Array(types.int64, 2, "C"),
        types.float64,
        types.float64,
        types.int64,
        _written(types.uint64),
        _written(types.uint64),
    ],
    Batch,
)
WORK = _tuple(
    [
        types.Array(types.int64, 2, "C"),
        *[_written(types.uint32)] * 2,
        *[_written(types.int32)] * 4,
        _written(types.uint8),
        _written(types.uint64),
        _written(types.int64),
        _written(types.int32),
        *[_written(types.uint32)] * 2,
    ],
    Work,
)

INT64 = types.int64
INT32S = _stored(types.int32)
INT64S = _stored(types.int64)
UINT32S = _stored(types.uint32)
FLOAT64S = _stored(types.float64)
BITMAP = _stored(types.uint64)
CURSORS = types.Array(types.int64, 2, "C")
WRITTEN_FLOAT64S = _written(types.float64)
WRITTEN_WORDS = _written(types.uint64)
WRITTEN_BYTES = _written(types.uint8)
WRITTEN_INT32S = _written(types.int32)
WRITTEN_INT64S = _written(types.int64)
WRITTEN_UINT32S = _written(types.uint32)
