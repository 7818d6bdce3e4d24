"""What a memtable counts, and that a log of deletes ends too."""

import rank_retrieve as rr
from rank_retrieve.collection.memtable import Memtable
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.persistence import MemoryDirectory


def test_puts_and_deletes_are_counted() -> None:
    memtable = Memtable(Schema({"text": rr.Text()}), {})
    memtable.apply({"ab": Record("ab", b"12345")})
    assert memtable.nbytes == 2 + 5 + 32
    memtable.apply({"ab": None, "unknown": None})
    assert memtable.nbytes == 39 + 2 + 32 + 7 + 32


def test_a_log_of_deletes_is_flushed_like_one_of_puts() -> None:
    directory = MemoryDirectory()
    with rr.open(directory, compaction="manual", flush_bytes=1 << 16) as db:
        documents = db.create_collection("c", fields={"text": rr.Text()})
        documents.put_many({"id": f"document {i:040}", "text": "x"} for i in range(6_000))
        db.flush()
        for start in range(0, 6_000, 500):
            batch = rr.WriteBatch()
            for i in range(start, start + 500):
                batch.delete(f"document {i:040}")
            documents.write(batch)
            log = sum(directory.size(name) for name in directory.list() if name[:3] == "wal")
            assert log < 2 << 16
        assert len(documents) == 0
