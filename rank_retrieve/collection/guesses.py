"""What can be told of a collection whose schema is lost, from its segments and its log."""

from __future__ import annotations

from rank_retrieve.collection.batch import BatchBody, PutOp
from rank_retrieve.collection.record import decode_body
from rank_retrieve.collection.salvage import SegmentRemains
from rank_retrieve.collection.schema import Schema
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import RankRetrieveError
from rank_retrieve.types import Field, Text, Vector


def fits(remains: SegmentRemains, schema: Schema) -> bool:
    """Whether a segment can be of a collection with this schema."""
    if remains.meta.groups != [group.name for group in schema.groups]:
        return False
    for name in remains.meta.vectors:
        spec = schema.vectors.get(name)
        try:
            if spec is None or VectorColumn.open(remains.sections, name).dim != spec.dim:
                return False
        except RankRetrieveError:
            continue
    return True


def takes(schema: Schema, batch: BatchBody) -> bool:
    """Whether every vector of a batch has a field in the schema."""
    return all(
        name in schema.vectors and len(raw) == 4 * schema.vectors[name].dim
        for op in batch.ops
        if isinstance(op, PutOp)
        for name, _, raw in op.vectors
    )


def fields_of(batch: BatchBody) -> dict[str, Field]:
    """Fields for a collection of which nothing is left but this batch."""
    fields: dict[str, Field] = {}
    for op in batch.ops:
        if isinstance(op, PutOp):
            for name, value in decode_body(op.body, "log").items():
                if isinstance(value, str):
                    fields[name] = Text()
            for name, _, raw in op.vectors:
                if len(raw) >= 4:
                    fields[name] = Vector(len(raw) // 4)
    return fields
