"""A database of about 256 KiB, the same bytes every time, and the questions that read all of it.

Three collections: `notes` with weighted fields, vectors, metadata of every kind, three segments of
which two have deletions; `papers` with a trained encoder; `journal`, of which a small segment is
published and six batches are only in the log.
"""

import datetime
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import numpy as np

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory, SegmentReader

Files = dict[str, bytes]
Question = Callable[[rr.Database], Any]

SEED = 3_003
WORDS = [f"{a}{b}{c}" for a in "bcdfghklmn" for b in "aeiou" for c in ("", "rt", "st", "ng")]
SPARE_ZEROS = 256  # of those that the log writes ahead


def note(rng: random.Random, number: int) -> dict[str, Any]:
    words = rng.choices(WORDS, weights=[1 / (1 + i) for i in range(len(WORDS))], k=70)
    document: dict[str, Any] = {
        "id": f"note-{number:04}",
        "title": " ".join(words[:5]),
        "text": " ".join(words),
        "n": number,
        "group": number % 7,
        "score": number / 3,
        "kind": rng.choice(["book", "paper", "page"]),
        "when": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
        + datetime.timedelta(days=number),
        "raw": bytes([number % 256, 1]),
        "tags": rng.sample(WORDS[:9], number % 3),
        "author": {"name": rng.choice(WORDS), "known": number % 2 == 0},
        "nothing": None,
    }
    if number % 5:
        document["vector"] = [rng.gauss(0, 1) for _ in range(16)]
    return document


def paper(rng: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": f"paper-{number:03}",
        "text": " ".join(rng.choices(WORDS, k=30)),
        "year": 2000 + number % 20,
    }


def entry(number: int) -> dict[str, Any]:
    return {
        "id": f"entry-{number}",
        "text": f"all {WORDS[number]} {WORDS[number + 1]}",
        "vector": [1.0, number, 2.0, 3.0],
        "n": number,
    }


def golden() -> tuple[Files, list[Files]]:
    """The files of the database, and those of each prefix of its log, the shortest first."""
    with mock.patch("os.urandom", lambda n: bytes(range(n))):
        return _golden()


def _golden() -> tuple[Files, list[Files]]:
    rng = random.Random(SEED)
    directory = MemoryDirectory()
    db = rr.open(directory, compaction="manual")
    fields: dict[str, Any] = {
        "title": rr.Text(boost=2.0),
        "text": rr.Text(),
        "vector": rr.Vector(dim=16, metric="cosine"),
    }
    notes = db.create_collection("notes", fields=fields)
    encoder = rr.LSAEncoder(dim=8, analyzer="simple")
    papers = db.create_collection("papers", fields={"text": rr.Text()}, encoder=encoder)
    journal = db.create_collection(
        "journal", fields={"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=4)}
    )
    for start, stop in ((0, 230), (230, 460), (460, 576)):
        notes.put_many(note(rng, number) for number in range(start, stop))
        db.flush()
    papers.put_many(paper(rng, number) for number in range(60))
    papers.fit_encoder()
    journal.put_many(entry(number) for number in range(4))
    for number in (3, 64, 65, 229, 250, 300):
        notes.delete(f"note-{number:04}")
    db.flush()
    prefixes = [_files(directory)]
    batches = [
        rr.WriteBatch().put(entry(10)),
        rr.WriteBatch().put(entry(11)).put(entry(12)).delete("entry-1"),
        rr.WriteBatch().delete("entry-10"),
        rr.WriteBatch().put(entry(2)),
        rr.WriteBatch().put(entry(13)).delete("entry-11"),
        rr.WriteBatch().put(entry(14)),
    ]
    for batch in batches:
        journal.write(batch)
        prefixes.append(_files(directory))
    return prefixes[-1], prefixes


def _files(directory: MemoryDirectory) -> Files:
    files = {name: data for name, data in directory.files().items() if name != "lock"}
    for name, data in files.items():
        if name.startswith("wal-"):
            end = len(data.rstrip(b"\0"))
            files[name] = data[: end + min(SPARE_ZEROS, len(data) - end)]
    return files


# --------------------------------------------------------------------------- questions


def _hits(hits: rr.Hits) -> list[tuple[str, float]]:
    return list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))


def plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.tobytes() if isinstance(value, np.ndarray) else value
        for name, value in document.items()
    }


def _lexical(name: str, query: str) -> Question:
    return lambda db: _hits(db.get_collection(name).search(query, k=25, mode="lexical"))


def _dense(name: str, vector: list[float]) -> Question:
    return lambda db: _hits(db.get_collection(name).search(vector=vector, k=25))


def _where(where: dict[str, Any]) -> Question:
    return lambda db: _hits(db.get_collection("notes").search("ba", k=500, where=where))


def _get(name: str, identity: str) -> Question:
    def question(db: rr.Database) -> Any:
        found = db.get_collection(name).get(identity)
        return None if found is None else plain(found)

    return question


def _all(name: str) -> Question:
    return lambda db: [plain(d) for d in db.get_collection(name).documents()]


def questions() -> dict[str, Question]:
    """By name, the quick ones first; `damage` asks the first one that reads what was damaged."""
    asked: dict[str, Question] = {
        "sizes": lambda db: {n: len(db.get_collection(n)) for n in db.list_collections()}
    }
    for number in (0, 198, 231, 459, 575, 7, 64):
        asked[f"get note {number}"] = _get("notes", f"note-{number:04}")
    for number in (1, 2, 10, 12, 14):
        asked[f"get entry {number}"] = _get("journal", f"entry-{number}")
    asked["get paper"] = _get("papers", "paper-005")
    asked["lexical notes"] = _lexical("notes", "ba bart gust")
    asked["lexical papers"] = _lexical("papers", "ba bart")
    asked["lexical journal"] = _lexical("journal", "all")
    asked["dense journal"] = _dense("journal", [1.0, 2.0, 1.0, 1.0])
    asked["dense notes"] = _dense("notes", [1.0, 2.0] * 8)
    asked["dense papers"] = _dense("papers", [1.0, 2.0] * 4)
    wheres: list[dict[str, Any]] = [
        {"n": {"$gte": 100, "$lt": 290}},
        {"group": 3},
        {"score": {"$lt": 30.5}},
        {"kind": {"$in": ["book", "page"]}},
        {"when": {"$gt": datetime.datetime(2020, 6, 1, tzinfo=datetime.UTC)}},
        {"raw": bytes([7, 1])},
        {"tags": "ba"},
        {"author.name": {"$gt": "k"}},
        {"author.known": True},
        {"author": {"$exists": True}},
        {"nothing": None},
        {"tags": ["ba", "be"]},
        {"tags": {"$in": ["ba"]}, "n": {"$gte": 460}},
    ]
    for where in wheres:
        asked[f"where {where}"] = _where(where)
    asked["hybrid papers"] = lambda db: _hits(db.get_collection("papers").search("bart ga", k=9))
    asked["where papers"] = lambda db: db.get_collection("papers").count({"year": 2003})
    asked["where journal"] = lambda db: db.get_collection("journal").count({"n": {"$lt": 12}})
    asked["all journal"] = _all("journal")
    asked["all papers"] = _all("papers")
    asked["all notes"] = _all("notes")
    asked["ids"] = lambda db: [list(db.get_collection(n).ids()) for n in db.list_collections()]
    asked["verify"] = lambda db: db.verify().ok
    return asked


def answers(db: rr.Database) -> dict[str, Any]:
    return {name: question(db) for name, question in questions().items()}


def readers_of(files: Files) -> dict[tuple[str, str], str]:
    """For each section of each file, the first question that reads it; "open" for opening."""
    found: dict[tuple[str, str], str] = {}
    original = SegmentReader.section
    asking = ["open"]

    def section(self: SegmentReader, name: str) -> memoryview:
        found.setdefault((self.origin, name), asking[0])
        return original(self, name)

    with mock.patch.object(SegmentReader, "section", section):
        db = rr.open(MemoryDirectory(files), mode="r")
        for asking[0], question in questions().items():
            question(db)
    return found


def sections_of(files: Files) -> Iterator[tuple[str, str, int, int]]:
    """File, section, first byte, and one behind the last, of every segment file."""
    directory = MemoryDirectory(files)
    for name in files:
        if name.startswith(("segment-", "deletions-", "encoder-")):
            reader = SegmentReader.open(directory, name, kind=None)
            for section in reader.section_names:
                offset, size, *_ = reader._entries[section]
                yield name, section, offset, offset + size
