"""Writes metadata columns; `column_format` has the bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters.check import check_key, check_metadata, refuse
from rank_retrieve.filters.column_format import (
    DENSE,
    DIRECTORY,
    MAX_COLUMNS,
    MAX_DOCS,
    PRESENT,
    REPEATED,
    ROWS,
    UNIQUE,
    VERSION,
    ColumnEntry,
    DirectoryEntry,
    PartEntry,
    offset_width,
    padded,
    section_of,
)
from rank_retrieve.filters.values import EPOCH, KIND_OF, MICROSECOND, Kind
from rank_retrieve.types import Int64s, SectionSink, UInt64s

# a map keyed by the user's data has as many paths as documents: count no more than this
MAX_TRACKED_PATHS = 65_536

_COMPOUND = (dict, list, tuple)
_COMPOUND_TYPES = frozenset(_COMPOUND)
_encode = msgspec.msgpack.Encoder().encode


class _Slot:
    """The values of one path, with their docs, ascending."""

    __slots__ = ("arrays", "docs", "lengths", "objects", "values")

    def __init__(self) -> None:
        self.docs: list[int] = []
        self.values: list[Any] = []
        self.objects: list[int] = []
        self.arrays: list[int] = []
        self.lengths: list[int] = []

    def __len__(self) -> int:
        return len(self.docs) + len(self.objects) + len(self.arrays)


def write_columns(
    sink: SectionSink, documents: Sequence[Mapping[str, Any]], *, max_columns: int = MAX_COLUMNS
) -> None:
    """Write the metadata of documents, in doc order, each with its `id` if it shall be found.

    max_columns: paths that get a column; filters on others read rows.
    Raises InvalidArgument for values that `check_metadata` refuses.
    """
    if not 0 <= max_columns <= MAX_COLUMNS:
        raise InvalidArgument("max_columns", max_columns, f"must be in 0..{MAX_COLUMNS}")
    if len(documents) >= MAX_DOCS:
        raise InvalidArgument("documents", len(documents), f"must be fewer than {MAX_DOCS}")
    gathered = _Gathered(documents)
    slots = gathered.slots
    # sorting is stable: of equally frequent paths, the one seen first
    frequent = sorted(slots, key=lambda path: -len(slots[path]))[:max_columns]
    for path in slots.keys() - set(frequent):
        gathered.overflow.add(path.split(".", 1)[0])
    columns = []
    try:
        for number, path in enumerate(frequent):
            parts, buffers = _encode_slot(slots[path], len(documents))
            columns.append(ColumnEntry(path, parts))
            sink.add(section_of(number), *buffers)
    except (OverflowError, UnicodeEncodeError, TypeError):
        _explain(documents)
        raise
    docs, ends, rows = _encode_rows(documents, gathered.row_docs(), gathered.overflow)
    if len(docs):
        sink.add(ROWS, *_pad(docs), ends, rows)
    row_bytes = int(ends[-1]) if len(docs) else 0
    complete = not gathered.overflow
    directory = DirectoryEntry(VERSION, len(documents), complete, len(docs), row_bytes, columns)
    sink.add(DIRECTORY, _encode(directory))


def _explain(documents: Sequence[Mapping[str, Any]]) -> None:
    for document in documents:
        check_metadata(document)


# --------------------------------------------------------------------------- gathering


class _Gathered:
    """Every path of the documents, with its values.

    overflow: top-level fields with a path that has no column.
    """

    def __init__(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self.slots: dict[str, _Slot] = {}
        self.overflow: set[str] = set()
        self._documents = documents
        self._compound: set[int] = set()
        self._pending: list[str] = []
        self._gather_top_level()
        for path in self._pending:  # grows as children are found
            slot = self.slots[path]
            if not _COMPOUND_TYPES.isdisjoint(set(map(type, slot.values))):
                self._expand(path, slot)
                if "." not in path:
                    self._compound.update(slot.objects, slot.arrays)

    def row_docs(self) -> list[int]:
        """The docs that need a row, ascending."""
        docs = self._compound
        if self.overflow:
            overflow = self.overflow
            docs.update(
                doc
                for doc, document in enumerate(self._documents)
                if not overflow.isdisjoint(document)
            )
        return sorted(docs)

    def _gather_top_level(self) -> None:
        appends: dict[str, tuple[Callable[[int], None], Callable[[Any], None]]] = {}
        for doc, document in enumerate(self._documents):
            for key, value in document.items():
                append = appends.get(key)
                if append is None:
                    slot = self._new_slot(key, key)
                    if slot is None:
                        continue
                    append = appends[key] = (slot.docs.append, slot.values.append)
                append[0](doc)
                append[1](value)

    def _new_slot(self, key: str, path: str) -> _Slot | None:
        problem = check_key(key)
        if problem is not None:
            raise problem.error()
        if len(self.slots) >= MAX_TRACKED_PATHS:
            self.overflow.add(path.split(".", 1)[0])
            return None
        slot = self.slots[path] = _Slot()
        self._pending.append(path)
        return slot

    def _expand(self, path: str, slot: _Slot) -> None:
        """Move dicts and arrays of a slot to where their contents belong."""
        docs, values = slot.docs, slot.values
        slot.docs, slot.values = [], []
        for doc, value in zip(docs, values, strict=True):
            kind = type(value)
            if kind is dict:
                self._add_object(path, slot, doc, value)
            elif kind is list or kind is tuple:
                slot.arrays.append(doc)
                slot.lengths.append(len(value))
                for element in value:
                    if type(element) is dict:
                        self._add_object(path, slot, doc, element)
                    elif type(element) not in _COMPOUND_TYPES:
                        slot.docs.append(doc)
                        slot.values.append(element)
            else:
                slot.docs.append(doc)
                slot.values.append(value)

    def _add_object(self, path: str, slot: _Slot, doc: int, value: dict[str, Any]) -> None:
        if not slot.objects or slot.objects[-1] != doc:
            slot.objects.append(doc)
        for key, element in value.items():
            if type(key) is not str:
                raise refuse((path,), key, "keys must be strings")
            name = f"{path}.{key}"
            child = self.slots.get(name)
            if child is None:
                child = self._new_slot(key, name)
                if child is None:
                    continue
            child.docs.append(doc)
            child.values.append(element)


# --------------------------------------------------------------------------- encoding

_Buffers = list[NDArray[Any] | bytes]
_Encoded = tuple[PartEntry, NDArray[Any], _Buffers]
"""An entry that does not know its docs yet, the stored values, and what follows them."""

_NO_VALUES = np.empty(0, dtype=np.uint8)


def _encode_slot(slot: _Slot, n_docs: int) -> tuple[list[PartEntry], _Buffers]:
    parts: list[PartEntry] = []
    buffers: _Buffers = []
    for kind, docs, values in _by_kind(slot):
        entry, stored, after = _ENCODERS[kind](kind, values)
        form = _form(docs, stored.itemsize if len(stored) else 0, n_docs)
        parts.append(msgspec.structs.replace(entry, count=len(docs), docs=form))
        if form != DENSE:
            places = np.array(docs, dtype="<u4")
            if form == PRESENT:
                present = np.zeros(n_docs, dtype=np.bool_)
                present[places] = True
                if len(stored):
                    packed, stored = stored, np.zeros(n_docs, dtype=stored.dtype)
                    stored[places] = packed
                buffers += _pad(np.packbits(present, bitorder="little"))
            else:
                buffers += _pad(places)
        buffers += _pad(stored)
        buffers += after
    return parts, buffers


def _form(docs: list[int], width: int, n_docs: int) -> int:
    """How to say which docs have a value: the smallest that can."""
    # docs never descend, so they are distinct exactly when a set of them is as large
    if len(set(docs)) != len(docs):
        return REPEATED
    if len(docs) == n_docs:
        return DENSE
    listed = padded(4 * len(docs)) + padded(width * len(docs))
    return PRESENT if padded((n_docs + 7) // 8) + padded(width * n_docs) < listed else UNIQUE


def _by_kind(slot: _Slot) -> list[tuple[Kind, list[int], list[Any]]]:
    result: list[tuple[Kind, list[int], list[Any]]] = []
    types = set(map(type, slot.values))
    if len(types) == 1:
        result.append((_kind_of(types.pop()), slot.docs, slot.values))
    elif types:
        split: dict[Kind, tuple[list[int], list[Any]]] = {_kind_of(t): ([], []) for t in types}
        for doc, value in zip(slot.docs, slot.values, strict=True):
            docs, values = split[KIND_OF[type(value)]]
            docs.append(doc)
            values.append(value)
        result += [(kind, *split[kind]) for kind in sorted(split)]
    if slot.objects:
        result.append((Kind.OBJECT, slot.objects, slot.objects))
    if slot.arrays:
        result.append((Kind.ARRAY, slot.arrays, slot.lengths))
    return result


def _kind_of(type_: type) -> Kind:
    kind = KIND_OF.get(type_)
    if kind is None:
        raise TypeError(type_.__name__)
    return kind


def _docs_only(kind: Kind, values: list[Any]) -> _Encoded:
    return PartEntry(kind, 1, DENSE), _NO_VALUES, []


def _integers(kind: Kind, values: list[int]) -> _Encoded:
    return _steps(kind, np.array(values, dtype=np.int64))


def _instants(kind: Kind, values: list[Any]) -> _Encoded:
    instants = [(value - EPOCH) // MICROSECOND for value in values]
    return _steps(kind, np.array(instants, dtype=np.int64))


def _steps(kind: Kind, values: Int64s) -> _Encoded:
    base = int(values.min())
    steps: UInt64s = values.view(np.uint64) - np.uint64(base & 0xFFFF_FFFF_FFFF_FFFF)
    unit, largest = 1, int(steps.max())
    if largest > 0xFF:
        # dates at midnight and prices in whole units need far fewer bits in multiples
        unit = int(np.gcd.reduce(steps))
        if unit > 1:
            steps //= np.uint64(unit)
            largest //= unit
    width = _width(largest)
    entry = PartEntry(kind, 1, DENSE, width, base, unit)
    return entry, steps.astype(f"<u{width}"), []


def _floats(kind: Kind, values: list[float]) -> _Encoded:
    return PartEntry(kind, 1, DENSE, 8), np.array(values, dtype="<f8"), []


def _strings(kind: Kind, values: list[str]) -> _Encoded:
    # code points and UTF-8 bytes sort alike
    distinct = sorted(set(values))
    return _codes(kind, values, distinct, [text.encode("utf-8") for text in distinct])


def _byte_strings(kind: Kind, values: list[bytes]) -> _Encoded:
    distinct = sorted(set(values))
    return _codes(kind, values, distinct, distinct)


def _codes(kind: Kind, values: list[Any], distinct: list[Any], encoded: list[bytes]) -> _Encoded:
    width = _width(len(distinct) - 1)
    code_of = dict(zip(distinct, range(len(distinct)), strict=True))
    codes = np.fromiter(map(code_of.__getitem__, values), dtype=f"<u{width}", count=len(values))
    arena = b"".join(encoded)
    offsets = np.zeros(len(distinct) + 1, dtype=f"<u{offset_width(len(arena))}")
    np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
    entry = PartEntry(kind, 1, DENSE, width, entries=len(distinct), nbytes=len(arena))
    return entry, codes, [*_pad(offsets), arena, _zeros(len(arena))]


_ENCODERS: dict[Kind, Callable[[Kind, list[Any]], _Encoded]] = {
    Kind.NULL: _docs_only,
    Kind.BOOL: _integers,
    Kind.INT: _integers,
    Kind.FLOAT: _floats,
    Kind.STRING: _strings,
    Kind.BYTES: _byte_strings,
    Kind.DATETIME: _instants,
    Kind.OBJECT: _docs_only,
    Kind.ARRAY: _integers,
}


def _width(largest: int) -> int:
    return 1 if largest < 1 << 8 else 2 if largest < 1 << 16 else 4 if largest < 1 << 32 else 8


def _zeros(nbytes: int) -> bytes:
    return bytes(padded(nbytes) - nbytes)


def _pad(array: NDArray[Any]) -> list[NDArray[Any] | bytes]:
    return [array, _zeros(array.nbytes)] if array.nbytes & 7 else [array]


def _encode_rows(
    documents: Sequence[Mapping[str, Any]], docs: list[int], overflow: set[str]
) -> tuple[NDArray[Any], NDArray[Any], bytes]:
    rows = [
        _encode(
            {
                key: value
                for key, value in documents[doc].items()
                if isinstance(value, _COMPOUND) or key in overflow
            }
        )
        for doc in docs
    ]
    ends = np.zeros(len(rows), dtype="<u8")
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=ends)
    return np.array(docs, dtype="<u4"), ends, b"".join(rows)
