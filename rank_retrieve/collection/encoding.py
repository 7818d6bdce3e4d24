"""Giving documents the vectors that the collection's encoder makes of their text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rank_retrieve.collection.batch import Change
from rank_retrieve.collection.encoders import checked_rows
from rank_retrieve.collection.record import Record, decode_body
from rank_retrieve.collection.schema import Schema
from rank_retrieve.types import Encoder, Float32s


class TextEncoding:
    """What is encoded: the text fields in schema order, joined by a space."""

    def __init__(self, schema: Schema, encoder: Encoder | None, field: str | None) -> None:
        self._schema, self.encoder, self._field = schema, encoder, field

    def text_of(self, document: Mapping[str, Any]) -> str:
        """The text of a document, or of its stored body."""
        return " ".join(filter(None, (document.get(name) for name in self._schema.texts)))

    def complete(self, changes: dict[str, Change]) -> None:
        """Give every record a vector that has none and whose text the encoder knows."""
        if self.encoder is None or self._field is None:
            return
        lacking = [r for r in changes.values() if r is not None and self._field not in r.vectors]
        if not lacking:
            return
        texts = [self.text_of(decode_body(record.body, "<memory>")) for record in lacking]
        encoded = self.encoder.encode_documents(texts)
        rows = checked_rows(self.encoder, encoded, len(texts), self._schema.vectors[self._field])
        for record, row in zip(lacking, rows, strict=True):
            if row is not None:
                changes[record.id] = with_encoded(record, self._field, row)


def with_encoded(record: Record, field: str, row: Float32s) -> Record:
    """The record with a vector that `get` will not return."""
    return Record(record.id, record.body, {**record.vectors, field: row}, record.encoded | {field})
