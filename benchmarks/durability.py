"""Durable writes beside a bare append + fdatasync of the same bytes, and beside SQLite FTS5.

    python benchmarks/durability.py [FOLDER WITH part-*.jsonl.gz] [--dim 384] [--quick]

Every side acknowledges a write only when it is on the device. SQLite is at its best durable
setting: journal_mode=WAL, synchronous=FULL, one prepared INSERT into an FTS5 table (and, with
--dim, the vector as a blob beside it). The bare appends write the very frames of our log, made
beforehand in memory, one os.write and one fdatasync each; "zeros ahead" is the same into a file
that was filled with zeros before, which is the most that a log can reach.

Group commit is measured with the device's syncs and with syncs that sleep instead (--simulate),
since its ratio depends on what a sync costs. That swings from second to second, so the sides take
turns within each round, in an order that rotates, and ratios are medians of the rounds' ratios.
Compilation is reported apart.
"""

import argparse
import itertools
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passages import PASSAGES, passages  # type: ignore[import-not-found]

import rank_retrieve as rr
from rank_retrieve.collection.schema import Schema
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence import directory as directories
from rank_retrieve.persistence.files import wal_name
from rank_retrieve.persistence.wal import numbers_on_disk
from rank_retrieve.persistence.wal_format import FILE_HEADER_SIZE, FRAME_HEADER, padded

BATCH_DOCS = 64
THREADS = 8
Documents = list[dict[str, Any]]


def fields(dim: int) -> dict[str, Any]:
    texts: dict[str, Any] = {"title": rr.Text(), "text": rr.Text()}
    return {**texts, "vector": rr.Vector(dim=dim)} if dim else texts


class Ours:
    """Our database, as `rr.open` makes it by default."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.db = rr.open(folder / "ours")
        self.documents = self.db.create_collection("documents", fields=fields(dim))

    def put(self, documents: Documents) -> None:
        for document in documents:
            self.documents.put(document)

    def put_batches(self, documents: Documents) -> None:
        self.documents.put_many(documents, batch_size=BATCH_DOCS)

    def put_by_threads(self, documents: Documents) -> None:
        share = -(-len(documents) // THREADS)
        threads = [
            threading.Thread(target=self.put, args=(documents[start : start + share],))
            for start in range(0, len(documents), share)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def check(self, wanted: Documents) -> None:
        """Everything that was put is there again in a process that starts anew."""
        self.db.close()
        with rr.open(self.db.path, mode="r") as db:
            found = db.get_collection("documents")
            assert len(found) == len(wanted), (len(found), len(wanted))
            for document in wanted[:: max(1, len(wanted) // 200)]:
                stored = found.get(document["id"])
                assert stored is not None
                assert stored["text"] == document["text"]
            assert len(found.search("history", mode="lexical", k=3)) == 3


class FTS5:
    """SQLite with full-text search, one row a document."""

    def __init__(self, folder: Path, dim: int) -> None:
        self.dim = dim
        self.db = sqlite3.connect(folder / "rival.sqlite", isolation_level=None)
        (mode,) = self.db.execute("PRAGMA journal_mode=WAL").fetchone()
        assert mode == "wal", mode
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(
            "CREATE VIRTUAL TABLE documents USING fts5("
            "id UNINDEXED, title, text, source UNINDEXED, tokenize='porter unicode61')"
        )
        self.db.execute("CREATE TABLE vectors(id TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def _insert(self, document: dict[str, Any]) -> None:
        row = (document["id"], document["title"], document["text"], document["source"])
        self.db.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", row)
        if self.dim:
            vector = (document["id"], document["vector"].tobytes())
            self.db.execute("INSERT INTO vectors VALUES (?, ?)", vector)

    def put(self, documents: Documents) -> None:
        if not self.dim:
            for document in documents:
                self._insert(document)
            return
        for document in documents:
            self.db.execute("BEGIN")
            self._insert(document)
            self.db.execute("COMMIT")

    def put_batches(self, documents: Documents) -> None:
        for start in range(0, len(documents), BATCH_DOCS):
            self.db.execute("BEGIN")
            for document in documents[start : start + BATCH_DOCS]:
                self._insert(document)
            self.db.execute("COMMIT")

    def check(self, wanted: Documents) -> None:
        (count,) = self.db.execute("SELECT count(*) FROM documents").fetchone()
        assert count == len(wanted), (count, len(wanted))
        self.db.close()


class Appends:
    """The bytes of our log, appended and synced frame by frame, and nothing else."""

    def __init__(self, folder: Path, dim: int, *, zeros_ahead: bool = False) -> None:
        self.folder, self.dim, self.zeros_ahead = folder, dim, zeros_ahead
        self.numbers = itertools.count()

    def frames(self, documents: Documents) -> list[bytes]:
        """What our log holds after these puts."""
        directory = MemoryDirectory()
        db = rr.open(directory, durability="none", compaction="manual")
        collection = db.create_collection("documents", fields=fields(self.dim))
        for document in documents:
            collection.put(document)
        log = bytes(directory.open(wal_name(numbers_on_disk(directory)[-1])))
        frames, at = [], FILE_HEADER_SIZE
        for _ in documents:
            length = FRAME_HEADER.unpack_from(log, at)[1]
            end = at + FRAME_HEADER.size + padded(length)
            frames.append(log[at:end])
            at = end
        return frames

    def append(self, frames: list[bytes]) -> None:
        for frame in frames:
            os.write(self.fd, frame)
            os.fdatasync(self.fd)

    def open(self, frames: list[bytes]) -> None:
        name = self.folder / f"appends-{self.zeros_ahead}-{next(self.numbers)}"
        self.fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR)
        if self.zeros_ahead:
            os.pwrite(self.fd, bytes(sum(map(len, frames))), 0)
        os.fsync(self.fd)

    def close(self) -> None:
        os.close(self.fd)


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(sides: dict[str, Callable[[], float]], turn: int) -> dict[str, float]:
    """Each side once; which one begins rotates."""
    names = list(sides)
    turn %= len(names)
    return {name: sides[name]() for name in names[turn:] + names[:turn]}


def report(title: str, rounds: list[dict[str, float]], pairs: list[tuple[str, str]]) -> None:
    print(title)
    for name in rounds[0]:
        rates = sorted(rates[name] for rates in rounds)
        middle = statistics.median(rates)
        print(f"  {name:<26} {middle:>10,.0f}/s   ({rates[0]:,.0f}..{rates[-1]:,.0f})")
    for ours, rival in pairs:
        ratios = sorted(rates[ours] / rates[rival] for rates in rounds)
        print(
            f"  {ours} / {rival}: {statistics.median(ratios):.2f} "
            f"({ratios[0]:.2f}..{ratios[-1]:.2f})"
        )


def singles(
    ours: Ours, fts5: FTS5, folder: Path, source: Iterator[Any], rounds: int, count: int, dim: int
) -> tuple[Documents, Documents]:
    bare, ahead = Appends(folder, dim), Appends(folder, dim, zeros_ahead=True)
    put: Documents = []
    inserted: Documents = []
    results = []
    for turn in range(rounds):
        documents = list(itertools.islice(source, count))
        frames = bare.frames(documents)

        def append(side: Appends, frames: list[bytes] = frames) -> float:
            side.open(frames)
            seconds = timed(lambda: side.append(frames))
            side.close()
            return len(frames) / seconds

        def durable(side: Ours | FTS5, into: Documents, documents: Documents = documents) -> float:
            into += documents
            return len(documents) / timed(lambda: side.put(documents))

        results.append(
            in_turns(
                {
                    "append + fdatasync": lambda: append(bare),
                    "append, zeros ahead": lambda: append(ahead),
                    "rank-retrieve": lambda: durable(ours, put),
                    "SQLite FTS5": lambda: durable(fts5, inserted),
                },
                turn,
            )
        )
    size = statistics.mean(map(len, frames))
    pairs = [
        ("rank-retrieve", rival)
        for rival in ("append + fdatasync", "append, zeros ahead", "SQLite FTS5")
    ]
    report(f"\nsingle puts, {rounds} rounds of {count}, {size:,.0f} bytes a frame", results, pairs)
    return put, inserted


def batches(
    ours: Ours, fts5: FTS5, source: Iterator[Any], rounds: int, count: int, dim: int
) -> tuple[Documents, Documents]:
    put: Documents = []
    inserted: Documents = []
    results = []
    for turn in range(rounds):
        documents = list(itertools.islice(source, count * BATCH_DOCS))
        few = list(itertools.islice(source, count * 4))
        put += documents + few
        inserted += documents + few

        def batched(side: Ours | FTS5, documents: Documents = documents) -> float:
            return len(documents) / timed(lambda: side.put_batches(documents))

        def single(side: Ours | FTS5, few: Documents = few) -> float:
            return len(few) / timed(lambda: side.put(few))

        def analysed(documents: Documents = documents) -> float:
            return len(documents) / analysis(documents, dim)

        results.append(
            in_turns(
                {
                    "ours, batches of 64": lambda: batched(ours),
                    "ours, single": lambda: single(ours),
                    "FTS5, batches of 64": lambda: batched(fts5),
                    "FTS5, single": lambda: single(fts5),
                    "analysis + inversion": analysed,
                },
                turn,
            )
        )
    report(
        f"\nbatches, documents a second, {rounds} rounds of {count} batches",
        results,
        [
            ("ours, batches of 64", "ours, single"),
            ("ours, batches of 64", "FTS5, batches of 64"),
            ("ours, batches of 64", "analysis + inversion"),
            ("FTS5, batches of 64", "FTS5, single"),
        ],
    )
    return put, inserted


def analysis(documents: Documents, dim: int) -> float:
    """Seconds that the documents take from records to a segment in memory that is searched."""
    from rank_retrieve.analysis import Vocabulary, get_analyzer
    from rank_retrieve.collection.contents import Contents
    from rank_retrieve.collection.memtable_segment import memtable_segment
    from rank_retrieve.collection.record import to_record

    schema = Schema(fields(dim))
    records = [to_record(schema, document) for document in documents]
    vocabularies = {g.name: Vocabulary(get_analyzer(g.analyzer)) for g in schema.groups}
    start = time.perf_counter()
    memtable_segment(Contents.of(schema, records, vocabularies), vocabularies)
    return time.perf_counter() - start


def group_commit(
    ours: Ours, source: Iterator[Any], rounds: int, count: int, title: str = ""
) -> Documents:
    put: Documents = []
    results = []
    for turn in range(rounds):
        one = list(itertools.islice(source, count))
        many = list(itertools.islice(source, count * 4))
        put += one + many

        def alone(documents: Documents = one) -> float:
            return len(documents) / timed(lambda: ours.put(documents))

        def together(documents: Documents = many) -> float:
            return len(documents) / timed(lambda: ours.put_by_threads(documents))

        results.append(in_turns({"1 thread": alone, f"{THREADS} threads": together}, turn))
    report(
        f"\ngroup commit{title}, {rounds} rounds: {count} puts by one thread, "
        f"{4 * count} by {THREADS}",
        results,
        [(f"{THREADS} threads", "1 thread")],
    )
    return put


@contextmanager
def syncs_that_take(milliseconds: float) -> Iterator[None]:
    """Let each sync of a file sleep instead; the system rounds up by some 0.05 ms."""
    sync = directories.sync_descriptor
    directories.sync_descriptor = lambda fd: time.sleep(milliseconds / 1000)
    try:
        yield
    finally:
        directories.sync_descriptor = sync


def warm_up(folder: Path, dim: int, source: Iterator[Any]) -> float:
    """Seconds until the first put, flush and search have been made once: kernels included."""
    folder.mkdir()
    documents = list(itertools.islice(source, 200))
    seconds = -time.perf_counter()
    ours = Ours(folder, dim)
    ours.put(documents)
    ours.documents.search("history", mode="lexical")
    ours.check(documents)
    analysis(documents, dim)
    return seconds + time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=PASSAGES)
    parser.add_argument("--dim", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--count", type=int, default=50, help="single puts a round and side")
    parser.add_argument(
        "--simulate", type=float, nargs="*", default=[0.1, 1, 5], help="milliseconds a sync"
    )
    parser.add_argument("--scratch", type=Path, help="where to write; a real disk, not tmpfs")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    rounds, count = (31, 25) if arguments.quick else (arguments.rounds, arguments.count)
    source = passages(arguments.folder, arguments.dim)
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        folder = Path(scratch)
        seconds = warm_up(folder / "warm", arguments.dim, source)
        print(f"rank-retrieve {rr.__version__}, SQLite {sqlite3.sqlite_version}")
        print(f"first use, with loading or compiling kernels: {seconds:.1f} s, not counted below")
        ours, fts5 = Ours(folder, arguments.dim), FTS5(folder, arguments.dim)
        put, inserted = singles(ours, fts5, folder, source, rounds, count, arguments.dim)
        few = rounds // 3
        more, more_inserted = batches(ours, fts5, source, few, count // 5, arguments.dim)
        put += more + group_commit(ours, source, few, 2 * count)
        for milliseconds in arguments.simulate:
            title = f", syncs that sleep {milliseconds:g} ms"
            with syncs_that_take(milliseconds):
                put += group_commit(ours, source, max(5, few // 3), 2 * count, title)
        ours.check(put)
        fts5.check(inserted + more_inserted)
        print(f"\nreopened and checked: {len(put):,} documents")


if __name__ == "__main__":
    main()
