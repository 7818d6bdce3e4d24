import json

import msgspec
import pytest

from rank_retrieve.errors import CorruptionError, FormatVersionError, NotFound
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.reading import recover_beside_writer
from rank_retrieve.persistence.recovery import quarantine, recover, remove_orphans
from rank_retrieve.persistence.wal import WriteAheadLog
from rank_retrieve.persistence.wal_scan import TornTail
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind
from tests.persistence.mini_engine import ID, MiniEngine, records_of

SEGMENT = "segment-0000000001.rrs"
LOG = "wal-0000000002.log"


def example(*, close=False):
    """A database with one segment of two records and one record in the log."""
    directory = MemoryDirectory()
    engine = MiniEngine(directory)
    engine.put(b"one")
    engine.put(b"two")
    engine.flush()
    engine.put(b"three")
    if close:
        engine.log.close()
    return directory


def test_the_published_state_and_the_log_above_it_are_found():
    recovered = recover(example())
    assert recovered.manifest.generation == 2
    assert list(recovered.files) == [SEGMENT]
    assert records_of(recovered) == [b"one", b"two", b"three"]
    assert (recovered.next_lsn, recovered.next_wal_number) == (4, 3)
    assert recovered.torn_tail is None
    assert recovered.report.findings == []
    assert [step.name for step in recovered.report.steps] == [
        "identify",
        "select",
        "validate",
        "segments",
        "inventory",
        "log",
    ]


def test_looking_changes_nothing():
    directory = example()
    before = directory.files()
    counter = FaultDirectory(directory, Fault(FaultKind.EIO, 1, sticky=True))
    recover(counter)
    assert counter.failed == []
    assert directory.files() == before


def test_a_medium_without_writes_is_enough(tmp_path):
    writer = FSDirectory(tmp_path)
    engine = MiniEngine(writer)
    engine.put(b"one")
    engine.log.close()
    reader = FSDirectory(tmp_path, read_only=True)
    assert records_of(recover(reader)) == [b"one"]


def test_an_empty_directory_is_no_index():
    with pytest.raises(NotFound, match="Create it"):
        recover(MemoryDirectory())
    with pytest.raises(NotFound):
        recover(MemoryDirectory({"notes": b"mine", "manifest.1-1.tmp": b""}))


def test_what_a_creation_cut_short_leaves_is_no_index_and_is_cleared():
    directory = MemoryDirectory({"notes": b"mine", "manifest.1-1.tmp": b"half"})
    WriteAheadLog.create(directory, database_id=ID, number=1, next_lsn=1)
    with pytest.raises(NotFound):
        recover(directory)
    assert remove_orphans(directory, None) == ["manifest.1-1.tmp", "wal-0000000001.log"]
    assert directory.files() == {"notes": b"mine"}


@pytest.mark.parametrize("lost", ["segment", "log"])
def test_a_lost_manifest_is_damage_and_nothing_is_cleared(lost):
    directory = example()
    directory.delete("manifest")
    if lost == "log":
        directory.delete(SEGMENT)
    else:
        directory.delete(LOG)
    before = directory.files()
    with pytest.raises(CorruptionError, match="a manifest beside"):
        recover(directory)
    with pytest.raises(CorruptionError, match="a manifest beside"):
        remove_orphans(directory, None)
    assert directory.files() == before


def test_a_lost_segment_or_log_file_is_damage():
    for name in (SEGMENT, LOG):
        directory = example()
        directory.delete(name)
        with pytest.raises(CorruptionError) as caught:
            recover(directory)
        assert caught.value.file == name


def test_another_file_under_a_published_name_is_damage():
    directory = example()
    files = directory.files()
    for contents in (b"", b"x" * 500, files[SEGMENT][:-1], files[SEGMENT] + b"\0"):
        with pytest.raises(CorruptionError) as caught:
            recover(MemoryDirectory({**files, SEGMENT: contents}))
        assert caught.value.file == SEGMENT


def test_every_changed_byte_is_noticed_or_harmless():
    files = example(close=True).files()
    expected = [b"one", b"two", b"three"]
    for name, contents in files.items():
        for place in range(len(contents)):
            changed = bytearray(contents)
            changed[place] ^= 0x41
            try:
                found = recover(MemoryDirectory({**files, name: bytes(changed)}))
                records = records_of(found)
            except (CorruptionError, FormatVersionError):
                continue
            # only the witness, the last frame of the log, may be lost without harm
            assert records == expected, (name, place)


def test_every_truncation_gives_a_prefix_or_an_error():
    files = example(close=True).files()
    for name, contents in files.items():
        for size in range(len(contents)):
            try:
                found = recover(MemoryDirectory({**files, name: contents[:size]}))
                records = records_of(found)
            except (CorruptionError, FormatVersionError):
                continue
            assert name == LOG
            assert records in ([b"one", b"two"], [b"one", b"two", b"three"])


def test_a_log_that_ends_before_what_is_flushed_is_damage():
    directory = example()
    manifest = manifests.load(directory)
    entry = msgspec.structs.replace(manifest.collections[0], flushed_lsn=4)
    manifests.publish(directory, msgspec.structs.replace(manifest, collections=[entry]))
    with pytest.raises(CorruptionError, match="frames up to LSN 4, got the last is 3"):
        recover(directory)


def test_frames_that_are_flushed_are_not_given_again():
    directory = example()
    manifest = manifests.load(directory)
    collections = [
        manifests.CollectionEntry(1, "a", {}, flushed_lsn=3),
        manifests.CollectionEntry(2, "b", {}, flushed_lsn=2),
    ]
    for chosen, lsns in ((collections, [3]), (collections[:1], []), ([], [])):
        manifests.publish(
            directory,
            msgspec.structs.replace(manifest, collections=chosen, next_collection_id=3),
        )
        recovered = recover(directory)
        assert [frame.lsn for frame in recovered.frames] == lsns


def test_a_torn_tail_is_reported_set_aside_and_gone_after_re_homing():
    directory = example()
    engine = MiniEngine(MemoryDirectory())
    del engine
    files = directory.files()
    files[LOG] += b"half a frame" + bytes(20)
    torn = MemoryDirectory(files)
    recovered = recover(torn)
    assert recovered.torn_tail == TornTail(LOG, 104, 32)
    assert len(recovered.report.findings) == 1
    assert records_of(recovered) == [b"one", b"two", b"three"]
    engine = MiniEngine(torn)
    assert engine.quarantined == f"quarantine-{LOG}-104"
    assert torn.read(engine.quarantined, 100) == b"half a frame"
    again = recover(torn)
    assert again.report.findings == []
    assert again.inventory.quarantined == (engine.quarantined,)
    assert records_of(again) == [b"one", b"two", b"three"]


def test_setting_aside_again_changes_nothing_and_zeros_are_not_kept():
    directory = MemoryDirectory({LOG: b"headtail\0\0"})
    name = quarantine(directory, TornTail(LOG, 4, 6))
    before = directory.files()
    assert before[name] == b"tail"
    assert quarantine(directory, TornTail(LOG, 4, 6)) == name
    assert directory.files() == before
    assert quarantine(directory, TornTail(LOG, 8, 2)) is None


def test_orphans_are_removed_and_others_left_alone():
    directory = example()
    mine = {
        "notes.txt": b"mine",
        "quarantine-x": b"old",
        "segment-1.rrs": b"not a name of ours",
    }
    orphans = {
        "manifest.9-9.tmp": b"",
        "segment-0000000009.rrs": b"unpublished",
        "deletions-0000000009.rrs": b"unpublished",
        "encoder-0000000008.rrs": b"unpublished",
        "wal-0000000001.log": b"obsolete",
    }
    files = {**directory.files(), **mine, **orphans}
    directory = MemoryDirectory(files)
    recovered = recover(directory)
    assert set(recovered.inventory.orphans) == set(orphans)
    assert set(recovered.inventory.unknown) == {"notes.txt", "segment-1.rrs"}
    assert any("notes.txt is none of ours" in text for text in recovered.report.findings)
    kept = {"encoder-0000000008.rrs"}
    removed = remove_orphans(directory, recovered.manifest, keep=kept)
    assert set(removed) == set(orphans) - kept
    assert set(directory.list()) == set(files) - set(removed)
    assert remove_orphans(directory, recovered.manifest, keep=kept) == []


class Publishing(MemoryDirectory):
    """A directory in which a writer flushes and cleans up while a reader looks."""

    def __init__(self, files, times):
        super().__init__(files)
        self.times = times
        self.busy = False

    def list(self):
        if not self.busy and self.times:
            self.busy = True
            self.times -= 1
            MiniEngine(self).log.close()
            self.busy = False
        return super().list()


def test_a_reader_that_loses_files_to_a_writer_starts_over():
    directory = Publishing(example().files(), times=3)
    recovered = recover_beside_writer(directory)
    assert records_of(recovered) == [b"one", b"two", b"three"]
    assert recovered.manifest.generation > 2
    assert len(recovered.report.steps) == 6


def test_a_manifest_published_while_the_reader_looks_for_traces_is_read():
    files = example().files()
    contents = files.pop("manifest")

    class Late(MemoryDirectory):
        def list(self):
            if not self.exists("manifest"):
                output = self.create("manifest")
                output.write(contents)
            return super().list()

    assert records_of(recover(Late(files))) == [b"one", b"two", b"three"]


def test_views_outlive_the_files_they_came_from():
    directory = example()
    recovered = recover(directory)
    for name in directory.list():
        directory.delete(name)
    assert records_of(recovered) == [b"one", b"two", b"three"]


def test_an_error_names_its_step_in_the_report():
    from rank_retrieve.persistence.recovery import RecoveryReport

    directory = example()
    directory.delete(SEGMENT)
    report = RecoveryReport()
    with pytest.raises(CorruptionError):
        recover(directory, report=report)
    assert report.steps[-1].name == "segments"
    assert len(report.steps[-1].findings) == 1
    json.dumps(report.to_dict())
