"""How the components of a stored vector are written: one entry a type.

    number  name       a row of dim components
    1       float32    dim rounded up to 16 components, four bytes each
    2       float16    dim rounded up to 16 components, two bytes each
    3       bits       dim rounded up to 64 bits, component j in bit 7 - j % 8 of byte j // 8

What rounding up adds is zero. Kernels compute with float32 of the stored components, so the score
of a float16 row is that of the same row in float32, to the bit; bits are compared as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.types import Float32s, UInt8s

ElementName: TypeAlias = Literal["float32", "float16", "bits"]
Rows: TypeAlias = NDArray[Any]

GROUP = 16
WORD_BITS = 64
_ROWS_AT_ONCE = 4_096


class Element(Protocol):
    """One way to store components; stateless."""

    name: ElementName
    number: int
    dtype: str

    def stride(self, dim: int) -> int:
        """Components of a stored row."""
        ...

    def row_items(self, dim: int) -> int:
        """Items of `dtype` in a stored row."""
        ...

    def rows(self, matrix: Rows, dim: int) -> Rows:
        """Rows to store, [n, row_items]; the matrix itself where nothing is to be changed.

        matrix: float32 [n, dim] whose values the type can hold, or rows stored already, or packed
            bits.
        """
        ...

    def floats(self, rows: Rows, dim: int) -> Float32s:
        """Stored rows as float32 [n, dim], a view where they are float32."""
        ...

    def is_padded(self, rows: Rows, dim: int) -> bool:
        """Whether all that lies behind the dim components of stored rows is zero, to the bit."""
        ...


class _Floats:
    """Floating-point numbers, padded with zeros."""

    def __init__(self, name: ElementName, number: int, dtype: str) -> None:
        self.name: ElementName = name
        self.number, self.dtype = number, dtype

    def stride(self, dim: int) -> int:
        """Whole groups."""
        return -(-dim // GROUP) * GROUP

    def row_items(self, dim: int) -> int:
        """One a component."""
        return self.stride(dim)

    def rows(self, matrix: Rows, dim: int) -> Rows:
        """Converted, and filled up."""
        if matrix.shape[1] == self.stride(dim):
            return np.ascontiguousarray(matrix, dtype=self.dtype)
        result = np.zeros((len(matrix), self.stride(dim)), dtype=self.dtype)
        result[:, :dim] = matrix
        return result

    def floats(self, rows: Rows, dim: int) -> Float32s:
        """The components without the padding."""
        return rows[:, :dim].astype(np.float32, copy=False)

    def is_padded(self, rows: Rows, dim: int) -> bool:
        """Whether no byte behind the components is anything but zero."""
        return not rows[:, dim:].tobytes().strip(b"\0")


class _Bits:
    """Binary vectors: one bit a component."""

    name: ElementName = "bits"
    number, dtype = 3, "u1"

    def stride(self, dim: int) -> int:
        """Whole words."""
        return -(-dim // WORD_BITS) * WORD_BITS

    def row_items(self, dim: int) -> int:
        """Bytes."""
        return self.stride(dim) // 8

    def rows(self, matrix: Rows, dim: int) -> Rows:
        """Packed, where the matrix is not packed bytes already, and filled up."""
        packed = matrix
        if matrix.dtype != np.uint8:
            packed = np.packbits(matrix != 0, axis=1)
        if packed.shape[1] == self.row_items(dim):
            return np.ascontiguousarray(packed)
        result = np.zeros((len(matrix), self.row_items(dim)), dtype=np.uint8)
        result[:, : packed.shape[1]] = packed
        return result

    def floats(self, rows: Rows, dim: int) -> Float32s:
        """Zeros and ones."""
        bits: UInt8s = np.unpackbits(rows, axis=1, count=dim)
        return bits.astype(np.float32)

    def is_padded(self, rows: Rows, dim: int) -> bool:
        """Whether no bit behind the components is one."""
        bits: UInt8s = np.unpackbits(rows, axis=1)
        return not bits[:, dim:].any()


FLOAT32: Element = _Floats("float32", 1, "<f4")
FLOAT16: Element = _Floats("float16", 2, "<f2")
BITS: Element = _Bits()
ELEMENTS: dict[str, Element] = {element.name: element for element in (FLOAT32, FLOAT16, BITS)}
BY_NUMBER: dict[int, Element] = {element.number: element for element in ELEMENTS.values()}


class FloatRows:
    """Stored rows as float32 vectors that are made when they are asked for."""

    def __init__(self, element: Element, rows: Rows, dim: int) -> None:
        self._element, self._rows = element, rows
        self.shape = (len(rows), dim)
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Float32s:
        """One row [dim], or several [n, dim], as NumPy would choose them."""
        picked = self._rows[key]
        several = picked if picked.ndim == 2 else picked[np.newaxis]
        made = self._element.floats(several, self.shape[1])
        result: Float32s = made if picked.ndim == 2 else made[0]
        return result

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32, copy=False)


def blocks_of(n: int) -> Iterator[slice]:
    """Slices that cover n rows, so that converted copies stay small."""
    for start in range(0, n, _ROWS_AT_ONCE):
        yield slice(start, min(start + _ROWS_AT_ONCE, n))
