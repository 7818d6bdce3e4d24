"""Several segments into one, without their deleted documents.

Every section equals, byte for byte, that of a segment written from the same documents at once,
except that documents are stored smaller; but nothing is analysed, hashed or encoded again:

    meta                counted
    ids, ids.*          copied, with their hashes
    terms.* ...         posting lists unpacked, renumbered and packed again
    vectors.*           rows copied from the mapped files
    hnsw.*              the largest graph taken over, the rows of the others inserted
    encoded.*           bits copied
    documents           bodies decompressed one block at a time, and compressed again
    columns             made from the bodies' metadata

What is held in memory at a time: the posting lists of one text group, eight bytes a posting; or
the metadata, some blocks of bodies, and a sample of 8 MiB of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

from rank_retrieve.codecs.words import WordTable
from rank_retrieve.collection.documents import SMALL, Body, stream_documents, train
from rank_retrieve.collection.ids import merge_ids
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.record import decode_body
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.segment import SegmentMeta, metadata_of
from rank_retrieve.types import Bitmap, MultiVector, SectionSink, Vector

STEP_BYTES = 64 << 10

Step = Callable[[str, int, int], None]
"""step(stage, done, total), in documents; stages are "ids", "words", "vectors", "documents"."""


def merge_segments(
    sink: SectionSink, schema: Schema, parts: Sequence[LiveSegment], step: Step
) -> None:
    """Write the live documents of all parts, in the order of the parts.

    parts: at least one live document among them, all of one schema; their `deleted` is not
        looked at.
    step: told how far each stage is, again and again; what it raises ends the merge.
    Raises CorruptionError for damage that is found on the way.
    """
    total = sum(part.n_live for part in parts)
    groups = [group.name for group in schema.groups]
    vectors = [name for name in sorted(schema.arrays) if _has_vectors(schema, name, parts)]
    sink.add("meta", msgspec.msgpack.encode(SegmentMeta(total, groups, vectors)))
    step("ids", 0, total)
    merge_ids(sink, [(part.segment.ids, part.live) for part in parts])
    step("ids", total, total)
    for done, group in enumerate(groups):
        step("words", total * done // len(groups), total)
        _merge_index(sink, group, parts)
    step("words", total, total)
    for done, name in enumerate(vectors):
        step("vectors", total * done // len(vectors), total)
        _merge_arrays(sink, schema.arrays[name], name, parts, step)
    step("vectors", total, total)
    _merge_documents(sink, schema, parts, step)


def _has_vectors(schema: Schema, name: str, parts: Sequence[LiveSegment]) -> bool:
    """Whether a live document has a vector in this field."""
    if name in schema.multis:
        return any(_has_tokens(name, part) for part in parts)
    for part in parts:
        column = part.segment.vectors(name)
        if column is None or not column.n or not part.n_live:
            continue
        if part.live is None or column.docs is None or part.live.to_mask()[column.docs].any():
            return True
    return False


def _has_tokens(name: str, part: LiveSegment) -> bool:
    column = part.segment.multi_vectors(name)
    if column is None:
        return False
    counts = np.diff(column.starts)
    return bool((counts if part.live is None else counts[part.live.to_mask()]).any())


def _merge_index(sink: SectionSink, group: str, parts: Sequence[LiveSegment]) -> None:
    from rank_retrieve.lexical import DeletedStatistics, LexicalPart, merge_inverted_indexes

    none = DeletedStatistics.none()
    merge_inverted_indexes(
        sink,
        group,
        [
            LexicalPart(
                part.segment.index(group),
                live=part.live,
                # a merge needs no statistics, and counting them would read every list
                deleted=DeletedStatistics(
                    none.ordinals, none.counts, part.segment.n_docs - part.n_live, 0
                ),
            )
            for part in parts
        ],
    )


def _merge_arrays(
    sink: SectionSink,
    spec: Vector | MultiVector,
    name: str,
    parts: Sequence[LiveSegment],
    step: Step,
) -> None:
    from rank_retrieve.dense.multi_vectors import merge_multi_vectors

    if isinstance(spec, Vector):
        _merge_vectors(sink, spec, name, parts, step)
    else:
        columns = [(p.segment.multi_vectors(name), p.live, p.segment.n_docs) for p in parts]
        merge_multi_vectors(sink, name, columns)
    made = [_encoded(name, part) for part in parts]
    sink.add(f"encoded.{name}", Bitmap.from_mask(np.concatenate(made)).to_bytes())


def _merge_vectors(
    sink: SectionSink, spec: Vector, name: str, parts: Sequence[LiveSegment], step: Step
) -> None:
    from rank_retrieve.dense.indexes import index_kind
    from rank_retrieve.dense.structures import MergedPart
    from rank_retrieve.dense.vectors import live_rows, merge_vectors, merged_column

    columns = [(p.segment.vectors(name), p.live, p.segment.n_docs) for p in parts]
    merge_vectors(sink, name, columns)
    kind = index_kind(spec)
    if kind.wants(sum(len(live_rows(column, live)) for column, live, _ in columns if column)):
        total = sum(part.n_live for part in parts)
        kind.merge(
            sink,
            name,
            merged_column(columns),
            [MergedPart(p.segment.vectors(name), p.segment.structure(name), p.live) for p in parts],
            spec,
            lambda done, of: step("vectors", total * done // of, total),
        )


def _encoded(name: str, part: LiveSegment) -> Any:
    """For each live doc, whether the encoder made its vector; bool [n_live]."""
    if not part.segment.has_vectors(name):
        return np.zeros(part.n_live, dtype=np.bool_)
    made = part.segment.encoded(name).to_mask()
    return made if part.live is None else made[part.live.to_mask()]


def _merge_documents(
    sink: SectionSink, schema: Schema, parts: Sequence[LiveSegment], step: Step
) -> None:
    from rank_retrieve.filters.columns import write_columns

    total = sum(part.n_live for part in parts)
    metadata: list[dict[str, Any]] = []

    def bodies() -> Iterator[Body]:
        size = 0
        for identity, body, origin in _live_bodies(parts):
            metadata.append(metadata_of(schema, identity, decode_body(body, origin)))
            yield body
            size += len(body)
            if size > STEP_BYTES:
                step("documents", len(metadata), total)
                size = 0

    stream_documents(sink, _words(parts, step), bodies(), SMALL)
    write_columns(sink, metadata)
    step("documents", total, total)


def _words(parts: Sequence[LiveSegment], step: Step) -> WordTable | None:
    """Words for the live bodies, from blocks that are spread evenly over all parts."""
    sampled: list[Body] = []
    blocks = [(part, block) for part in parts for block in range(part.segment.blocks.n_blocks)]
    total = sum(part.n_live for part in parts)
    # the golden ratio spreads any number of blocks evenly, without knowing how many are needed
    order = sorted(range(len(blocks)), key=lambda place: place * 0.6180339887498949 % 1.0)
    size = n_sampled = 0
    for place in order:
        part, block = blocks[place]
        step("documents", 0, total)
        first = part.segment.blocks.first_of(block)
        for doc, body in enumerate(part.segment.blocks.bodies_of(block), first):
            if part.is_live(doc):
                n_sampled += 1
                if len(body) <= SMALL.sample_bytes:
                    sampled.append(body)
                    size += len(body)
        if size >= SMALL.sample_bytes:
            break
    return train(sampled, size * total // max(n_sampled, 1), SMALL)


def _live_bodies(parts: Sequence[LiveSegment]) -> Iterator[tuple[str, Body, str]]:
    """Id, stored body and file of each live document; blocks are decompressed as they come."""
    for part in parts:
        segment = part.segment
        identity = segment.ids.id
        for doc, body in enumerate(segment.bodies.bodies()):
            if part.is_live(doc):
                yield identity(doc), body, segment.name
