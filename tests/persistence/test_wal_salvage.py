"""Whole frames before and after damage, and what is said about those between."""

from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.wal import FrameType, WriteAheadLog, scan
from rank_retrieve.persistence.wal_salvage import salvage_log

ID = bytes(range(16))
FRAME = 32 + 8  # header, then a body of 1..7 bytes with its padding


def log(bodies: list[bytes], *, segment_bytes: int = 1 << 20) -> dict[str, bytes]:
    directory = MemoryDirectory()
    wal = WriteAheadLog.create(
        directory, database_id=ID, number=1, next_lsn=1, segment_bytes=segment_bytes
    )
    for body in bodies:
        wal.sync(wal.append(FrameType.BATCH, body))
    wal.close()
    return {name: data.rstrip(b"\0") for name, data in directory.files().items()}


def salvaged(
    files: dict[str, bytes], *, known: bool = True, first: int | None = 1, durable_lsn: int = 0
):
    found = salvage_log(
        MemoryDirectory(files),
        database_id=ID if known else None,
        first=first,
        durable_lsn=durable_lsn,
    )
    frames = [(frame.lsn, bytes(frame.body)) for frame in found.frames()]
    return frames, [(gap.first, gap.last) for gap in found.lost]


NAME = "wal-0000000001.log"
BODIES = [b"one", b"two", b"three", b"four"]
ALL = [(1, b"one"), (2, b"two"), (3, b"three"), (4, b"four")]


def damaged(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]


def test_a_sound_log_gives_every_frame_and_no_loss() -> None:
    assert salvaged(log(BODIES)) == (ALL, [])


def test_a_damaged_frame_is_a_gap_between_those_around_it() -> None:
    data = log(BODIES)[NAME]
    for place in (64 + FRAME, 64 + FRAME + 9, 64 + FRAME + 13, 64 + FRAME + 33):
        frames, lost = salvaged({NAME: damaged(data, place)})
        assert frames == [ALL[0], *ALL[2:]]
        assert lost == [(2, 2)]


def test_two_neighbours_are_one_gap() -> None:
    data = log(BODIES)[NAME]
    data = damaged(damaged(data, 64 + FRAME + 33), 64 + 2 * FRAME + 33)
    assert salvaged({NAME: data}) == ([ALL[0], ALL[3]], [(2, 3)])


def test_a_torn_end_is_an_open_loss() -> None:
    data = log(BODIES)[NAME][: 64 + 4 * FRAME]  # without the witness that closing adds
    assert salvaged({NAME: data[:-3]}) == (ALL[:3], [(4, None)])
    assert salvaged({NAME: data + b"\x01"}) == (ALL, [(5, None)])


def test_a_header_is_rebuilt_from_what_it_must_have_been() -> None:
    data = log(BODIES)[NAME]
    for place in (0, 9, 20, 33, 41, 63):
        assert salvaged({NAME: damaged(data, place)}) == (ALL, []), place


def test_the_database_id_is_taken_from_a_header_when_nobody_knows_it() -> None:
    assert salvaged(log(BODIES), known=False, first=None) == (ALL, [])


def test_frames_of_another_database_are_never_taken() -> None:
    files = log(BODIES)
    found = salvage_log(MemoryDirectory(files), database_id=bytes(16), first=1)
    assert list(found.frames()) == []


def test_a_missing_file_is_a_gap_and_the_files_around_it_are_read() -> None:
    files = log(BODIES, segment_bytes=64 + FRAME)
    assert len(files) == 4
    del files["wal-0000000002.log"]
    frames, lost = salvaged(files)
    assert frames == [ALL[0], *ALL[2:]]
    assert lost == [(2, 2)]


def test_every_flipped_byte_costs_at_most_one_frame_and_invents_none() -> None:
    data = log(BODIES)[NAME]
    for place in range(len(data)):
        frames, _ = salvaged({NAME: damaged(data, place)})
        assert set(frames) <= set(ALL)
        assert len(frames) >= 3


def test_every_truncation_keeps_the_frames_before_it() -> None:
    data = log(BODIES)[NAME]
    for size in range(len(data)):
        frames, _ = salvaged({NAME: data[:size]})
        assert frames == ALL[: max(0, size - 64) // FRAME]


# --------------------------------------------------------------------------- never synced


def unsynced(bodies: list[bytes], *, number: int = 1, next_lsn: int = 1) -> dict[str, bytes]:
    """A log whose writer vanished without a sync."""
    directory = MemoryDirectory()
    wal = WriteAheadLog.create(directory, database_id=ID, number=number, next_lsn=next_lsn)
    for body in bodies:
        wal.append(FrameType.BATCH, body)
    return {name: data.rstrip(b"\0") for name, data in directory.files().items()}


SECOND = 64 + FRAME + 33  # in the body of the second frame


def test_whole_frames_behind_a_torn_one_are_left_out_as_opening_does() -> None:
    files = {NAME: damaged(unsynced(BODIES)[NAME], SECOND)}
    assert salvaged(files) == (ALL[:1], [(2, None)])
    (left,) = salvage_log(MemoryDirectory(files), database_id=ID, first=1).lost
    assert "LSN 3 to 4" in str(left)
    assert "left out" in str(left)


def test_a_manifest_vouches_for_frames_that_the_log_does_not() -> None:
    files = {NAME: damaged(unsynced(BODIES)[NAME], SECOND)}
    assert salvaged(files, durable_lsn=1) == (ALL[:1], [(2, None)])
    assert salvaged(files, durable_lsn=2) == ([ALL[0], *ALL[2:]], [(2, 2)])


def test_only_the_gap_that_nothing_vouches_for_ends_the_log() -> None:
    directory = MemoryDirectory()
    wal = WriteAheadLog.create(directory, database_id=ID, number=1, next_lsn=1)
    for body in BODIES:
        lsn = wal.append(FrameType.BATCH, body)
        if lsn == 2:
            wal.sync(lsn)
    data = directory.files()[NAME].rstrip(b"\0")
    data = damaged(damaged(data, 64 + 33), 64 + 2 * FRAME + 33)
    assert salvaged({NAME: data}) == ([ALL[1]], [(1, 1), (3, None)])


def test_frames_whose_lsns_were_given_out_again_are_never_taken() -> None:
    """Recovery passed over what lay behind the torn frame, and went on in the next file."""
    torn = {NAME: damaged(unsynced(BODIES)[NAME], SECOND)}
    for bodies in ([], [b"new"], [b"new", b"newer"], [b"n"] * 5):
        again = unsynced(bodies, number=2, next_lsn=2)
        taken = [(2 + place, body) for place, body in enumerate(bodies)]
        assert salvaged(torn | again) == ([ALL[0], *taken], [])


def test_what_is_lost_before_the_lsns_that_were_given_out_again_stays_lost() -> None:
    torn = damaged(damaged(unsynced(BODIES)[NAME], 64 + 33), SECOND)
    again = unsynced([b"new"], number=2, next_lsn=2)
    assert salvaged({NAME: torn} | again) == ([(2, b"new")], [(1, 1)])


def test_a_later_file_vouches_for_the_frames_before_it() -> None:
    torn = {NAME: damaged(unsynced(BODIES)[NAME], SECOND)}
    again = unsynced([b"five"], number=2, next_lsn=5)
    assert salvaged(torn | again) == ([ALL[0], *ALL[2:], (5, b"five")], [(2, 2)])
    headless = {name: bytes(64) + data[64:] for name, data in again.items()}
    assert salvaged(torn | headless)[0][:3] == [ALL[0], *ALL[2:]]
    unborn = {name: bytes(64) for name in again}
    assert salvaged(torn | unborn)[0] == ALL[:1]


def test_the_end_of_any_damage_is_that_of_opening_where_that_opens() -> None:
    data = unsynced(BODIES)[NAME]
    for place in range(64, len(data)):
        files = {NAME: damaged(data, place)}
        found = scan(MemoryDirectory(files), database_id=ID, first=1)
        assert found.status == "torn"
        expected = [(frame.lsn, bytes(frame.body)) for frame in found.frames()]
        assert salvaged(files)[0] == expected
