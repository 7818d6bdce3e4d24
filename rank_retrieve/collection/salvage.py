"""The documents of a segment, as far as their bytes can be believed.

Each section has a checksum, so each is whole or damaged by itself. Inverted indexes and columns
are not needed: they are built again. Ids are needed for everything; a damaged vector column
costs its vectors only. Bodies lie in compressed blocks under one checksum: when it fails, blocks
that still unpack are taken, and their documents are named as unproven. The words that they are
coded with are needed for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from rank_retrieve.collection.documents import DocumentStore
from rank_retrieve.collection.headless import HeadlessSegment, find_sections
from rank_retrieve.collection.ids import IdTable, hash_ids
from rank_retrieve.collection.live import DELETIONS_KIND
from rank_retrieve.collection.record import Record, check_id, decode_body
from rank_retrieve.collection.segment import SEGMENT_KIND, SegmentMeta
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import CorruptionError, NotFound, RankRetrieveError
from rank_retrieve.persistence import Directory, FileInfo, SegmentReader
from rank_retrieve.types import Bitmap, Vector


@dataclass
class Losses:
    """What could not be had, what may be wrong, and the ids whose bodies nothing vouches for."""

    lost: list[str] = field(default_factory=list)
    uncertain: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)


@dataclass
class SegmentRemains:
    """What is left of a segment. proven: whether its table of contents holds."""

    name: str
    meta: SegmentMeta
    sections: SegmentReader | HeadlessSegment
    proven: bool = True


def open_remains(
    directory: Directory, name: str, expected: FileInfo | None, losses: Losses
) -> SegmentRemains | None:
    """The segment of this name; None, and a loss, when not even its ids can be found."""
    try:
        reader = SegmentReader.open(directory, name, kind=SEGMENT_KIND)
        meta = msgspec.msgpack.decode(reader.section("meta"), type=SegmentMeta)
    except (RankRetrieveError, msgspec.DecodeError) as error:
        found = None if isinstance(error, NotFound) else find_sections(name, directory.open(name))
        if found is None:
            losses.lost.append(f"{name}: {_cause(error)}: all its documents")
            return None
        losses.uncertain.append(
            f"{name}: {_cause(error)}: ids, vectors and bodies are taken from where they must be"
        )
        return SegmentRemains(name, *found, proven=False)
    if not 0 <= meta.n_docs < 1 << 31:
        losses.lost.append(f"{name}: claims {meta.n_docs} documents")
        return None
    if expected is not None and reader.info != expected:
        losses.uncertain.append(f"{name}: not the file that the manifest names, but whole")
    return SegmentRemains(name, meta, reader)


def read_live(
    directory: Directory, info: FileInfo | None, n_docs: int, losses: Losses
) -> Bitmap | None:
    """Which docs are alive; None for all, which is a guess where the file is damaged."""
    if info is None:
        return None
    try:
        sections = SegmentReader.open(directory, info.name, kind=DELETIONS_KIND)
        found, _ = msgspec.msgpack.decode(sections.section("meta"), type=tuple[int, int])
        raw = sections.section("live")
        if found != n_docs or len(raw) != -(-n_docs // 64) * 8:
            raise CorruptionError(info.name, 0, f"deletions of {n_docs} documents", str(found))
    except (RankRetrieveError, msgspec.DecodeError) as error:
        losses.uncertain.append(f"{_cause(error)}: deleted documents may be back")
        return None
    return Bitmap.from_bytes(n_docs, raw)


def salvage_documents(
    remains: SegmentRemains, vectors: dict[str, Vector], live: Bitmap | None, losses: Losses
) -> Iterator[Record]:
    """The records of live docs that can be had, in doc order."""
    ids = _Ids(remains, losses)
    bodies = _Bodies(remains, losses)
    columns = _columns(remains, vectors, losses)
    for doc in range(remains.meta.n_docs):
        if live is not None and doc not in live:
            continue
        identity = ids.get(doc)
        if identity is None:
            losses.lost.append(f"{remains.name}: document {doc}, whose id is damaged")
            continue
        body = bodies.get(doc)
        if body is None:
            losses.lost.append(f"{remains.name}: document {identity!r}, whose body is damaged")
            continue
        if not bodies.proven:
            losses.unproven.append(identity)
        found = {}
        for name, (column, _) in columns.items():
            row = column.row_of(doc)
            if row is not None:
                found[name] = np.array(column.vectors[row])
        made = frozenset(name for name in found if doc in columns[name][1])
        yield Record(identity, body, found, made)


class _Tolerant:
    """Sections as they are, some of them in spite of a checksum that fails."""

    def __init__(self, reader: SegmentReader | HeadlessSegment, allowed: set[str]) -> None:
        self._reader, self._allowed = reader, allowed
        self.origin = reader.origin
        self.damaged: list[str] = []

    def section(self, name: str) -> memoryview:
        try:
            return self._reader.section(name)
        except CorruptionError:
            if name not in self._allowed:
                raise
            self.damaged.append(name)
            return self._reader.unverified(name)

    def __contains__(self, name: object) -> bool:
        return name in self._reader


class _Ids:
    """Ids of a segment. Where their bytes are damaged, hashes that are not vouch for each."""

    def __init__(self, remains: SegmentRemains, losses: Losses) -> None:
        self._table: IdTable | None = None
        self._hashes: set[int] | None = None
        sections = _Tolerant(remains.sections, {"ids", "ids.offsets", "ids.hashes", "ids.docs"})
        try:
            table = IdTable(sections)
            if len(table) != remains.meta.n_docs:
                raise CorruptionError(
                    remains.name, 0, f"{remains.meta.n_docs} ids", str(len(table))
                )
            if {"ids", "ids.offsets"} & set(sections.damaged):
                if "ids.hashes" in sections.damaged:
                    raise CorruptionError(remains.name, 0, "ids or their hashes", "neither")
                hashes = np.frombuffer(sections.section("ids.hashes"), dtype="<u8")
                self._hashes = set(hashes.tolist())
            self._table = table
        except (RankRetrieveError, ValueError) as error:
            losses.lost.append(f"{remains.name}: its ids: {_cause(error)}")

    def get(self, doc: int) -> str | None:
        if self._table is None:
            return None
        try:
            identity = check_id(self._table.id(doc))
        except RankRetrieveError:
            return None
        if self._hashes is not None:
            hashed = int(hash_ids([identity.encode()])[0])
            if hashed not in self._hashes:
                return None
        return identity


class _Bodies:
    """Bodies of a segment. proven: whether a checksum vouches for them."""

    def __init__(self, remains: SegmentRemains, losses: Losses) -> None:
        self._store: DocumentStore | None = None
        self._name = remains.name
        sections = _Tolerant(remains.sections, {"documents"})
        try:
            store = DocumentStore(sections, remains.meta.n_docs)
            _ = store.words  # without them no body can be had
            self._store = store
        except (RankRetrieveError, ValueError) as error:
            losses.lost.append(f"{remains.name}: its bodies: {_cause(error)}")
        self.proven = remains.proven and not sections.damaged
        if sections.damaged:
            losses.uncertain.append(
                f"{remains.name}: the checksum of its bodies does not hold; those that still"
                " unpack are taken"
            )

    def get(self, doc: int) -> bytes | None:
        if self._store is None:
            return None
        try:
            body = bytes(self._store.body(doc))
            decode_body(body, self._name)
        except (RankRetrieveError, ValueError):
            return None
        return body


def _columns(
    remains: SegmentRemains, vectors: dict[str, Vector], losses: Losses
) -> dict[str, tuple[VectorColumn, Bitmap]]:
    result: dict[str, tuple[VectorColumn, Bitmap]] = {}
    n_docs = remains.meta.n_docs
    for name in remains.meta.vectors:
        if name not in vectors:
            losses.lost.append(f"{remains.name}: vectors of {name!r}, which the schema lacks")
            continue
        try:
            column = VectorColumn.open(remains.sections, name)
            if column.n_docs != n_docs or column.dim != vectors[name].dim:
                raise CorruptionError(
                    remains.name, 0, f"vectors of {vectors[name].dim}", str(column.dim)
                )
        except RankRetrieveError as error:
            losses.lost.append(f"{_cause(error)}: the vectors of {name!r}, not their documents")
            continue
        try:
            raw = remains.sections.section(f"encoded.{name}")
            made = Bitmap.from_bytes(n_docs, raw)
        except (RankRetrieveError, ValueError) as error:
            losses.uncertain.append(f"{_cause(error)}: vectors of {name!r} now count as put")
            made = Bitmap(n_docs)
        result[name] = (column, made)
    return result


def _cause(error: Exception) -> str:
    """The fact of an error, without the remedy that is under way."""
    if isinstance(error, CorruptionError):
        return f"{error.file} at byte {error.offset}: expected {error.expected}, got {error.got}"
    return str(error)


def guess_texts(remains: SegmentRemains, losses: Losses) -> list[str]:
    """The declared text fields: what is in bodies but in no column."""
    from rank_retrieve.filters.columns import Columns

    known: set[str] = set()
    try:
        if not remains.proven:
            raise CorruptionError(remains.name, 0, "a table of contents", "none")
        known = {p.split(".")[0] for p in Columns.open(remains.sections).paths}
    except RankRetrieveError as error:
        losses.uncertain.append(f"{_cause(error)}: every field of text counts as a text field")
    bodies = _Bodies(remains, Losses())
    found: dict[str, bool] = {}
    for doc in range(min(remains.meta.n_docs, 1_000)):
        body = bodies.get(doc)
        fields: dict[str, Any] = {} if body is None else decode_body(body, remains.name)
        for name, value in fields.items():
            if value is not None:
                found[name] = found.get(name, True) and isinstance(value, str)
    return [name for name, text in found.items() if text and name not in known]
