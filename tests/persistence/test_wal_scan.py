import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import FormatVersionError
from rank_retrieve.persistence import wal_frames
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.wal import FrameType, WriteAheadLog, scan
from rank_retrieve.persistence.wal_scan import TornTail

ID = b"0123456789abcdef"
ONE, TWO, THREE = (f"wal-000000000{number}.log" for number in (1, 2, 3))
FRAME = 40  # bytes of a frame with a body of up to seven bytes


def log_files(*batches_of_files, sync_each=True, close=False):
    """Files of a log: one list of bodies for each."""
    directory = MemoryDirectory()
    log = WriteAheadLog.create(directory, database_id=ID, number=1, next_lsn=1)
    for number, bodies in enumerate(batches_of_files):
        if number:
            log.rotate()
        for body in bodies:
            lsn = log.append(FrameType.BATCH, body)
            if sync_each:
                log.sync(lsn)
    if close:
        log.close()
    return directory.files()


def scanned(files, **options):
    return scan(MemoryDirectory(files), database_id=ID, **options)


def flipped(files, name, place):
    contents = bytearray(files[name])
    contents[place] ^= 0x10
    return {**files, name: bytes(contents)}


def found_bodies(result):
    return [bytes(frame.body) for frame in result.frames()]


def test_a_log_that_ends_with_its_frames_is_clean():
    result = scanned(log_files([b"a", b"b"], [b"c"]))
    assert (result.status, result.findings, result.tail) == ("clean", (), None)
    assert found_bodies(result) == [b"a", b"b", b"c"]
    assert (result.next_lsn, result.next_number) == (4, 3)
    assert result.n_bytes == 64 + 2 * FRAME + 64 + FRAME
    frame = next(iter(result.frames(2)))
    assert (frame.lsn, frame.type, frame.file, frame.offset) == (3, FrameType.BATCH, TWO, 64)


@pytest.mark.parametrize("zeros", [1, 7, 8, 31, 32, 1000, 300_000])
def test_zeros_after_the_frames_are_a_clean_end(zeros):
    files = log_files([b"a", b"b"])
    files[ONE] += bytes(zeros)
    result = scanned(files)
    assert result.status == "clean"
    assert found_bodies(result) == [b"a", b"b"]


@pytest.mark.parametrize("rest", [b"\1", bytes(100) + b"\1", b"\xff" * 100])
def test_other_bytes_after_the_frames_are_a_torn_tail(rest):
    files = log_files([b"a", b"b"])
    files[ONE] += rest
    result = scanned(files)
    assert result.status == "torn"
    assert result.tail == TornTail(ONE, 64 + 2 * FRAME, len(rest))
    assert found_bodies(result) == [b"a", b"b"]
    assert "LSN 3 at byte 144" in result.findings[0]


def test_every_truncation_leaves_a_prefix_and_no_complaint_but_torn():
    whole = log_files([b"a", b"bcd", b"efghijklmnop"])
    lengths = [64, 104, 144, 192]
    for size in range(64, len(whole[ONE]) + 1):
        result = scanned({ONE: whole[ONE][:size]})
        n_frames = sum(size >= end for end in lengths[1:])
        assert found_bodies(result) == [b"a", b"bcd", b"efghijklmnop"][:n_frames]
        assert result.status == ("clean" if size in lengths else "torn")


def test_a_frame_changed_after_its_sync_is_damage_when_a_later_one_tells():
    files = log_files([b"a", b"b", b"c"])
    for place in range(64, 64 + 2 * FRAME):
        result = scanned(flipped(files, ONE, place))
        assert result.status == "damaged", place
        assert "was written after its sync" in result.findings[0]


def test_a_frame_that_was_not_synced_may_be_torn_though_a_later_one_is_whole():
    files = log_files([b"a", b"b", b"c"], sync_each=False)
    result = scanned(flipped(files, ONE, 64 + FRAME + 5))
    assert result.status == "torn"
    assert found_bodies(result) == [b"a"]


def test_the_witness_of_a_clean_close_betrays_damage_to_the_last_frame():
    files = log_files([b"a", b"b"], close=True)
    result = scanned(flipped(files, ONE, 64 + FRAME + 33))
    assert result.status == "damaged"
    assert found_bodies(scanned(files)) == [b"a", b"b"]


def test_damage_in_a_file_that_has_a_successor_is_damage_without_any_witness():
    files = log_files([b"a", b"b"], [b"c"], sync_each=False)
    for place in range(64, 64 + 2 * FRAME):
        assert scanned(flipped(files, ONE, place)).status == "damaged", place


def test_a_file_that_ends_early_before_another_is_a_gap():
    files = log_files([b"a", b"b"], [b"c"])
    files[ONE] = files[ONE][: 64 + FRAME]
    result = scanned(files)
    assert result.status == "gap"
    assert f"ends before LSN 2, but {TWO} starts with 3" in result.findings[0]


def test_refused_bytes_before_a_file_that_goes_on_are_clean():
    files = log_files([b"a", b"b"], [b"c"])
    files[ONE] += b"half a frame"
    result = scanned(files)
    assert (result.status, result.findings) == ("clean", ())
    assert found_bodies(result) == [b"a", b"b", b"c"]


def test_a_missing_file_is_named():
    files = log_files([b"a"], [b"b"], [b"c"])
    del files[TWO]
    result = scanned(files)
    assert result.status == "missing"
    assert f"{TWO} is not there" in result.findings


def test_the_first_file_that_a_manifest_needs_must_be_there():
    files = log_files([b"a"], [b"b"])
    assert scanned(files, first=2).status == "clean"
    assert found_bodies(scanned(files, first=2)) == [b"b"]
    del files[ONE]
    assert scanned(files, first=1).status == "missing"
    assert scanned({}, first=3).findings == ("wal-0000000003.log is not there",)
    assert scanned({}).status == "missing"


@pytest.mark.parametrize("contents", [b"", b"\x89RRW", bytes(64), bytes(5000)])
def test_a_last_file_whose_header_never_arrived_is_torn(contents):
    files = log_files([b"a"])
    result = scanned({**files, TWO: contents})
    assert result.status == "torn"
    assert found_bodies(result) == [b"a"]
    assert (result.next_lsn, result.next_number) == (2, 3)


def test_a_damaged_header_above_frames_is_damage():
    files = log_files([b"a"], [b"b"])
    for name in (ONE, TWO):
        for place in range(64):
            assert scanned(flipped(files, name, place)).status == "damaged"


def test_a_damaged_header_is_damage_where_the_manifest_vouches_for_it():
    files = {ONE: bytes(64)}
    assert scanned(files).status == "torn"
    assert scanned(files, first=1).status == "damaged"


def test_a_file_of_another_database_or_number_is_damage():
    files = log_files([b"a"], [b"b"])
    assert scan(MemoryDirectory(files), database_id=b"x" * 16).status == "damaged"
    assert scanned({ONE: files[ONE], TWO: files[ONE]}).status == "damaged"


def test_a_frame_moved_within_its_file_is_refused():
    files = log_files([b"a", b"b"])
    frame = files[ONE][64 : 64 + FRAME]
    moved = files[ONE][:64] + bytes(FRAME) + frame
    assert scanned({ONE: moved}).status == "torn"
    assert found_bodies(scanned({ONE: moved})) == []


def test_a_frame_of_another_file_is_refused():
    files = log_files([b"a"], [b"b"])
    other = files[TWO][:64] + files[ONE][64:]
    assert found_bodies(scanned({ONE: files[ONE], TWO: other})) == [b"a"]


def header(version=1, flags=0, first_lsn=1):
    start = b"\x89RRWAL\r\n" + version.to_bytes(2, "little") + flags.to_bytes(2, "little")
    start += bytes(4) + ID + (1).to_bytes(8, "little") + first_lsn.to_bytes(8, "little")
    start += bytes(12)
    return start + crc32c(start).to_bytes(4, "little")


def frame(offset, lsn, body=b"", *, durable=0, kind=1, length=None, seed=None):
    n = len(body) if length is None else length
    first = lsn.to_bytes(8, "little") + n.to_bytes(4, "little")
    rest = durable.to_bytes(8, "little") + bytes([kind]) + bytes(7) + body
    rest += bytes(7 - len(body) % 8) + b"\x5a"
    seed = int.from_bytes(header()[-4:], "little") if seed is None else seed
    checksum = crc32c(offset.to_bytes(8, "little") + first + rest, seed)
    return first + checksum.to_bytes(4, "little") + rest


def test_newer_logs_are_refused():
    with pytest.raises(FormatVersionError, match="version 2"):
        scanned({ONE: header(version=2)})
    with pytest.raises(FormatVersionError, match="flags 0x1"):
        scanned({ONE: header(flags=1)})
    with pytest.raises(FormatVersionError, match="frame type 9"):
        scanned({ONE: header() + frame(64, 1, kind=9)})
    assert found_bodies(scanned({ONE: header() + frame(64, 1, b"x")})) == [b"x"]


@pytest.mark.parametrize(
    "contents",
    [
        header() + frame(64, 1, durable=1),
        header() + frame(64, 1, length=2**32 - 1),
        header() + frame(64, 1, length=2**32 - 33),
        header() + frame(64, 2**64 - 1),
        header() + frame(64, 0, kind=0),
    ],
)
def test_forged_frames_end_the_log(contents):
    result = scanned({ONE: contents})
    assert result.status in ("torn", "damaged")
    assert found_bodies(result) == []


def test_a_first_lsn_out_of_range_is_damage():
    assert scanned({ONE: header(first_lsn=0)}).status == "damaged"
    assert scanned({ONE: header(first_lsn=2**64 - 1)}).status == "damaged"


def test_imitations_of_frames_do_not_make_the_search_quadratic(monkeypatch):
    checked = []
    real = wal_frames.crc32c

    def counting(buffer, seed=0):
        checked.append(len(buffer))
        return real(buffer, seed)

    monkeypatch.setattr(wal_frames, "crc32c", counting)
    n = 20_000
    words = b"".join(
        (5).to_bytes(8, "little")
        + (32 * (n - number) - 64).to_bytes(4, "little")
        + bytes(4)
        + (1).to_bytes(8, "little")
        + (1).to_bytes(8, "little")
        for number in range(n - 10)
    )
    contents = header() + b"\xff" * 8 + words + b"\x5a" * 8
    result = scanned({ONE: contents})
    assert result.status == "damaged"
    assert "imitate" in result.findings[0]
    assert sum(checked) < 20 * len(contents)


def test_evidence_is_found_across_the_chunks_of_the_search(monkeypatch):
    files = log_files([b"%d" % number for number in range(10)])
    for words in (1, 2, 3, 5, 7):
        monkeypatch.setattr(wal_frames, "CHUNK_WORDS", words)
        assert scanned(flipped(files, ONE, 70)).status == "damaged"


def test_a_frame_completed_while_the_reader_looked_is_no_damage(monkeypatch):
    files = log_files([b"a", b"b", b"c"])
    real = wal_frames.frame_end
    refused = [64]

    def once(file, offset, seed, lsn):
        if offset in refused and lsn == 1:
            refused.remove(offset)
            return 0
        return real(file, offset, seed, lsn)

    monkeypatch.setattr(wal_frames, "frame_end", once)
    result = scanned(files)
    assert result.status == "clean"
    assert found_bodies(result) == [b"a", b"b", b"c"]


def test_frames_can_be_iterated_again_and_counted():
    frames = scanned(log_files([b"a", b"b"], [b"c"], close=True)).frames(1)
    assert len(frames) == 2
    assert [f.lsn for f in frames] == [f.lsn for f in frames] == [2, 3]
    assert list(scanned(log_files([b"a"])).frames(99)) == []


@given(st.binary(max_size=400), st.booleans())
@settings(deadline=None, max_examples=100)
def test_arbitrary_bytes_never_raise_and_never_hide_earlier_frames(rest, with_header):
    files = log_files([b"a"])
    files[TWO] = rest if not with_header else log_files([b"a"], [])[TWO] + rest
    result = scanned(files)
    assert found_bodies(result)[:1] == [b"a"]
    assert result.status in ("clean", "torn", "damaged")


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_random_damage_gives_a_prefix(data):
    bodies = [b"%d" % number * number for number in range(8)]
    files = log_files(bodies[:4], bodies[4:], close=data.draw(st.booleans()))
    name = data.draw(st.sampled_from([ONE, TWO]))
    contents = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = scanned({**files, name: bytes(contents)})
    except FormatVersionError:
        return
    if result.status in ("clean", "torn"):
        found = found_bodies(result)
        assert found == bodies[: len(found)]


def test_a_file_that_was_never_started_may_lie_between_others():
    files = log_files([b"a"], [], [b"b"])
    result = scanned({**files, TWO: b"\x89RR"})
    assert (result.status, result.findings) == ("clean", ())
    assert found_bodies(result) == [b"a", b"b"]
    files = log_files([b"a"], [b"lost"], [b"b"])
    result = scanned({**files, TWO: b""})
    assert result.status == "gap"
