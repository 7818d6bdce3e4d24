"""What is fuzzed: for each format, how hostile inputs are made and who has to bear them.

A target makes input number i from a random generator alone, so that a seed and a number name it.
Most inputs are damaged below their checksums, which are then repaired: the damage reaches the
parsers. `feed` raises typed errors or answers; anything else is a failure.
"""

import copy
import io
import os
import random
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import numpy as np

import rank_retrieve as rr
from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.codecs import fst
from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.collection.backups import _restore_archive
from rank_retrieve.collection.entry import read_entry
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.segment import Segment
from rank_retrieve.encoders.lsa import LSAEncoder
from rank_retrieve.errors import CorruptionError
from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import InvertedIndex, write_inverted_index
from rank_retrieve.lexical.merge import merge_inverted_indexes
from rank_retrieve.lexical.phrases import PhraseShape, find_phrase
from rank_retrieve.lexical.scoring import BM25Scorer
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.persistence import MemoryDirectory, SegmentReader
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.archive import ArchiveReader, write_archive
from rank_retrieve.persistence.image import Image, take_image
from rank_retrieve.persistence.segment import HEADER, TAIL
from rank_retrieve.persistence.wal_format import FILE_HEADER_SIZE, padded
from rank_retrieve.persistence.wal_salvage import salvage_log
from rank_retrieve.persistence.wal_scan import scan
from rank_retrieve.types import MemorySections
from tests.reliability.fuzz_questions import hostile_filter, hostile_text
from tests.reliability.mutations import mutated

FIELDS: dict[str, Any] = {
    "title": rr.Text(analyzer="simple", boost=2.0),
    "text": rr.Text(analyzer="simple"),
    "vector": rr.Vector(dim=4),
}


GRAFTS: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**31, 2**62, 2**63, 1.5, "", "x", "../x", "ä" * 200),
    *([], {}, [[]], {"a": {}}, "segment-0000000099.rrs", [1, 2]),
)


def document(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": f"d{number}",
        "title": "one two",
        "text": f"two three word{number % 5} word{number % 3}",
        "n": number,
        "x": number / 2,
        "kind": "ab"[number % 2],
        "tags": ["p", "q"][: number % 3],
        "author": {"name": f"name {number % 4}", "ok": bool(number % 2)},
        "raw": bytes([number]),
        "none": None,
    }
    if number % 4:
        found["vector"] = [1.0, 2.0, float(number), 0.5]
    return found


def database() -> dict[str, bytes]:
    """The files of a small database with a segment, deletions, and frames in the log."""
    directory = MemoryDirectory()
    with mock.patch("os.urandom", bytes):  # the same id every time
        db = rr.open(directory, compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put_many(document(number) for number in range(12))
    documents.flush()
    documents.delete("d3")
    documents.delete("d9")
    documents.flush()
    documents.put(document(20))
    documents.write(rr.WriteBatch().put(document(21)).delete("d1").put(document(2)))
    documents.delete("d20")
    found = {name: data for name, data in directory.files().items() if name != "lock"}
    for name, data in found.items():
        if name.startswith("wal-"):
            found[name] = data[: len(data.rstrip(b"\0")) + 16]
    return found


def read_all(db: rr.Database) -> None:
    """Ask for everything, in every way; each question may be refused by a typed error."""
    for name in db.list_collections():
        c = db.get_collection(name)
        questions: list[Callable[[], object]] = [
            lambda c=c: list(c.documents()),
            lambda c=c: c.search("two word1", k=20, mode="lexical"),
            lambda c=c: c.search(vector=[1, 2, 3, 4], k=20),
            lambda c=c: c.search("two", k=20, where={"n": {"$gt": 3}}),
            lambda c=c: [c.get(identity) for identity in c.ids()],
            lambda c=c: c.verify().ok,
        ]
        for question in questions:
            try:
                question()
            except rr.RankRetrieveError:
                continue


class Sections:
    """Sections in memory, with CorruptionError for one that is absent, as files have it."""

    origin = "<fuzzed>"

    def __init__(self, buffers: Mapping[str, memoryview]) -> None:
        self.buffers = dict(buffers)

    def section(self, name: str) -> memoryview:
        try:
            return self.buffers[name]
        except KeyError:
            raise CorruptionError(self.origin, 0, f"a section {name!r}", "none") from None

    def __contains__(self, name: object) -> bool:
        return name in self.buffers


def aligned(contents: bytes) -> memoryview:
    """A read-only copy on a boundary of 64 bytes, with nothing readable behind it."""
    sections = MemorySections()
    sections.add("a", contents)
    return sections.section("a").toreadonly()


class Target(ABC):
    """One format."""

    @abstractmethod
    def make(self, rng: random.Random) -> Any:
        """An input."""

    @abstractmethod
    def feed(self, value: Any) -> None:
        """Bear it."""


def tries(*questions: Callable[[], object]) -> None:
    """Ask all; a typed error to one does not spare the others."""
    for question in questions:
        try:
            question()
        except rr.RankRetrieveError:
            continue


# --------------------------------------------------------------------------- persistence


class OneFile(MemoryDirectory):
    """A directory of good files, one of which is fuzzed."""

    def put(self, name: str, contents: bytes) -> None:
        self.__dict__.update(MemoryDirectory({**self.files(), name: contents}).__dict__)


class Wal(Target):
    """Log files: scanned, salvaged and replayed; every 16th through a whole opening and reading."""

    def __init__(self) -> None:
        self.files = database()
        (self.name,) = (name for name in self.files if name.startswith("wal-"))
        self.good = self.files[self.name]
        self.manifest = manifests.load(MemoryDirectory(self.files))
        self.header = self.good[:FILE_HEADER_SIZE]
        self.seed = int.from_bytes(self.header[-4:], "little")
        found = scan(MemoryDirectory(self.files), database_id=self.manifest.database_id)
        self.frames = [(f.lsn, int(f.type), bytes(f.body)) for f in found.frames()]
        self.bodies = [body for _, _, body in self.frames]
        self.number = 0

    def frame(self, offset: int, lsn: int, kind: int, durable: int, body: bytes) -> bytes:
        """A frame with a checksum that holds."""
        head = struct.pack("<QI", lsn, len(body))
        rest = struct.pack("<QB7x", durable, kind)
        padding = b"\0" * (padded(len(body)) - len(body) - 1) + b"\x5a"
        checksum = crc32c(struct.pack("<Q", offset) + head, self.seed)
        checksum = crc32c(rest + body + padding, checksum)
        return head + checksum.to_bytes(4, "little") + rest + body + padding

    def make(self, rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return mutated(rng, self.good)
        data = self.header
        lsn = self.frames[0][0]
        for _, kind, body in self.frames[: rng.randint(1, len(self.frames))]:
            changed, durable = body, (lsn - 1) % 2**64
            if rng.random() < 0.6:
                changed = mutated(rng, body, self.bodies)
            if rng.random() < 0.05:
                kind = rng.choice((1, 1, 2, 3, 4, 5, 6, 0, 255))
            if rng.random() < 0.03:
                durable = rng.choice((lsn, 2**63, 2**64 - 1, 0))
            if rng.random() < 0.02:
                lsn = rng.choice((lsn + 1, 0, 2**63, 2**64 - 1))
            data += self.frame(len(data), lsn, kind, durable, changed)
            lsn = (lsn + 1) % 2**64
        return data if rng.random() < 0.8 else mutated(rng, data, most=1)

    def feed(self, value: bytes) -> None:
        self.number += 1
        directory = MemoryDirectory({self.name: value})
        if self.number % 16 == 0:
            tries(lambda: read_all(rr.open(MemoryDirectory({**self.files, self.name: value}), "r")))
        tries(
            lambda: self.replay(directory),
            lambda: list(salvage_log(directory, database_id=None, first=None).frames()),
        )

    def replay(self, directory: MemoryDirectory) -> None:
        from rank_retrieve.collection.batch import changes_of, decode_frame
        from rank_retrieve.collection.record import decode_body

        found = scan(directory, database_id=self.manifest.database_id)
        for frame in found.frames():
            batch = decode_frame(frame.body, frame.file, frame.offset)
            for record in changes_of(batch, self.schema, frame.file, frame.offset).values():
                if record is not None:
                    decode_body(record.body, "log")

    @cached_property
    def schema(self) -> Any:
        return read_entry(self.manifest.collections[0].schema, "manifest")[0]


class Manifest(Target):
    """Manifests: three in four with a checksum that holds; every 64th opened and read."""

    def __init__(self) -> None:
        self.files = database()
        self.good = self.files["manifest"]
        self.payload = manifests.open_envelope(self.good)
        self.tree = msgspec.json.decode(self.payload)
        self.number = 0

    def make(self, rng: random.Random) -> bytes:
        chance = rng.random()
        if chance < 0.2:
            return mutated(rng, self.good)
        if chance < 0.6:
            payload = mutated(rng, self.payload, (self.payload,))
        else:
            tree = msgspec.json.decode(self.payload)
            for _ in range(rng.randint(1, 3)):
                self.graft(rng, tree)
            payload = msgspec.json.encode(tree)
        prefix = manifests.PREFIX.pack(manifests.MAGIC, manifests.VERSION, 0, len(payload))
        return prefix + crc32c(payload, crc32c(prefix)).to_bytes(4, "little") + payload

    def graft(self, rng: random.Random, tree: Any) -> None:
        """Put something else at a place of the tree."""
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else range(len(node))
            if not keys:
                return
            key = rng.choice(list(keys))
            if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.15:
                break
            node = node[key]
        chance = rng.random()
        if chance < 0.6:
            node[key] = copy.deepcopy(rng.choice(GRAFTS))
        elif chance < 0.75 and isinstance(node[key], int | float):
            node[key] += rng.choice((-1, 1, 2**40))
        elif chance < 0.9:
            del node[key]
        elif isinstance(node, dict):
            node[rng.choice(("extra", "id", "name"))] = copy.deepcopy(rng.choice(GRAFTS))
        else:
            node.append(copy.deepcopy(node[key]))

    def feed(self, value: bytes) -> None:
        self.number += 1
        manifest = manifests.decode_payload(manifests.open_envelope(value))
        for collection in manifest.collections:
            tries(lambda c=collection: read_entry(c.schema, "manifest"))
        if self.number % 8 == 0:
            read_all(rr.open(MemoryDirectory({**self.files, "manifest": value}), mode="r"))


def repaired_segment(data: bytes) -> bytes:
    """The same bytes with checksums of header, table and footer that hold."""
    if len(data) < HEADER.size + TAIL.size:
        return data
    found = bytearray(data)
    found[60:64] = crc32c(data[:60]).to_bytes(4, "little")
    start = len(found) - TAIL.size
    (table,) = struct.unpack_from("<Q", found, start)
    seed = int.from_bytes(found[60:64], "little")
    if table <= start:
        found[start + 12 : start + 16] = crc32c(bytes(found[table:start]), seed).to_bytes(
            4, "little"
        )
    found[start + 20 : start + 24] = crc32c(bytes(found[start : start + 20])).to_bytes(4, "little")
    return bytes(found)


class Footer(Target):
    """Segment files: header, table and footer, whose checksums are repaired for most."""

    def __init__(self) -> None:
        files = database()
        self.files = [data for name, data in files.items() if name.startswith(("seg", "del"))]
        self.tables = []
        for data in self.files:
            (table,) = struct.unpack_from("<Q", data, len(data) - TAIL.size)
            self.tables.append(table)

    def make(self, rng: random.Random) -> bytes:
        i = rng.randrange(len(self.files))
        data, table = self.files[i], self.tables[i]
        chance = rng.random()
        if chance < 0.1:
            return mutated(rng, data)
        if chance < 0.25:
            data = mutated(rng, data[:64], most=2).ljust(64, b"\0")[:64] + data[64:]
        elif chance < 0.6:
            data = data[:table] + mutated(rng, data[table:-32], (data[table:],)) + data[-32:]
        else:
            data = data[:-32] + mutated(rng, data[-32:], most=2).rjust(32, b"\0")[-32:]
            data = data[:-8] + b"ENDSEG\r\n"
        return repaired_segment(data)

    def feed(self, value: bytes) -> None:
        reader = SegmentReader.open(MemoryDirectory({"a": value}), "a", kind=None)
        for name in reader.section_names:
            tries(lambda name=name: reader.section(name))
        reader.verify()


class Archive(Target):
    """Archives: damaged ones, and whole ones of damaged files, restored into memory."""

    def __init__(self) -> None:
        self.image = take_image(MemoryDirectory(database()))
        self.good = self.archived(self.image.files)
        self.fd = os.memfd_create("archive")
        self.path = Path(f"/proc/self/fd/{self.fd}")

    def archived(self, files: Mapping[str, memoryview]) -> bytes:
        sink = io.BytesIO()
        write_archive(Image(self.image.manifest, dict(files)), sink)
        return sink.getvalue()

    def make(self, rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            return mutated(rng, self.good, (self.good,))
        files = dict(self.image.files)
        for _ in range(rng.randint(1, 2)):
            name = rng.choice(list(files))
            chance = rng.random()
            if chance < 0.1:
                del files[name]
                break
            if chance < 0.2:
                files[rng.choice(("wal-0000000099.log", "lock", "x", "manifest.tmp"))] = files[name]
            elif chance < 0.6:
                files[name] = memoryview(mutated(rng, bytes(files[name])))
            else:
                files[name] = memoryview(repaired_segment(mutated(rng, bytes(files[name]))))
        data = self.archived(files)
        return data if rng.random() < 0.7 else self.repaired(rng, data)

    def repaired(self, rng: random.Random, data: bytes) -> bytes:
        """A header or first entry that lies under a checksum that holds."""
        at, size = rng.choice(((8, 20), (32, 20)))
        changed = mutated(rng, data[at : at + size], most=1).ljust(size, b"\0")[:size]
        data = data[:at] + changed + data[at + size :]
        return data[:28] + crc32c(data[:28]).to_bytes(4, "little") + data[32:]

    def feed(self, value: bytes) -> None:
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, value, 0)
        target = MemoryDirectory()
        try:
            _restore_archive(self.path, target)
        except rr.RankRetrieveError:
            assert not target.exists("manifest") or self.whole(value), "published all the same"
            raise
        assert self.whole(value)

    def whole(self, value: bytes) -> bool:
        reader = ArchiveReader(io.BytesIO(value), origin="archive", size=len(value))
        return all(entry.size >= 0 for entry in reader) and bool(reader.digest)


# --------------------------------------------------------------------------- sections


class OfSections(Target):
    """Sections that hold what they should not, below checksums that are not looked at here."""

    def __init__(self, sections: Mapping[str, bytes], likely: tuple[str, ...] = ()) -> None:
        self.good = dict(sections)
        self.views = {name: aligned(data) for name, data in sections.items()}
        self.names = [*sections, *(name for name in sections if name.startswith(likely or "-"))]
        self.others = [data[:256] for data in sections.values() if data]

    def make(self, rng: random.Random) -> dict[str, bytes]:
        changed = {}
        for _ in range(rng.choice((1, 1, 1, 2))):
            name = rng.choice(self.names)
            changed[name] = mutated(rng, self.good[name], self.others, most=2)
        return changed

    def feed(self, value: dict[str, bytes]) -> None:
        damaged = {name: aligned(data) for name, data in value.items()}
        self.read(
            Sections({**self.views, **damaged}), frozenset(name.split(".")[0] for name in value)
        )

    @abstractmethod
    def read(self, sections: Sections, damaged: frozenset[str]) -> None:
        """Ask for everything that the sections hold; damaged: the first words of some names."""


def sections_in(files: Mapping[str, bytes], start: str) -> dict[str, bytes]:
    """The sections of the first file whose name starts so."""
    name = next(name for name in sorted(files) if name.startswith(start))
    reader = SegmentReader.open(MemoryDirectory(files), name, kind=None)
    return {section: bytes(reader.section(section)) for section in reader.section_names}


class SegmentContents(OfSections):
    """A segment's ids, documents, columns, vectors and deletions."""

    def __init__(self) -> None:
        files = database()
        manifest = manifests.load(MemoryDirectory(files))
        self.schema = read_entry(manifest.collections[0].schema, "manifest")[0]
        deletions = {f"del {n}": d for n, d in sections_in(files, "deletions-").items()}
        sections = sections_in(files, "segment-")
        lexical = ("lengths", "terms", "blocks", "postings")
        super().__init__({**sections, **deletions}, likely=("columns", "documents", "ids", "del"))
        self.names = [name for name in self.names if not name.startswith(lexical)]

    def read(self, sections: Sections, damaged: frozenset[str]) -> None:
        from rank_retrieve.dense.searcher import DensePart, ExactSearcher

        segment = Segment("segment", sections, self.schema)
        deletions = {n[4:]: v for n, v in sections.buffers.items() if n.startswith("del ")}
        asked = min(segment.n_docs, 40)

        def dense() -> object:
            column = segment.vectors("vector")
            if column is None:
                return None
            return ExactSearcher([DensePart(column, 0, None, segment.n_docs)], "cosine").search(
                [1.0, 2, 3, 4], 5
            )

        everything = "meta" in damaged
        if everything or "columns" in damaged:
            tries(*(lambda w=w: w.evaluate(segment.columns) for w in self.wheres))
        if everything or damaged & {"vectors", "encoded"}:
            tries(dense, lambda: [segment.record(doc) for doc in range(asked)])
        if everything or damaged & {"ids", "documents"}:
            tries(
                lambda: segment.ids.all(),
                lambda: segment.ids.find_many([b"d1", b"d5", b"nobody"]),
                lambda: segment.ids.chosen(None),
                lambda: [segment.stored(doc) for doc in range(asked)],
                lambda: sum(map(len, segment.bodies.bodies())),
            )
        tries(
            lambda: LiveSegment.open(segment, Sections(deletions)).live_docs.to_docs(),
            lambda: segment.document(min(3, segment.n_docs - 1)),
        )

    @cached_property
    def wheres(self) -> list[Any]:
        from rank_retrieve.filters import parse

        return [
            parse(where)
            for where in (
                {"n": {"$gte": 3}},
                {"x": {"$lt": 2.5}},
                {"kind": {"$in": ["a", "c"]}},
                {"tags": "p"},
                {"tags": ["p", "q"]},
                {"author.name": {"$ne": "name 1"}},
                {"author.ok": True},
                {"author": {"name": "name 2", "ok": False}},
                {"raw": b"\1"},
                {"none": None},
                {"id": "d4"},
            )
        ]


class Postings(OfSections):
    """An inverted index of 600 documents: its dictionary, tables, blocks and lists."""

    QUERIES = ((b"t0", b"t1"), (b"t0",), (b"t3", b"t9", b"absent"), (b"t5", b"t0", b"t7"))

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        lengths = rng.integers(1, 12, 600)
        tokens = np.minimum(rng.geometric(0.2, int(lengths.sum())) - 1, 19).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        vocabulary = Vocabulary(get_analyzer("simple"))
        vocabulary.analyze([" ".join(f"t{i}" for i in range(20))])
        sink = MemorySections()
        arena = vocabulary.arena()
        write_inverted_index(sink, "g", ForwardIndex(tokens, offsets, 1), *arena, [1], 1)
        super().__init__(
            {name: bytes(view) for name, view in sink.buffers.items()},
            likely=("postings", "blocks", "terms.table"),
        )

    def read(self, sections: Sections, damaged: frozenset[str]) -> None:
        index = InvertedIndex.open(sections, "g")
        few = np.array([0, 1, 5, 127, 128, 599], dtype=np.int64)

        def search() -> None:
            searcher = LexicalSearcher([LexicalPart(index)], BM25Scorer())
            for number, terms in enumerate(self.QUERIES):
                ranked = searcher.search(terms, (3, 1000)[number % 2])
                assert np.all(np.asarray(ranked.docs) < index.n_docs)
            searcher.scores(self.QUERIES[0], few[few < index.n_docs])

        tries(
            search,
            *(lambda n=n: index.postings(n) for n in range(min(index.n_terms, 6))),
            lambda: index.frequencies(0, few[few < index.n_docs]),
            index.verify,
        )


class Positions(OfSections):
    """The positions of 600 documents of two fields, asked for phrases and for one field."""

    SHAPES = (
        PhraseShape((b"t0", b"t1"), (0, 1)),
        PhraseShape((b"t0", b"t0", b"t2"), (0, 1, 3), 4),
        PhraseShape((b"t3", b"t1"), (0, 2), 9),
    )

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        texts = [
            " ".join(f"t{min(int(term), 9)}" for term in rng.geometric(0.3, rng.integers(0, 9)) - 1)
            for _ in range(1200)
        ]
        vocabulary = Vocabulary(get_analyzer("simple"))
        runs = vocabulary.analyze(texts, positions=True)
        forward = ForwardIndex(runs.tokens, runs.offsets, 2, runs.positions)
        sink = MemorySections()
        write_inverted_index(sink, "g", forward, *vocabulary.arena(), [2, 1], 1)
        super().__init__(
            {name: bytes(view) for name, view in sink.buffers.items()}, likely=("positions",)
        )

    def read(self, sections: Sections, damaged: frozenset[str]) -> None:
        index = InvertedIndex.open(sections, "g")
        few = np.array([0, 5, 128, 599], dtype=np.int32)

        def phrase(shape: PhraseShape, within: Any) -> None:
            ordinals = dict(
                zip(shape.distinct, index.ordinals(shape.distinct).tolist(), strict=True)
            )
            if index.positions is not None and min(ordinals.values()) >= 0:
                everything = np.empty(0, dtype=np.uint64)
                units = np.array([2.0, 1.0][: index.n_fields])
                docs, _ = find_phrase(index, shape, ordinals, units, everything, within)
                assert np.all(docs < index.n_docs)

        tries(
            *(lambda s=s: phrase(s, None) for s in self.SHAPES),
            lambda: phrase(self.SHAPES[0], few[few < index.n_docs]),
            lambda: merge_inverted_indexes(MemorySections(), "g", [LexicalPart(index)]),
            index.verify,
        )


class Encoder(OfSections):
    """A stored encoder."""

    def __init__(self) -> None:
        encoder = LSAEncoder(dim=4, analyzer="simple")
        encoder.fit([f"one two word{n % 5} word{n % 3} three" for n in range(20)])
        sink = MemorySections()
        encoder.write(sink)
        super().__init__({name: bytes(view) for name, view in sink.buffers.items()})

    def read(self, sections: Sections, damaged: frozenset[str]) -> None:
        encoder = LSAEncoder.open(sections)
        tries(
            lambda: encoder.encode_queries(["one word1", ""]),
            lambda: encoder.encode_documents(["two three"]),
        )


class Fst(Target):
    """The dictionary: look-ups, ranges, automata."""

    def __init__(self) -> None:
        words = sorted(
            {f"{a}{b}{n}".encode() for a in "abx" for b in ("", "e", "ä") for n in range(9)}
        )
        self.goods = [self.built(words), self.built(words[:3]), self.built([b""]), self.built([])]
        self.automata = [fst.levenshtein("ae3", 2), fst.wildcard("a*3"), fst.regex("[ax]e?[0-9]+")]

    @staticmethod
    def built(words: list[bytes]) -> bytes:
        offsets = np.cumsum([0, *map(len, words)]).astype(np.int64)
        return bytes(fst.build(np.frombuffer(b"".join(words), dtype=np.uint8), offsets))

    def make(self, rng: random.Random) -> bytes:
        good = self.goods[0] if rng.random() < 0.85 else rng.choice(self.goods)
        if rng.random() < 0.7:
            # the header stays, with a length that holds, so that nodes are walked
            data = good[:40] + mutated(rng, good[40:], (good,))
            return data[:24] + len(data).to_bytes(8, "little") + data[32:]
        return mutated(rng, good, (good,))

    def feed(self, value: bytes) -> None:
        found = fst.Fst.open(aligned(value), origin="<fuzzed>")
        tries(
            lambda: [found.get(term) for term in (b"", b"a1", b"xe8", b"b\xc3\xa45", b"zzzz")],
            lambda: list(found.prefix(b"a")),
            lambda: list(found.range(b"ae", b"b3")),
            lambda: list(found.items()),
            lambda: found.last(),
            lambda: found.term_of(5),
            found.verify,
            *(lambda a=a: list(found.search(a)) for a in self.automata),
        )


# --------------------------------------------------------------------------- questions


class Filters(Target):
    """Filters from dicts: parsed, asked of documents and of columns, which must agree."""

    def __init__(self) -> None:
        self.db = rr.open(":memory:")
        self.documents = self.db.create_collection("c", fields=FIELDS)
        self.documents.put_many(document(number) for number in range(12))
        self.metadata = [
            {name: v for name, v in stored.items() if name not in FIELDS}
            for stored in self.documents.documents()
        ]
        self.number = 0

    def make(self, rng: random.Random) -> Any:
        return hostile_filter(rng)

    def feed(self, value: Any) -> None:
        from rank_retrieve.filters import parse

        predicate = parse(value)
        self.number += 1
        if self.number % 4 == 0:
            counted = self.documents.count(value)
            matching = sum(predicate.matches(metadata) for metadata in self.metadata)
            # only a collection reads its declared texts
            assert counted == matching or "'text'" in repr(value)


class Queries(Target):
    """Texts to search for."""

    def __init__(self) -> None:
        self.bm25 = {
            name: rr.BM25.from_texts(
                ["the cat sat", "naïve 東京都 café ﬁne", "x" * 300], analyzer=name
            )
            for name in ("english", "simple", "german")
        }
        self.names = list(self.bm25)

    def make(self, rng: random.Random) -> tuple[str, Any]:
        return rng.choice(self.names), hostile_text(rng)

    def feed(self, value: tuple[str, Any]) -> None:
        name, text = value
        self.bm25[name].search(text, k=3)


class Syntax(Target):
    """Query strings, parsed, and put to an index of several fields."""

    PIECES = (
        *(
            "cat",
            "t*",
            "a?b",
            " ",
            " ",
            '"',
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "/",
            "\\",
            "~",
            "~1",
            "^2",
        ),
        *("+", "-", "!", "title:", "text:", "AND", "OR", "NOT", " TO ", "*", "*:*", '"one two"~2'),
    )

    def __init__(self) -> None:
        self.db = rr.open(":memory:")
        self.documents = self.db.create_collection(
            "c", fields={**FIELDS, "text": rr.Text(analyzer="simple", positions=True)}
        )
        self.documents.put_many(document(number) for number in range(12))

    def make(self, rng: random.Random) -> Any:
        if rng.random() < 0.3:
            return hostile_text(rng)
        return "".join(rng.choice(self.PIECES) for _ in range(rng.randrange(16)))

    def feed(self, value: Any) -> None:
        query = rr.parse_query(value)
        hits = self.documents.search(query, k=3, mode="lexical")
        assert all(hit.explain().value == hit.score for hit in hits)


TARGETS: dict[str, type[Target]] = {
    "wal": Wal,
    "manifest": Manifest,
    "footer": Footer,
    "archive": Archive,
    "segment": SegmentContents,
    "postings": Postings,
    "positions": Positions,
    "encoder": Encoder,
    "fst": Fst,
    "filters": Filters,
    "queries": Queries,
    "syntax": Syntax,
}
