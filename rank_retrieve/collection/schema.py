"""What a collection's documents look like, and how one is taken apart for its index structures.

A document is a dict with an `id`. Declared text fields are analysed, declared vector fields
are indexed, and everything else is metadata: stored, returned, filterable.

Text fields that share an analyzer form one *group*: they are scored together as BM25F, so a
group has one term dictionary, one set of postings and one length per document. Frequencies
and lengths are counted in units of 1 / scale, so that boosts such as 1.5 stay integers.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import INDEX_OPTIONS, Field, Int32s, MultiVector, Text, Vector

MAX_FIELDS = 64
ID = "id"

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_COLLECTION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,127}")


@dataclass(frozen=True)
class TextGroup:
    """Text fields under one analyzer.

    name: names the group's sections in a segment.
    fields: their names, in schema order.
    units: int32 [len(fields)], what one occurrence counts for, in units of 1 / scale.
    positions: whether one of the fields wants its words' positions kept.
    """

    name: str
    analyzer: str
    fields: tuple[str, ...]
    units: tuple[int, ...]
    scale: int
    positions: bool = False

    @property
    def field_units(self) -> Int32s:
        """`units` as an array for kernels."""
        return np.array(self.units, dtype=np.int32)


class Schema:
    """Declared fields, in order, checked once.

    Raises InvalidArgument for a bad name, a bad field, or no field at all.
    """

    def __init__(self, fields: Mapping[str, Field]) -> None:
        if not isinstance(fields, Mapping) or not fields:
            raise InvalidArgument(
                "fields",
                fields,
                "must be a dict with at least one field",
                'for example {"text": rr.Text()}',
            )
        if len(fields) > MAX_FIELDS:
            raise InvalidArgument("fields", len(fields), f"at most {MAX_FIELDS} fields")
        for name, field in fields.items():
            if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name) or name == ID:
                raise InvalidArgument(
                    "field name", name, "must be letters, digits, _ or -, and not 'id'"
                )
            if not isinstance(field, Text | Vector | MultiVector):
                raise InvalidArgument(
                    name, field, "must be rr.Text(...), rr.Vector(...) or rr.MultiVector(...)"
                )
        self.fields: dict[str, Field] = dict(fields)
        self.texts: dict[str, Text] = {n: f for n, f in fields.items() if isinstance(f, Text)}
        self.vectors: dict[str, Vector] = {n: f for n, f in fields.items() if isinstance(f, Vector)}
        self.multis: dict[str, MultiVector] = {
            n: f for n, f in fields.items() if isinstance(f, MultiVector)
        }
        self.arrays: dict[str, Vector | MultiVector] = {**self.vectors, **self.multis}
        self.groups: tuple[TextGroup, ...] = tuple(_groups(self.texts))

    def with_field(self, name: str, field: Field) -> Schema:
        """The same schema with one more field at its end."""
        return Schema({**self.fields, name: field})

    def to_dict(self) -> dict[str, Any]:
        """As stored in the manifest."""
        return {name: _field_to_dict(field) for name, field in self.fields.items()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], origin: str) -> Schema:
        """From the manifest; CorruptionError if it is not what `to_dict` writes."""
        try:
            return cls({name: _field_from_dict(entry) for name, entry in stored.items()})
        except (InvalidArgument, KeyError, TypeError, AttributeError) as error:
            raise CorruptionError(origin, 0, "a schema", repr(error)) from error

    def analyzer_fingerprints(self) -> dict[str, str]:
        """Of each analyzer in use; InvalidArgument for one that does not exist."""
        from rank_retrieve.analysis import get_analyzer

        names = [text.analyzer for text in self.texts.values()]
        return {name: get_analyzer(name).fingerprint for name in names}


def check_collection_name(name: object) -> str:
    """The name itself, or InvalidArgument."""
    if not isinstance(name, str) or not _COLLECTION_NAME.fullmatch(name):
        raise InvalidArgument(
            "collection name", name, "must be 1..128 letters, digits, '_', '.', '-' or spaces"
        )
    return name


def _groups(texts: Mapping[str, Text]) -> Sequence[TextGroup]:
    by_analyzer: dict[str, list[str]] = {}
    for name, text in texts.items():
        by_analyzer.setdefault(text.analyzer, []).append(name)
    return [
        _group(f"text{number}", analyzer, names, texts)
        for number, (analyzer, names) in enumerate(by_analyzer.items())
    ]


def _group(name: str, analyzer: str, fields: list[str], texts: Mapping[str, Text]) -> TextGroup:
    # boosts are multiples of 1/100, so the least common denominator is at most 100
    boosts = [Fraction(round(texts[field].boost * 100), 100) for field in fields]
    scale = math.lcm(*(boost.denominator for boost in boosts))
    units = tuple(int(boost * scale) for boost in boosts)
    positions = any(texts[field].positions for field in fields)
    return TextGroup(name, analyzer, tuple(fields), units, scale, positions)


def _text_to_dict(field: Text) -> dict[str, Any]:
    stored = {"type": "text", "analyzer": field.analyzer, "boost": field.boost}
    # only where asked for, so that schemas without positions are stored as ever
    return {**stored, "positions": True} if field.positions else stored


def _vector_to_dict(field: Vector) -> dict[str, Any]:
    index: Any = field.index
    if not isinstance(index, str):
        index = {"kind": field.kind, **dataclasses.asdict(index)}
    stored = {"type": "vector", "dim": field.dim, "metric": field.metric, "index": index}
    # only where asked for, so that schemas of float32 are stored as ever
    return stored if field.dtype == "float32" else {**stored, "dtype": field.dtype}


def _multi_vector_to_dict(field: MultiVector) -> dict[str, Any]:
    return {"type": "multi_vector", **dataclasses.asdict(field)}


def _field_to_dict(field: Field) -> dict[str, Any]:
    return _TO_DICT[type(field)](field)


def _text_from_dict(entry: Mapping[str, Any]) -> Field:
    return Text(entry["analyzer"], entry["boost"], entry.get("positions", False))


def _vector_from_dict(entry: Mapping[str, Any]) -> Field:
    index = entry["index"]
    if isinstance(index, dict):
        index = INDEX_OPTIONS[index["kind"]](**{k: v for k, v in index.items() if k != "kind"})
    return Vector(entry["dim"], entry["metric"], index, entry.get("dtype", "float32"))


def _multi_vector_from_dict(entry: Mapping[str, Any]) -> Field:
    return MultiVector(entry["dim"], entry["metric"], entry["dtype"])


_TO_DICT: dict[type, Callable[[Any], dict[str, Any]]] = {
    Text: _text_to_dict,
    Vector: _vector_to_dict,
    MultiVector: _multi_vector_to_dict,
}
_FIELD_TYPES = {
    "text": _text_from_dict,
    "vector": _vector_from_dict,
    "multi_vector": _multi_vector_from_dict,
}


def _field_from_dict(entry: Mapping[str, Any]) -> Field:
    return _FIELD_TYPES[entry["type"]](entry)
