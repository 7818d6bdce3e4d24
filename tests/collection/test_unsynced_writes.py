"""Writes that nobody synced: nothing is published, and no handle closed, without them."""

from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.testing.crash_directory import Crash, CrashDirectory
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind


def ids(crash: Crash) -> list[str]:
    with rr.open(crash.directory()) as db:
        return list(db.get_collection("c").ids())


def test_closing_after_a_failed_flush_syncs_what_was_never_synced() -> None:
    inner = CrashDirectory()
    directory = FaultDirectory(inner)
    db = rr.open(directory, durability="none", compaction="manual")
    collection = db.create_collection("c", fields={"text": rr.Text(analyzer="simple")})
    db._engine.writer.flush_bytes = 1
    # the log takes the batch, and then there is no room for its segment
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 2, sticky=True)
    collection.put({"id": "a", "text": "word"})
    with pytest.raises(rr.ReadOnlyError, match="flush behind"):
        collection.put({"id": "b", "text": "word"})
    db.close()
    inner.mark("closed")
    found = [ids(crash) for crash in inner.crashes() if crash.marks]
    assert found
    assert all(names == ["a"] for names in found)


def refused_by_the_log(inner: Any) -> tuple[rr.Database, FaultDirectory]:
    """Of two puts, "a" was acknowledged and never synced, "b" was refused for lack of space."""
    directory = FaultDirectory(inner)
    db = rr.open(directory, durability="none", compaction="manual")
    collection = db.create_collection("c", fields={"text": rr.Text(analyzer="simple")})
    collection.put({"id": "a", "text": "word"})
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 1, sticky=True)
    with pytest.raises(rr.NotCommitted):
        collection.put({"id": "b", "text": "word"})
    return db, directory


def test_closing_on_a_full_disk_syncs_what_was_never_synced() -> None:
    inner = CrashDirectory()
    db, _ = refused_by_the_log(inner)
    db.close()
    inner.mark("closed")
    assert [ids(crash) for crash in inner.crashes() if crash.marks] == [["a"]]


def test_closing_tells_when_what_was_acknowledged_could_not_be_synced() -> None:
    db, directory = refused_by_the_log(MemoryDirectory())
    directory.fault = Fault(
        FaultKind.SYNC_KEPT, directory.count(FaultKind.SYNC_KEPT) + 1, sticky=True
    )
    with pytest.raises(rr.OutcomeUnknown):
        db.close()


@pytest.mark.parametrize("durability", ["async", "none"])
def test_what_is_published_never_outlives_what_was_written_before(durability: Any) -> None:
    """A collection is made after a put that nobody synced: where it is, the document is too."""
    directory = CrashDirectory()
    db = rr.open(directory, durability=durability, compaction="manual", sync_interval_s=1000)
    collection = db.create_collection("c", fields={"text": rr.Text(analyzer="simple")})
    collection.put({"id": "a", "text": "word"})
    db.create_collection("other", fields={"text": rr.Text(analyzer="simple")})
    n_both = 0
    for crash in directory.crashes():
        with rr.open(crash.directory()) as again:
            if "other" in again:
                assert list(again.get_collection("c").ids()) == ["a"]
                n_both += 1
    db.close()
    assert n_both
