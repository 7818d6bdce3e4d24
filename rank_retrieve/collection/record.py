"""A document on its way to disk: checked, split and serialised once, never touched again.

    document  {"id": "d1", "title": "...", "text": "...", "vector": [...], "year": 2021}
    id        "d1"
    body      msgpack of {"title": "...", "text": "...", "year": 2021}
    vectors   {"vector": float32 [dim]}

The body's bytes are the same in the write-ahead log, in the memtable and in a segment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np

from rank_retrieve.collection.schema import ID, Schema
from rank_retrieve.dense.validate import as_vector
from rank_retrieve.errors import CorruptionError, InvalidArgument, ResourceExhausted
from rank_retrieve.filters import check_metadata
from rank_retrieve.types import Float32s, MultiVector, Vector

MAX_ID_BYTES = 2_048
MAX_BODY_BYTES = 256 << 20

NO_VECTORS: Final[Mapping[str, Float32s]] = MappingProxyType({})

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class Record(msgspec.Struct, gc=False):
    """One document in stored form; in no reference cycle, so not for the collector to walk.

    encoded: the vector fields whose vector came from the collection's encoder; `get` leaves
        these out, since the user never put them in.
    """

    id: str
    body: bytes
    vectors: Mapping[str, Float32s] = NO_VECTORS
    encoded: frozenset[str] = frozenset()

    @property
    def nbytes(self) -> int:
        """Roughly what the record occupies in the log and in memory."""
        size = len(self.body) + len(self.id) + 32
        if self.vectors:
            for row in self.vectors.values():
                size += row.nbytes
        return size


def check_id(value: object) -> str:
    """The id itself, or InvalidArgument."""
    if not isinstance(value, str):
        raise InvalidArgument("id", value, "must be a string", "convert it with str(...)")
    if not value:
        raise InvalidArgument("id", value, "must not be empty")
    if type(value) is not str:
        value = "".join(value)  # NumPy's strings, for example
    try:
        size = len(value) if value.isascii() else len(value.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InvalidArgument("id", value, f"is not valid Unicode: {error.reason}") from error
    if size > MAX_ID_BYTES:
        raise InvalidArgument("id", value, f"has {size} bytes, at most {MAX_ID_BYTES} are allowed")
    return value


def to_record(schema: Schema, document: Mapping[str, Any]) -> Record:
    """Check a document and serialise it.

    Raises InvalidArgument naming the id, the field and the value, or DimensionMismatch.
    """
    if not isinstance(document, Mapping):
        raise InvalidArgument("document", document, "must be a dict")
    if ID not in document:
        raise InvalidArgument("document", sorted(map(str, document))[:8], "has no 'id'")
    identity = check_id(document[ID])
    texts, spaces = schema.texts, schema.arrays
    body: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    vectors: dict[str, Float32s] = {}
    for name, value in document.items():
        if name in texts:
            if value is not None and not isinstance(value, str):
                raise InvalidArgument(
                    f"{name} of document {identity!r}", value, "must be a string or None"
                )
            body[name] = value if value is None or type(value) is str else "".join(value)
        elif name == ID:
            pass
        elif name in spaces:
            if value is not None:
                vectors[name] = _stored_array(value, name, spaces[name])
        else:
            body[name] = metadata[name] = value
    if metadata:
        check_metadata(metadata)
    try:
        encoded = _encode(body)
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"document {identity!r}",
            error.object[error.start : error.end],
            "holds text that is not valid Unicode (a lone surrogate)",
            "decode the source with errors='replace'",
        ) from error
    except (TypeError, OverflowError, RecursionError) as error:
        raise InvalidArgument(
            f"document {identity!r}", type(error).__name__, f"cannot be stored: {error}"
        ) from error
    if len(encoded) > MAX_BODY_BYTES:
        raise ResourceExhausted(
            f"document {identity!r}",
            f"{len(encoded)} bytes, at most {MAX_BODY_BYTES}",
            "split it into passages",
        )
    return Record(identity, encoded, vectors or NO_VECTORS)


def _stored_array(value: Any, name: str, spec: Vector | MultiVector) -> Float32s:
    if isinstance(spec, MultiVector):
        from rank_retrieve.dense.multi_vectors import as_tokens

        return as_tokens(value, spec.dim, spec.metric, name, spec.dtype)
    return as_vector(value, spec.dim, spec.metric, name, spec.dtype)


def decode_body(body: bytes | memoryview, origin: str) -> dict[str, Any]:
    """The document without id and vectors; CorruptionError if it is not what was stored."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptionError(origin, 0, "a msgpack document", str(error)) from error


def texts_of(body: Mapping[str, Any], fields: Collection[str]) -> list[str]:
    """The texts of some fields, empty where a document has none."""
    return [body.get(name) or "" for name in fields]


def to_document(
    identity: str, body: Mapping[str, Any], vectors: Mapping[str, Float32s]
) -> dict[str, Any]:
    """The document as it was put: id first, then its fields."""
    return {ID: identity, **body, **{name: np.array(row) for name, row in vectors.items()}}
