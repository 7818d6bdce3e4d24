"""Batches of writes, and their form in the write-ahead log.

    frame body = msgpack [collection, [operation, ...]]
    put        = [0, id, body, [[field, encoded, float32 bytes], ...]]
    delete     = [1, id]

One frame holds one batch, and a frame counts only when its checksum holds: that is what makes
a batch atomic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
import numpy as np

from rank_retrieve.collection.record import MAX_ID_BYTES, Record, check_id, to_record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import CorruptionError, RankRetrieveError
from rank_retrieve.types import Float32s


class PutOp(msgspec.Struct, array_like=True, tag=0, gc=False):
    """A document to insert or replace."""

    id: str
    body: bytes
    vectors: tuple[tuple[str, bool, bytes], ...]  # an empty one is nothing for the collector


class DeleteOp(msgspec.Struct, array_like=True, tag=1, gc=False):
    """A document to remove, if it is there."""

    id: str


class BatchBody(msgspec.Struct, array_like=True):
    """What one WAL frame of type Batch holds."""

    collection: int
    ops: list[PutOp | DeleteOp]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(BatchBody).decode

Change: TypeAlias = Record | None
"""A record to put under its id, or None to delete the id."""


class WriteBatch:
    """Puts and deletes that are committed together or not at all.

    Operations on the same id are resolved within the batch: the last one wins.

    >>> batch = WriteBatch().put({"id": "d1", "text": "fresh"}).delete("d7")
    >>> len(batch)
    2
    """

    def __init__(self) -> None:
        self._operations: list[tuple[str, Any]] = []

    def put(self, document: Mapping[str, Any]) -> WriteBatch:
        """Insert or replace a document; returns the batch, for chaining."""
        self._operations.append(("put", document))
        return self

    def delete(self, document_id: str) -> WriteBatch:
        """Remove a document; removing one that is not there is no error."""
        self._operations.append(("delete", document_id))
        return self

    def __len__(self) -> int:
        """How many operations were added."""
        return len(self._operations)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._operations)

    def changes(self, schema: Schema) -> dict[str, Change]:
        """Every operation checked, the last one of each id kept, in order of that last one."""
        resolved: dict[str, Change] = {}
        for operation, argument in self._operations:
            change: Change = None
            if operation == "put":
                change = to_record(schema, argument)
                identity = change.id
            else:
                identity = check_id(argument)
            resolved.pop(identity, None)
            resolved[identity] = change
        return resolved


def encode_changes(collection: int, changes: Mapping[str, Change]) -> bytes:
    """The body of the frame that commits these changes."""
    ops: list[PutOp | DeleteOp] = [
        DeleteOp(identity) if record is None else _put_op(record)
        for identity, record in changes.items()
    ]
    return _encode(BatchBody(collection, ops))


def decode_frame(body: bytes | memoryview, origin: str, offset: int) -> BatchBody:
    """The batch in a frame whose checksum was verified; CorruptionError if it is malformed."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptionError(origin, offset, "a batch", str(error)) from error


def changes_of(batch: BatchBody, schema: Schema, origin: str, offset: int) -> dict[str, Change]:
    """The changes of a replayed batch; CorruptionError if they do not fit the schema."""
    changes: dict[str, Change] = {}
    for op in batch.ops:
        identity = op.id
        # replay comes here for every document of the log: the usual id costs no call
        if not (0 < len(identity) <= MAX_ID_BYTES and identity.isascii()):
            _check_stored_id(identity, origin, offset)
        if type(op) is not PutOp:
            changes[identity] = None
        elif op.vectors:
            changes[identity] = _record(op, schema, origin, offset)
        else:
            changes[identity] = Record(identity, op.body)
    return changes


def _check_stored_id(identity: str, origin: str, offset: int) -> None:
    try:
        check_id(identity)
    except RankRetrieveError as error:
        raise CorruptionError(origin, offset, "a valid id", repr(identity)[:80]) from error


def _put_op(record: Record) -> PutOp:
    if not record.vectors:
        return PutOp(record.id, record.body, ())
    return PutOp(
        record.id,
        record.body,
        tuple(
            (name, name in record.encoded, row.tobytes()) for name, row in record.vectors.items()
        ),
    )


def _record(op: PutOp, schema: Schema, origin: str, offset: int) -> Record:
    vectors: dict[str, Float32s] = {}
    for name, _, raw in op.vectors:
        spec = schema.arrays.get(name)
        rows, rest = (0, 0) if spec is None else divmod(len(raw), 4 * spec.dim)
        if rest or rows < 1 or (rows > 1 and name in schema.vectors):
            raise CorruptionError(
                origin, offset, "vectors that fit the schema", f"{len(raw)} bytes for {name!r}"
            )
        numbers = np.frombuffer(raw, dtype=np.float32)
        vectors[name] = numbers if name in schema.vectors else numbers.reshape(rows, -1)
    return Record(op.id, op.body, vectors, frozenset([n for n, made, _ in op.vectors if made]))
