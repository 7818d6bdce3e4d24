"""Writing an FST from sorted terms: one pass, memory bounded beside the result.

The algorithm is that of Mihov & Maurel, "Direct construction of minimal acyclic subsequential
transducers" (CIAA 2000): only the nodes on the path of the last term are open; whatever the
next term leaves behind is final, and is written unless an equal node was written before. As
in BurntSushi's fst, that search uses a registry of bounded size: the result is minimal as long
as the registry holds all nodes, and nearly so beyond.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from rank_retrieve.codecs.fst import _build_kernels as kernels
from rank_retrieve.codecs.fst._layout import (
    DEFAULT_SHORT_LABELS,
    HEADER,
    HEADER_BYTES,
    LEAF,
    LEAF_ADDRESS,
    MAGIC,
    MAX_TERM_BYTES,
    MAX_VALUE,
    SHORT_LABELS,
    SHORT_LABELS_AT,
    VERSION,
)
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Int64s, UInt8s, UInt64s

REGISTRY_BYTES = 32 << 20
_MIN_SLOTS = 64
_SHORT_CODES = np.full(256, -1, dtype=np.int64)
_SHORT_CODES[np.frombuffer(DEFAULT_SHORT_LABELS, np.uint8)] = np.arange(SHORT_LABELS)
_PENDING_TERMS = 4096
_PENDING_BYTES = 1 << 18


class FstBuilder:
    """Terms in ascending order go in, `finish()` gives the file's bytes.

    expected_terms: sizes the registry; without it the registry has its full 32 MiB.
    longest: no term may have more bytes, 1..4096.

    Memory: the bytes written so far (under 8 a term as a rule), the registry, and at most
    4.3 KB for each byte of the longest term.
    """

    def __init__(self, expected_terms: int | None = None, longest: int = MAX_TERM_BYTES) -> None:
        if not 0 <= longest <= MAX_TERM_BYTES:
            raise InvalidArgument("longest", longest, f"must be in 0..{MAX_TERM_BYTES}")
        slots = REGISTRY_BYTES // 8
        if expected_terms is not None:
            slots = min(slots, max(_MIN_SLOTS, 1 << (3 * expected_terms).bit_length()))
        transitions = 256 * (longest + 1)
        self._longest = longest
        # untouched pages of these cost nothing
        self._path = np.zeros((longest + 3, kernels.PATH_COLUMNS), dtype=np.int64)
        self._transitions = np.empty((transitions, kernels.TRANSITION_COLUMNS), dtype=np.int64)
        self._registry = np.zeros(slots, dtype=np.int64)
        self._state = np.zeros(kernels.STATE_SLOTS, dtype=np.int64)
        self._buffer = np.empty(
            HEADER_BYTES + 64 + 8 * (expected_terms if expected_terms is not None else 4096),
            dtype=np.uint8,
        )
        self._buffer[LEAF_ADDRESS] = 0x80 | LEAF << 3
        self._buffer[SHORT_LABELS_AT:HEADER_BYTES] = np.frombuffer(DEFAULT_SHORT_LABELS, np.uint8)
        self._state[kernels.END] = LEAF_ADDRESS + 1
        self._state[kernels.CODES :] = _SHORT_CODES
        self._pending: list[bytes] = []
        self._pending_values: list[int] = []
        self._pending_bytes = 0
        self._finished = False

    def __len__(self) -> int:
        """How many terms were added."""
        return int(self._state[kernels.TERMS]) + len(self._pending)

    def add(self, term: bytes, value: int | None = None) -> None:
        """Add one term; value: 0..2**63-1, by default the number of terms before it.

        InvalidArgument when it is too long, or not above the term before it (which may show
        only at a later `add` or at `finish`).
        """
        self._check_open()
        if len(term) > self._longest:
            raise InvalidArgument("term", term, f"has more than {self._longest} bytes")
        if value is None:
            value = len(self)
        elif not 0 <= value <= MAX_VALUE:
            raise InvalidArgument("value", value, "must be in 0..2**63-1")
        self._pending.append(term)
        self._pending_values.append(value)
        self._pending_bytes += len(term)
        if len(self._pending) >= _PENDING_TERMS or self._pending_bytes >= _PENDING_BYTES:
            self._add_pending()

    def add_many(
        self, arena: UInt8s, offsets: Int64s, values: UInt64s | Int64s | None = None
    ) -> None:
        """Add the terms arena[offsets[i]:offsets[i + 1]], uint8 [bytes] and int64 [n + 1].

        values: [n], each 0..2**63-1; by default the number of terms before each.
        """
        self._check_open()
        self._add_pending()
        self._add_arrays(*_checked(arena, offsets, values, len(self), self._longest))

    def finish(self) -> bytes:
        """Complete the FST; the builder takes nothing more."""
        self._check_open()
        self._add_pending()
        self._finished = True
        state = self._state
        open_transitions = int(self._path[state[kernels.DEPTH] + 1, kernels.FIRST])
        self._reserve(17 * open_transitions + 10 * (int(state[kernels.DEPTH]) + 1))
        kernels.close_nodes(self._buffer, self._path, self._transitions, self._registry, state, -1)
        end = int(state[kernels.END])
        self._buffer[:SHORT_LABELS_AT] = np.frombuffer(
            HEADER.pack(
                MAGIC,
                VERSION,
                0,
                int(state[kernels.TERMS]),
                int(state[kernels.TERM_BYTES]),
                end,
                int(state[kernels.LONGEST]),
                0,
            ),
            dtype=np.uint8,
        )
        return self._buffer[:end].tobytes()

    def _check_open(self) -> None:
        if self._finished:
            raise InvalidArgument("builder", "finished", "takes no more terms")

    def _add_pending(self) -> None:
        if not self._pending:
            return
        offsets = np.zeros(len(self._pending) + 1, dtype=np.int64)
        np.cumsum([len(term) for term in self._pending], out=offsets[1:])
        arena = np.frombuffer(b"".join(self._pending), dtype=np.uint8)
        values = np.array(self._pending_values, dtype=np.int64)
        self._pending, self._pending_values, self._pending_bytes = [], [], 0
        self._add_arrays(arena, offsets, values)

    def _add_arrays(self, arena: UInt8s, offsets: Int64s, values: Int64s) -> None:
        state = self._state
        term = 0
        while True:
            term = kernels.add_terms(
                self._buffer,
                self._path,
                self._transitions,
                self._registry,
                state,
                arena,
                offsets,
                values,
                term,
            )
            status = int(state[kernels.STATUS])
            if status == kernels.DONE:
                return
            if status != kernels.GROW:
                break
            self._reserve(len(self._buffer) + 27 * (self._longest + 1))
        self._finished = True
        shown = bytes(arena[offsets[term] : offsets[term + 1]])
        if status == kernels.BAD_VALUE:
            raise InvalidArgument("values", int(values[term]), "must be in 0..2**63-1")
        raise InvalidArgument(
            "terms",
            shown,
            f"number {int(state[kernels.TERMS])} is not above the one before it",
            "sort the terms by their bytes and drop repetitions",
        )

    def _reserve(self, extra: int) -> None:
        need = int(self._state[kernels.END]) + extra
        if need > len(self._buffer):
            grown = np.empty(max(need, 2 * len(self._buffer)), dtype=np.uint8)
            grown[: self._state[kernels.END]] = self._buffer[: self._state[kernels.END]]
            self._buffer = grown


def build(arena: UInt8s, offsets: Int64s, values: UInt64s | Int64s | None = None) -> bytes:
    """The FST of the terms arena[offsets[i]:offsets[i + 1]], strictly ascending by bytes.

    arena: uint8 [bytes]; offsets: int64 [n + 1]; values: [n], each 0..2**63-1, by default the
    position of each term. InvalidArgument when terms are out of order, repeated or too long.
    """
    arena, offsets, values = _checked(arena, offsets, values, 0, MAX_TERM_BYTES)
    longest = int(np.diff(offsets).max()) if len(offsets) > 1 else 0
    builder = FstBuilder(len(values), longest)
    builder._add_arrays(arena, offsets, values)
    return builder.finish()


def _checked(
    arena: UInt8s,
    offsets: Int64s,
    values: UInt64s | Int64s | None,
    first_value: int,
    longest: int,
) -> tuple[UInt8s, Int64s, Int64s]:
    arena = np.ascontiguousarray(arena, dtype=np.uint8)
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    if len(offsets) == 0:
        raise InvalidArgument("offsets", 0, "has no entry; n terms have n + 1 offsets")
    n = len(offsets) - 1
    if int(offsets[0]) < 0 or int(offsets[-1]) > len(arena):
        raise InvalidArgument("offsets", int(offsets[-1]), f"must be in 0..{len(arena)}")
    if n:
        sizes = offsets[1:] - offsets[:-1]
        if int(sizes.min()) < 0:
            raise InvalidArgument("offsets", int(sizes.argmin()), "must not decrease")
        if int(sizes.max()) > longest:
            worst = int(sizes.argmax())
            term = bytes(arena[offsets[worst] : offsets[worst + 1]])
            raise InvalidArgument("terms", term, f"has more than {longest} bytes")
    if values is None:
        return arena, offsets, np.arange(first_value, first_value + n, dtype=np.int64)
    if len(values) != n:
        raise InvalidArgument("values", len(values), f"must be {n}, one for each term")
    # a uint64 above the limit turns negative here, and the kernel refuses it
    return arena, offsets, cast(Int64s, np.ascontiguousarray(values).astype(np.int64, copy=False))
