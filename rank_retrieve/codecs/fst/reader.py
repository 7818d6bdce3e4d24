"""Reading an FST where it lies: nothing is copied or decoded before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rank_retrieve.codecs.fst import _read_kernels as kernels
from rank_retrieve.codecs.fst._layout import (
    HEADER,
    HEADER_BYTES,
    MAGIC,
    MAX_TERM_BYTES,
    MAX_VALUE,
    VERSION,
)
from rank_retrieve.codecs.fst.automaton import EVERYTHING, Automaton
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.types import Int64s, UInt8s

_FIRST_BATCH_TERMS = 16
_BATCH_TERMS = 1024
_BATCH_NODES = 100_000
_NO_BYTES = np.empty(0, dtype=np.uint8)
_MAX_TERMS = 2**48


class Fst:
    """An ordered map from terms (bytes) to values (0..2**63-1) over a read-only buffer.

    Made by `Fst.open`. Iterators hold the buffer and may be used beside each other; one
    iterator belongs to one thread. Every method may raise CorruptionError: bytes are never
    trusted, though only `verify` looks at all of them.
    """

    __slots__ = ("_buffer", "_longest", "_root", "_term_bytes", "_terms", "origin")

    def __init__(
        self, buffer: UInt8s, origin: str, terms: int, term_bytes: int, longest: int
    ) -> None:
        self._buffer, self.origin = buffer, origin
        self._terms, self._term_bytes, self._longest = terms, term_bytes, longest
        self._root = len(buffer) - 1

    @classmethod
    def open(cls, buffer: bytes | bytearray | memoryview | UInt8s, *, origin: str) -> Fst:
        """Over the whole of `buffer`; reads the header only.

        origin: the file name for errors. FormatVersionError for another magic or version,
        CorruptionError for a header that contradicts itself or the buffer's size.
        """
        source = np.frombuffer(buffer, dtype=np.uint8)
        if len(source) <= HEADER_BYTES:
            raise CorruptionError(
                origin, 0, f"more than {HEADER_BYTES} bytes", f"{len(source)} bytes"
            )
        magic, version, flags, terms, term_bytes, length, longest, reserved = HEADER.unpack(
            source[: HEADER.size].tobytes()
        )
        if magic != MAGIC or version != VERSION or flags:
            found = f"{magic!r} version {version} flags {flags:#x}"
            raise FormatVersionError(origin, found, f"{MAGIC!r} version {VERSION} flags 0x0")
        if length != len(source):
            raise CorruptionError(origin, 24, f"length {len(source)}", str(length))
        if longest > MAX_TERM_BYTES or reserved:
            got = f"{longest}, {reserved}"
            raise CorruptionError(origin, 32, f"longest term 0..{MAX_TERM_BYTES}, 0", got)
        if terms > _MAX_TERMS or term_bytes > terms * longest:
            raise CorruptionError(
                origin, 8, "terms that can have so many bytes", f"{terms}, {term_bytes} bytes"
            )
        return cls(source, origin, terms, term_bytes, longest)

    def __len__(self) -> int:
        """How many terms there are."""
        return self._terms

    @property
    def nbytes(self) -> int:
        """Size of the buffer."""
        return len(self._buffer)

    @property
    def longest(self) -> int:
        """Bytes of the longest term."""
        return self._longest

    # ------------------------------------------------------------------- look-up

    def get(self, term: bytes) -> int | None:
        """The value of one term, None when it is absent."""
        source = np.frombuffer(term, dtype=np.uint8)
        value = int(kernels.get(self._buffer, self._root, source, 0, len(source)))
        if value >= 0:
            return value
        if value == kernels.DAMAGED:
            raise self._damaged()
        return None

    def __contains__(self, term: object) -> bool:
        return isinstance(term, bytes) and self.get(term) is not None

    def get_many(self, arena: UInt8s, offsets: Int64s) -> Int64s:
        """Values of the terms arena[offsets[i]:offsets[i + 1]], int64 [n]; -1 for absent ones."""
        arena = np.ascontiguousarray(arena, dtype=np.uint8)
        offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        if len(offsets) == 0 or offsets[0] < 0 or offsets[-1] > len(arena):
            raise InvalidArgument("offsets", len(offsets), f"must rise from 0 to {len(arena)}")
        if np.any(offsets[1:] < offsets[:-1]):
            raise InvalidArgument("offsets", len(offsets), "must not decrease")
        values = np.empty(len(offsets) - 1, dtype=np.int64)
        if kernels.get_many(self._buffer, self._root, arena, offsets, values):
            raise self._damaged()
        return values

    def first(self) -> bytes | None:
        """The least term, None when there is none."""
        return next((term for term, _ in self.search(limit=1)), None)

    def last(self) -> bytes | None:
        """The greatest term, None when there is none."""
        if not self._terms:
            return None
        key = np.empty(self._longest, dtype=np.uint8)
        size = kernels.last_term(self._buffer, self._root, key)
        if size < 0:
            raise self._damaged()
        return key[:size].tobytes()

    def term_of(self, value: int) -> bytes | None:
        """The term with this value, where values ascend with the terms (ordinals do)."""
        if not 0 <= value <= MAX_VALUE or not self._terms:
            return None
        key = np.empty(self._longest, dtype=np.uint8)
        size = kernels.term_of(self._buffer, self._root, value, key)
        if size == kernels.DAMAGED:
            raise self._damaged()
        return None if size < 0 else key[:size].tobytes()

    # ------------------------------------------------------------------- listing, in term order

    def __iter__(self) -> Iterator[bytes]:
        return (term for term, _ in self.search())

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Every (term, value), ascending."""
        return self.search()

    def range(
        self, ge: bytes | None = None, lt: bytes | None = None
    ) -> Iterator[tuple[bytes, int]]:
        """(term, value) with ge <= term < lt, ascending; None is open."""
        return self.search(ge=ge, lt=lt)

    def prefix(self, prefix: bytes) -> Iterator[tuple[bytes, int]]:
        """(term, value) of the terms that begin with `prefix`, ascending."""
        walk = _Walk(self, EVERYTHING, None)
        if walk.seek(prefix) < len(prefix):
            return iter(())
        walk.state[kernels.FLOOR] = len(prefix)
        return walk.terms(None)

    def search(
        self,
        automaton: Automaton = EVERYTHING,
        ge: bytes | None = None,
        lt: bytes | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[bytes, int]]:
        """(term, value) of the terms that the automaton accepts, ascending, ge <= term < lt.

        limit: at most so many. The iterator works in slices of bounded length, so a caller
        with a deadline can stop between any two terms; terms are listed as they are found.
        """
        if limit is not None and limit < 0:
            raise InvalidArgument("limit", limit, "must not be negative")
        walk = _Walk(self, automaton, lt)
        walk.seek(ge or b"")
        return walk.terms(limit)

    # ------------------------------------------------------------------- checking

    def verify(self) -> None:
        """Check every byte; CorruptionError names a damaged node. Takes O(size) time, memory."""
        count = kernels.list_nodes(self._buffer, self._root, np.empty(0, dtype=np.int64))
        if count < 0:
            raise self._damaged()
        addresses = np.empty(count, dtype=np.int64)
        kernels.list_nodes(self._buffer, self._root, addresses)
        sums = np.zeros((count, 4), dtype=np.int64)
        claimed = np.array([self._terms, self._term_bytes, self._longest], dtype=np.int64)
        address = kernels.sum_up(self._buffer, addresses, sums, claimed)
        if address:
            raise self._damaged(address)
        if sums[-1, :3].tolist() != claimed.tolist():
            raise CorruptionError(
                self.origin, 8, "terms, bytes, longest " + str(sums[-1, :3]), str(claimed)
            )

    def _damaged(self, address: int | None = None) -> CorruptionError:
        at = self._root if address is None else address
        return CorruptionError(self.origin, at, "an FST whose nodes lead downwards", "damage")

    def __repr__(self) -> str:
        return f"Fst({self._terms} terms, {len(self._buffer)} bytes, {self.origin!r})"


class _Walk:
    """The scratch of one iteration, and the loop around the kernel."""

    def __init__(self, fst: Fst, automaton: Automaton, lt: bytes | None) -> None:
        self.fst, self.program = fst, automaton.program
        self.stack = np.empty((fst._longest + 1, kernels.STACK_COLUMNS), dtype=np.int64)
        self.key = np.empty(fst._longest, dtype=np.uint8)
        self.state = np.zeros(kernels.WALK_SLOTS, dtype=np.int64)
        self.bound = _NO_BYTES
        if lt is not None:
            self.bound = np.frombuffer(lt, dtype=np.uint8)
            self.state[kernels.BOUNDED] = 1

    def seek(self, target: bytes) -> int:
        """Go to the first term >= target; how many of its bytes lead somewhere."""
        depth = kernels.seek(
            self.fst._buffer,
            self.fst._root,
            self.program,
            self.stack,
            self.key,
            self.state,
            np.frombuffer(target, dtype=np.uint8),
        )
        if depth < 0:
            raise self.fst._damaged()
        return int(depth)

    def terms(self, limit: int | None) -> Iterator[tuple[bytes, int]]:
        """The terms from here on, in batches that start small."""
        left = self.fst._terms if limit is None else limit
        batch = min(_FIRST_BATCH_TERMS, left)
        # a node is met once for each distinct prefix, and the terms have no more than this
        nodes_left = self.fst._term_bytes + 1
        status = kernels.MORE
        while left > 0 and status == kernels.MORE:
            arena = np.empty(batch * 16 + self.fst._longest, dtype=np.uint8)
            offsets = np.empty(batch + 1, dtype=np.int64)
            values = np.empty(batch, dtype=np.int64)
            self.state[kernels.BUDGET] = _BATCH_NODES
            status = kernels.walk(
                self.fst._buffer,
                self.program,
                self.stack,
                self.key,
                self.state,
                self.bound,
                arena,
                offsets,
                values,
            )
            if status == kernels.DAMAGED:
                raise self.fst._damaged()
            listed = int(self.state[kernels.LISTED])
            nodes_left -= _BATCH_NODES - int(self.state[kernels.BUDGET])
            if nodes_left < 0:
                raise self.fst._damaged()
            # as plain objects, and cut out of one: several times faster than array slices
            text = arena[: offsets[listed]].tobytes()
            ends = offsets[: listed + 1].tolist()
            for i, value in enumerate(values[:listed].tolist()):
                yield text[ends[i] : ends[i + 1]], value
            left -= listed
            batch = min(4 * batch, _BATCH_TERMS, max(left, 1))
        if left == 0 and limit is None and status == kernels.MORE:
            self._check_end()

    def _check_end(self) -> None:
        # all terms of the header were listed: the walk may only run out now
        self.state[kernels.BUDGET] = _BATCH_NODES
        status = kernels.walk(
            self.fst._buffer,
            self.program,
            self.stack,
            self.key,
            self.state,
            self.bound,
            np.empty(self.fst._longest, dtype=np.uint8),
            np.empty(2, dtype=np.int64),
            np.empty(1, dtype=np.int64),
        )
        if status != kernels.FINISHED or self.state[kernels.LISTED]:
            raise self.fst._damaged()
