"""What the manifest stores of a collection beyond its files: schema, analyzers, encoder.

    {"fields": {"text": {"type": "text", "analyzer": "english", "boost": 1.0}, ...},
     "analyzers": {"english": "<fingerprint>"},
     "encoder": null | {"kind": "lsa", "field": "vector", "dim": 128, ...}}

An analyzer's fingerprint changes whenever it would make other terms of the same text. Searching
an index with another analyzer than it was built with would silently miss documents, so a
mismatch is an error.
"""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from rank_retrieve.collection.encoders import EncoderSettings
from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import CorruptionError, FormatVersionError


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    fields: dict[str, dict[str, Any]]
    analyzers: dict[str, str]
    encoder: EncoderSettings | None = None


def to_entry(schema: Schema, encoder: EncoderSettings | None) -> dict[str, Any]:
    """As stored; InvalidArgument for an analyzer that does not exist."""
    stored = _Stored(schema.to_dict(), schema.analyzer_fingerprints(), encoder)
    result: dict[str, Any] = msgspec.to_builtins(stored)
    return result


def read_entry(stored: dict[str, Any], origin: str) -> tuple[Schema, EncoderSettings | None]:
    """Schema and encoder settings.

    Raises CorruptionError, and FormatVersionError where an analyzer is another one now.
    """
    return _read_entry(msgspec.json.encode(stored), origin)


@functools.lru_cache(maxsize=64)  # neither changes, and databases are opened again and again
def _read_entry(encoded: bytes, origin: str) -> tuple[Schema, EncoderSettings | None]:
    stored = msgspec.json.decode(encoded)
    try:
        entry = msgspec.convert(stored, _Stored)
    except msgspec.ValidationError as error:
        raise CorruptionError(origin, 0, "a collection's schema", str(error)) from error
    schema = Schema.from_dict(entry.fields, origin)
    if entry.encoder is not None and entry.encoder.field not in schema.vectors:
        raise CorruptionError(origin, 0, "an encoder for a vector field", entry.encoder.field)
    for name, fingerprint in schema.analyzer_fingerprints().items():
        if entry.analyzers.get(name) != fingerprint:
            raise FormatVersionError(
                f"{origin} (analyzer {name!r})",
                f"fingerprint {entry.analyzers.get(name)}",
                f"fingerprint {fingerprint}",
            )
    return schema, entry.encoder
