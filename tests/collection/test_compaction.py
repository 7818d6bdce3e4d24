"""Compaction: one segment out of many, while the database is used."""

import errno
import random
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection import compaction
from rank_retrieve.collection.documents import SMALL, stream_documents
from rank_retrieve.collection.merge_policy import MergePolicy
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.inventory import take_inventory
from rank_retrieve.persistence.segment import SegmentWriter

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}


def doc(number: int, version: int = 0) -> dict[str, Any]:
    return {
        "id": f"d{number}",
        "text": f"word even{number % 2} only{number}",
        "vector": [number + 1.0, version + 1.0],
        "n": version,
    }


def filled(path: Path, segments: int = 4, per_segment: int = 5, **options: Any) -> rr.Database:
    db = rr.open(path, compaction="manual", durability="none", **options)
    documents = db.create_collection("c", fields=FIELDS)
    for segment in range(segments):
        start = segment * per_segment
        documents.put_many([doc(number) for number in range(start, start + per_segment)])
        documents.flush()
    return db


def orphans(path: Path) -> tuple[str, ...]:
    directory = FSDirectory(path, read_only=True)
    return take_inventory(directory, manifests.load(directory)).orphans


def n_segments(db: rr.Database) -> int:
    segments = db.get_collection("c").info()["segments"]
    assert isinstance(segments, int)
    return segments


def test_compact_leaves_one_segment_and_only_its_file(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        documents = db.get_collection("c")
        for number in range(0, 20, 2):
            documents.delete(f"d{number}")
        documents.put(doc(100))  # in the memtable: compact flushes it
        before = documents.search("word", k=30)
        documents.compact()
        after = documents.search("word", k=30)
        assert after.ids.tolist() == before.ids.tolist()
        assert after.scores.tolist() == before.scores.tolist()
        info = documents.info()
        assert (info["segments"], info["deleted"], info["memtable_documents"]) == (1, 0, 0)
        assert documents.verify().ok
        assert len(list(tmp_path.glob("segment-*"))) == 1
        assert list(tmp_path.glob("deletions-*")) == []
    assert orphans(tmp_path) == ()
    with rr.open(tmp_path) as again:
        assert list(again.get_collection("c").ids()) == [f"d{n}" for n in range(1, 20, 2)] + [
            "d100"
        ]


def test_the_space_of_deleted_documents_is_free_again(tmp_path: Path) -> None:
    rng = random.Random(1)
    with rr.open(tmp_path, compaction="manual", durability="none") as db:
        documents = db.create_collection("c", fields={"text": rr.Text()})
        documents.put_many(
            {"id": str(i), "text": "word", "noise": rng.randbytes(500)} for i in range(1_000)
        )
        documents.flush()
        full = documents.info()["segment_bytes"]
        for i in range(900):
            documents.delete(str(i))
        documents.compact()
        assert documents.info()["segment_bytes"] < 0.15 * full


def test_compacting_what_is_compact_writes_nothing(tmp_path: Path) -> None:
    with filled(tmp_path, segments=1) as db:
        generation = db.info()["generation"]
        db.compact()  # a flush compresses quickly: once it pays to write its segment again
        assert db.info()["generation"] == generation + 1
        db.compact()
        db.compact()
        assert db.info()["generation"] == generation + 1


def test_segments_of_flushes_and_merges_are_refused_by_who_does_not_know_words(
    tmp_path: Path,
) -> None:
    with filled(tmp_path, segments=2) as db:
        for _ in range(2):
            headers = [file.read_bytes()[10:12] for file in tmp_path.glob("segment-*")]
            assert headers == [b"\x01\x00"] * n_segments(db)
            db.compact()


def test_compacting_nothing_is_fine() -> None:
    with rr.open(":memory:") as db:
        db.compact()
        db.create_collection("c", fields=FIELDS).compact()
        assert n_segments(db) == 0


def test_database_compact_takes_every_collection(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        other = db.create_collection("other", fields=FIELDS)
        for number in range(3):
            other.put(doc(number))
            other.flush()
        stages: list[str] = []
        db.compact(lambda stage, done, total: stages.append(stage))
        assert (n_segments(db), other.info()["segments"]) == (1, 1)
        assert set(stages) == {"ids", "words", "vectors", "documents"}


def test_a_reading_handle_cannot_compact(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with rr.open(tmp_path, mode="r") as db:
        with pytest.raises(rr.ReadOnlyError):
            db.get_collection("c").compact()
        with pytest.raises(rr.ReadOnlyError):
            db.compact()


@pytest.mark.parametrize("mode", ["now", None, True, 1])
def test_an_unknown_compaction_mode_is_refused(mode: Any) -> None:
    with pytest.raises(rr.InvalidArgument, match=r"compaction.*background.*manual"):
        rr.open(":memory:", compaction=mode)


# --------------------------------------------------------------------------- meanwhile


def during(db: rr.Database, stage: str, action: Callable[[], Any]) -> None:
    """Compact, and act once when the merge reaches a stage."""
    done: list[str] = []

    def progress(now: str, at: int, total: int) -> None:
        if now == stage and not done:
            done.append(now)
            action()

    db.get_collection("c").compact(progress)
    assert done == [stage]


@pytest.mark.parametrize("stage", ["ids", "words", "vectors", "documents"])
@pytest.mark.parametrize("flush", [False, True], ids=["in the log", "flushed"])
@pytest.mark.parametrize("reopen", [False, True], ids=["seen at once", "after reopening"])
def test_what_is_deleted_and_put_during_a_merge_counts(
    tmp_path: Path, stage: str, flush: bool, reopen: bool
) -> None:
    db = filled(tmp_path)
    documents = db.get_collection("c")
    documents.delete("d3")

    def change() -> None:
        documents.delete("d4")
        documents.delete("d19")
        documents.put(doc(7, version=1))
        documents.put(doc(50))
        if flush:
            documents.flush()

    during(db, stage, change)
    assert n_segments(db) == (2 if flush else 1)
    if reopen:
        db.close()
        assert orphans(tmp_path) == ()
        db = rr.open(tmp_path, compaction="manual")
        documents = db.get_collection("c")
    wanted = [doc(n) for n in range(20) if n not in (3, 4, 7, 19)] + [doc(7, 1), doc(50)]
    assert list(documents.ids()) == [d["id"] for d in wanted]
    fresh = rr.open(":memory:").create_collection("c", fields=FIELDS)
    fresh.put_many(wanted)
    for query in ("word", "even1", "only7 only4 only50"):
        got, expected = (c.search(query, k=30, mode="lexical") for c in (documents, fresh))
        assert got.ids.tolist() == expected.ids.tolist()
        assert got.scores.tolist() == expected.scores.tolist()
    assert documents.verify().ok
    db.close()


@pytest.mark.parametrize("flush", [False, True], ids=["in the log", "flushed"])
def test_when_all_documents_are_deleted_during_a_merge_no_segment_stays(
    tmp_path: Path, flush: bool
) -> None:
    with filled(tmp_path) as db:
        documents = db.get_collection("c")

        def delete_all() -> None:
            for number in range(20):
                documents.delete(f"d{number}")
            if flush:
                documents.flush()

        during(db, "documents", delete_all)
        assert (n_segments(db), len(documents)) == (0, 0)
        assert list(tmp_path.glob("segment-*")) == []
    with rr.open(tmp_path) as again:
        assert len(again.get_collection("c")) == 0


def test_an_input_that_lost_all_documents_meanwhile_is_no_hindrance(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        documents = db.get_collection("c")

        def delete_the_second_segment() -> None:
            for number in range(5, 10):
                documents.delete(f"d{number}")
            documents.flush()
            documents.put(doc(30))
            documents.flush()
            assert n_segments(db) == 4

        during(db, "documents", delete_the_second_segment)
        assert n_segments(db) == 2
        assert list(documents.ids()) == [f"d{n}" for n in (*range(5), *range(10, 20), 30)]
        assert documents.verify().ok


def test_dropping_the_collection_ends_the_merge(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        with pytest.raises(rr.NotFound, match="dropped"):
            during(db, "words", lambda: db.drop_collection("c"))
        assert list(tmp_path.glob("*.rrs")) == []


def test_closing_the_database_ends_the_merge(tmp_path: Path) -> None:
    db = filled(tmp_path)
    with pytest.raises(rr.InvalidArgument, match="closed"):
        during(db, "words", db.close)
    assert orphans(tmp_path) == ()
    with rr.open(tmp_path) as again:
        assert n_segments(again) == 4
        assert len(again.get_collection("c")) == 20


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError, ZeroDivisionError])
def test_a_progress_callback_that_raises_leaves_everything_as_it_was(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def stop() -> None:
        raise error

    with filled(tmp_path) as db:
        files = sorted(path.name for path in tmp_path.iterdir())
        with pytest.raises(error):
            during(db, "documents", stop)
        assert sorted(path.name for path in tmp_path.iterdir()) == files
        db.get_collection("c").put(doc(77))  # not poisoned
        db.compact()
        assert n_segments(db) == 1


def test_an_error_of_the_callback_while_documents_stream_is_not_one_of_the_disk(
    tmp_path: Path,
) -> None:
    with rr.open(tmp_path, compaction="manual", durability="none") as db:
        documents = db.create_collection("c", fields=FIELDS)
        documents.put_many({"id": str(i), "text": "word " * 9_000} for i in range(9))
        documents.flush()

        def progress(stage: str, at: int, total: int) -> None:
            if stage == "documents" and 0 < at < total:
                raise BrokenPipeError

        with pytest.raises(BrokenPipeError):
            documents.compact(progress)
        documents.put(doc(77))  # not poisoned
        documents.compact()
        assert len(documents) == 10


def test_a_full_disk_leaves_the_old_segments_and_compact_can_be_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(tmp_path) as db:
        files = sorted(path.name for path in tmp_path.iterdir())

        def full(self: SegmentWriter, name: str, *buffers: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(SegmentWriter, "add", full)
            with pytest.raises(rr.ResourceExhausted, match="compact"):
                db.compact()
        assert sorted(path.name for path in tmp_path.iterdir()) == files
        db.compact()
        assert n_segments(db) == 1


def test_snapshots_and_other_readers_keep_what_they_saw(tmp_path: Path) -> None:
    with filled(tmp_path) as db:
        documents = db.get_collection("c")
        reader = rr.open(tmp_path, mode="r")
        with documents.snapshot() as view:
            documents.delete("d3")
            documents.compact()
            assert len(list(tmp_path.glob("segment-*"))) == 1  # the old files have no name left
            for seen in (view, reader.get_collection("c")):
                assert len(seen) == 20
                assert len(seen.search("word", k=30)) == 20
                assert seen.search("only3").ids.tolist() == ["d3"]
                assert seen.get("d3") == {**doc(3), "vector": pytest.approx([4.0, 1.0])}
        assert documents.search("only3", mode="lexical").ids.tolist() == []
        reader.close()
        with rr.open(tmp_path, mode="r") as newer:
            assert len(newer.get_collection("c")) == 19


# --------------------------------------------------------------------------- in the background


def test_many_flushes_leave_few_segments(tmp_path: Path) -> None:
    with rr.open(tmp_path, durability="none") as db:
        documents = db.create_collection("c", fields=FIELDS)
        for number in range(60):
            documents.put(doc(number))
            documents.flush()
        db._engine.compaction.wait()
        assert n_segments(db) < 10
        assert db.info().get("compaction_stopped") is None
        assert list(documents.ids()) == [f"d{number}" for number in range(60)]
        assert documents.verify().ok
    assert orphans(tmp_path) == ()


def test_space_comes_back_by_itself_in_proportion_to_deletes(tmp_path: Path) -> None:
    rng = random.Random(4)
    with rr.open(tmp_path, durability="none") as db:
        db._engine.compaction.policy = MergePolicy(floor_bytes=1_000)
        documents = db.create_collection("c", fields={"text": rr.Text()})
        for start in range(0, 1_000, 250):
            documents.put_many(
                {"id": str(i), "text": "word", "noise": rng.randbytes(300)}
                for i in range(start, start + 250)
            )
            documents.flush()
        sizes = [documents.info()["segment_bytes"]]
        for gone in (range(0, 1_000, 2), range(1, 1_000, 4)):
            batch = rr.WriteBatch()
            for i in gone:
                batch.delete(str(i))
            documents.write(batch)
            documents.flush()
            db._engine.compaction.wait()
            sizes.append(documents.info()["segment_bytes"])
        assert sizes[1] < 0.55 * sizes[0]
        assert sizes[2] < 0.30 * sizes[0]
        assert len(documents) == 250
        assert documents.verify().ok


def test_documents_larger_than_memory_may_be_are_streamed_through_a_merge(tmp_path: Path) -> None:
    rng = random.Random(6)
    writer = SegmentWriter(FSDirectory(tmp_path), "s.rrs", kind="t")
    bodies = (rng.randbytes(1 << 18) for _ in range(200))  # 50 MiB
    tracemalloc.start()
    try:
        stream_documents(writer, None, bodies, SMALL)
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    assert writer.finish().size > 50 << 20


def test_by_hand_means_never_by_itself(tmp_path: Path) -> None:
    with filled(tmp_path, segments=30, per_segment=1) as db:
        db._engine.compaction.wait()
        assert n_segments(db) == 30


def test_a_segment_with_many_deletes_is_rewritten_after_the_next_flush(tmp_path: Path) -> None:
    with rr.open(tmp_path, durability="none") as db:
        db._engine.compaction.policy = MergePolicy(floor_bytes=1)
        documents = db.create_collection("c", fields=FIELDS)
        documents.put_many([doc(number) for number in range(10)])
        documents.flush()
        for number in range(4):
            documents.delete(f"d{number}")
        documents.flush()
        db._engine.compaction.wait()
        info = documents.info()
        assert (info["segments"], info["deleted"], info["documents"]) == (1, 0, 6)


def test_writers_and_searchers_go_on_while_segments_are_merged(tmp_path: Path) -> None:
    """Three writers on their own ids, one searcher; afterwards all is as if written at once."""
    db = rr.open(tmp_path, durability="none", flush_bytes=500)
    db._engine.compaction.policy = MergePolicy(fanout=3, max_segments=5, floor_bytes=500)
    documents = db.create_collection("c", fields=FIELDS)
    finished = threading.Event()
    expected: list[dict[str, dict[str, Any]]] = [{}, {}, {}]

    def write(writer: int) -> None:
        rng = random.Random(writer)
        mine = expected[writer]
        for step in range(150):
            number = 1_000 * writer + rng.randrange(40)
            if rng.random() < 0.4:
                documents.delete(f"d{number}")
                mine.pop(f"d{number}", None)
            else:
                documents.put(doc(number, step))
                mine[f"d{number}"] = doc(number, step)

    def search() -> None:
        while not finished.is_set():
            with documents.snapshot() as view:
                hits = view.search("word", k=500, mode="lexical")
                assert sorted(hits.ids) == sorted(view.ids())

    with ThreadPoolExecutor(4) as pool:
        searching = pool.submit(search)
        writing = [pool.submit(write, writer) for writer in range(3)]
        for writer in writing:
            writer.exception()
        finished.set()
        for done in (searching, *writing):
            done.result()
    db.flush()
    db._engine.compaction.wait()
    assert n_segments(db) <= 5
    assert db.info().get("compaction_stopped") is None
    generation = db.info()["generation"]
    assert generation > 30  # flushes and merges did happen
    order = list(documents.ids())
    live = {name: document for mine in expected for name, document in mine.items()}
    assert sorted(order) == sorted(live)
    fresh = rr.open(":memory:").create_collection("c", fields=FIELDS)
    fresh.put_many([live[name] for name in order])
    for _ in range(2):
        for query in ("word", "even1", "only7 only1007 only2007"):
            got, wanted = (c.search(query, k=200, mode="lexical") for c in (documents, fresh))
            assert got.ids.tolist() == wanted.ids.tolist()
            assert got.scores.tolist() == wanted.scores.tolist()
        assert documents.verify().ok
        db.close()
        assert orphans(tmp_path) == ()
        db = rr.open(tmp_path)
        documents = db.get_collection("c")
    db.close()


def test_readers_that_open_while_segments_are_merged_see_whole_batches(tmp_path: Path) -> None:
    """Every batch moves an amount between two documents, so that the sum stays what it was."""
    accounts, total = 6, 600
    db = rr.open(tmp_path, durability="none", flush_bytes=200)
    db._engine.compaction.policy = MergePolicy(fanout=2)
    documents = db.create_collection("c", fields={"text": rr.Text(analyzer="simple")})
    amounts = [total // accounts] * accounts
    documents.put_many(
        {"id": str(i), "text": "account", "amount": n} for i, n in enumerate(amounts)
    )
    finished = threading.Event()

    def read() -> int:
        opened = 0
        while not finished.is_set() or not opened:
            with rr.open(tmp_path, mode="r") as reader:
                seen = list(reader.get_collection("c").documents())
                assert len(seen) == accounts
                assert sum(document["amount"] for document in seen) == total
                assert len(reader.get_collection("c").search("account", k=9)) == accounts
            opened += 1
        return opened

    rng = random.Random(5)
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for _ in range(120):
            giver, taker = rng.sample(range(accounts), 2)
            amounts[giver] -= 1
            amounts[taker] += 1
            batch = rr.WriteBatch()
            for i in (giver, taker):
                batch.put({"id": str(i), "text": "account", "amount": amounts[i]})
            documents.write(batch)
        finished.set()
        assert sum(reader.result() for reader in readers) >= 2
    db._engine.compaction.wait()
    assert db.info().get("compaction_stopped") is None
    db.close()
    assert orphans(tmp_path) == ()


def test_closing_does_not_wait_for_a_merge_to_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, merge = threading.Event(), compaction.merge_segments

    def endless(sink: Any, schema: Any, parts: Any, step: Any) -> None:
        merge(sink, schema, parts, step)
        started.set()
        while True:
            step("documents", 1, 2)

    monkeypatch.setattr(compaction, "merge_segments", endless)
    db = rr.open(tmp_path, durability="none")
    db._engine.compaction.policy = MergePolicy(fanout=2)
    documents = db.create_collection("c", fields=FIELDS)
    for number in range(2):
        documents.put(doc(number))
        documents.flush()
    assert started.wait(30)
    db.close()
    assert orphans(tmp_path) == ()
    names = [thread.name for thread in threading.enumerate()]
    assert "rank-retrieve-compaction" not in names
    monkeypatch.undo()
    with rr.open(tmp_path) as again:
        assert list(again.get_collection("c").ids()) == ["d0", "d1"]


def test_a_progress_callback_may_close_a_database_whose_background_waits(tmp_path: Path) -> None:
    filled(tmp_path, segments=12, per_segment=1).close()
    db = rr.open(tmp_path)
    documents = db.get_collection("c")
    documents.put(doc(50))  # compact flushes it, and that wakes the background
    with pytest.raises(rr.InvalidArgument, match="closed"):
        documents.compact(lambda *_: db.close())
    with rr.open(tmp_path) as again:
        assert len(again.get_collection("c")) == 13


def test_damage_that_a_merge_finds_is_named_and_the_segments_stay(tmp_path: Path) -> None:
    filled(tmp_path, segments=2, per_segment=50).close()
    file = min(tmp_path.glob("segment-*"))
    contents = bytearray(file.read_bytes())
    contents[contents.index(b"d17")] ^= 1  # in the ids, which opening does not read
    file.write_bytes(contents)
    files = sorted(path.name for path in tmp_path.glob("*.rrs"))
    with rr.open(tmp_path, compaction="manual") as db:
        with pytest.raises(rr.CorruptionError, match=file.name):
            db.compact()
        assert n_segments(db) == 2
        assert sorted(path.name for path in tmp_path.glob("*.rrs")) == files


def test_a_merge_that_fails_in_the_background_is_told_by_info(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: Any) -> None:
        raise rr.CorruptionError("segment-7", 12, "a block", "another")

    monkeypatch.setattr(compaction, "merge_segments", damaged)
    with rr.open(tmp_path, durability="none") as db:
        db._engine.compaction.policy = MergePolicy(fanout=2)
        documents = db.create_collection("c", fields=FIELDS)
        for number in range(4):
            documents.put(doc(number))
            documents.flush()
            db._engine.compaction.wait()
        assert "segment-7 at byte 12" in db.info()["compaction_stopped"]
        assert n_segments(db) == 4
        assert len(documents.search("word")) == 4
    assert orphans(tmp_path) == ()


def test_a_full_disk_in_the_background_is_tried_again_after_the_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rr.open(tmp_path, durability="none") as db:
        db._engine.compaction.policy = MergePolicy(fanout=2)
        documents = db.create_collection("c", fields=FIELDS)
        documents.put(doc(0))
        documents.flush()

        def full(*_: Any) -> None:
            raise rr.ResourceExhausted("disk", "no space")

        with monkeypatch.context() as patch:
            patch.setattr(compaction, "merge_segments", full)
            documents.put(doc(1))
            documents.flush()
            db._engine.compaction.wait()
        assert n_segments(db) == 2
        documents.put(doc(2))
        documents.flush()
        db._engine.compaction.wait()
        assert n_segments(db) == 1
