import os
import random
import threading
from pathlib import Path

import pytest

from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.files import wal_name
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.wal import FrameType, WriteAheadLog, scan
from rank_retrieve.persistence.wal_tail import LogPosition, TrailLost, end_of, follow

ID = bytes(range(16))
START = LogPosition(1, 64, 1)


def a_log(directory, **options):
    return WriteAheadLog.create(directory, database_id=ID, number=1, next_lsn=1, **options)


def bodies(frames):
    return [bytes(frame.body) for frame in frames]


def test_what_was_appended_is_read_once_from_where_one_stopped():
    directory = MemoryDirectory()
    log = a_log(directory)
    assert follow(directory, ID, START) == ([], START)
    log.append(FrameType.BATCH, b"one")
    log.append(FrameType.BATCH, b"three")
    frames, position = follow(directory, ID, START)
    assert bodies(frames) == [b"one", b"three"]
    assert [frame.lsn for frame in frames] == [1, 2]
    assert position == LogPosition(1, 64 + 40 + 40, 3)
    assert follow(directory, ID, position) == ([], position)
    log.append(FrameType.BATCH, b"two")
    frames, after = follow(directory, ID, position)
    assert bodies(frames) == [b"two"]
    assert after == LogPosition(1, 64 + 3 * 40, 4)


def test_rotation_is_followed_through_any_number_of_files():
    directory = MemoryDirectory()
    log = a_log(directory, segment_bytes=128)
    for number in range(7):
        log.append(FrameType.BATCH, b"body %d" % number)
    assert len(log.numbers) == 7
    frames, position = follow(directory, ID, START)
    assert bodies(frames) == [b"body %d" % n for n in range(7)]
    assert (position.number, position.next_lsn) == (7, 8)
    log.rotate()
    assert follow(directory, ID, position) == ([], LogPosition(8, 64, 8))


def test_the_end_of_a_scan_is_where_following_begins():
    directory = MemoryDirectory()
    log = a_log(directory)
    log.append(FrameType.BATCH, b"before")
    position = end_of(scan(directory, database_id=ID, first=1))
    log.append(FrameType.BATCH, b"after")
    assert bodies(follow(directory, ID, position)[0]) == [b"after"]
    # a file that was cut off in the making of its header is not there yet
    directory.create(wal_name(2)).write(b"\x89RRWAL")
    assert end_of(scan(directory, database_id=ID, first=1)).number == 1
    assert follow(directory, ID, position)[1].number == 1


@pytest.mark.parametrize("missing", range(1, 41))
def test_a_frame_that_is_not_there_whole_is_not_there_yet(missing):
    whole = MemoryDirectory()
    log = a_log(whole)
    log.append(FrameType.BATCH, b"old")
    position = follow(whole, ID, START)[1]
    log.append(FrameType.BATCH, b"new")
    data = whole.files()[wal_name(1)]
    for torn in (data[:-missing], data[:-missing] + bytes(missing), data[:-missing] + bytes(4096)):
        found = follow(MemoryDirectory({wal_name(1): torn}), ID, position)
        assert found == ([], position)


@pytest.mark.parametrize("hole", range(0, 40, 4))
def test_a_frame_with_a_hole_in_it_is_not_there_yet(hole):
    """Its last bytes may show before its first."""
    whole = MemoryDirectory()
    log = a_log(whole)
    log.append(FrameType.BATCH, b"\xffew")
    data = bytearray(whole.files()[wal_name(1)])
    before = bytes(data)
    data[64 + hole : 68 + hole] = bytes(4)
    if data != before:
        found = follow(MemoryDirectory({wal_name(1): bytes(data)}), ID, START)
        assert found == ([], START)
    assert len(follow(whole, ID, START)[0]) == 1


def test_a_log_that_does_not_go_on_where_one_stopped_is_a_lost_trail():
    directory = MemoryDirectory()
    log = a_log(directory, segment_bytes=128)
    for number in range(3):
        log.append(FrameType.BATCH, b"body %d" % number)
    for position in (
        LogPosition(9, 64, 1),  # no such file
        LogPosition(1, 4096, 2),  # it was longer
        LogPosition(2, 64, 1),  # LSN 1 is not in it, and never will be
    ):
        with pytest.raises(TrailLost):
            follow(directory, ID, position)
    with pytest.raises(TrailLost):
        follow(directory, bytes(16), START)
    log.delete_before(3)
    with pytest.raises(TrailLost):
        follow(directory, ID, START)


def test_damage_ends_the_trail_and_is_not_waited_for():
    directory = MemoryDirectory()
    log = a_log(directory)
    for body in (b"one", b"two", b"three"):
        log.sync(log.append(FrameType.BATCH, body))
    position = LogPosition(1, 64 + 40, 2)
    assert bodies(follow(directory, ID, position)[0]) == [b"two", b"three"]
    whole = directory.files()[wal_name(1)]
    for place in range(64 + 40, 64 + 80):
        data = bytearray(whole)
        data[place] ^= 1
        with pytest.raises(TrailLost):
            follow(MemoryDirectory({wal_name(1): bytes(data)}), ID, position)
    log.rotate()
    log.append(FrameType.BATCH, b"four")
    files = directory.files()
    files[wal_name(2)] = b"?" + files[wal_name(2)][1:]
    with pytest.raises(TrailLost):
        follow(MemoryDirectory(files), ID, position)


def test_a_file_that_grew_and_was_followed_while_it_was_read_is_read_on():
    directory = MemoryDirectory()
    log = a_log(directory)
    log.append(FrameType.BATCH, b"one")

    class Late(MemoryDirectory):
        """The writer appends and rotates just after the first look at its file."""

        def open(self, name):
            view = super().open(name)
            if not late:
                late.append(True)
                log.append(FrameType.BATCH, b"two")
                log.rotate()
                log.append(FrameType.BATCH, b"three")
                for name, contents in directory.files().items():
                    if self.exists(name):
                        self.delete(name)
                    self.create(name).write(contents)
            return view

    late: list[bool] = []
    frames, position = follow(Late(directory.files()), ID, START)
    assert bodies(frames) == [b"one", b"two", b"three"]
    assert position.number == 2


def test_a_writer_at_full_speed_is_followed_frame_by_frame(tmp_path: Path):
    """Torn writes included: the writing thread puts each frame in pieces."""
    rng = random.Random(7)
    source = MemoryDirectory()
    log = a_log(source)
    wanted = [rng.randbytes(rng.randrange(200)) for _ in range(2_000)]
    for body in wanted:
        log.append(FrameType.BATCH, body)
    data = source.files()[wal_name(1)]
    path = tmp_path / wal_name(1)
    path.write_bytes(data[:64])

    def write() -> None:
        fd = os.open(path, os.O_WRONLY)
        place = 64
        while place < len(data):
            size = rng.choice([1, 7, 8, 24, 32, 100, 1000])
            if rng.random() < 0.05:  # zeros ahead, as the writer reserves them
                os.pwrite(fd, bytes(len(data[place : place + 512])), place)
            os.pwrite(fd, data[place : place + size], place)
            place += size
        os.close(fd)

    writer = threading.Thread(target=write)
    writer.start()
    directory = FSDirectory(tmp_path, read_only=True)
    got: list[bytes] = []
    position = START
    while writer.is_alive() or len(got) < len(wanted):
        frames, position = follow(directory, ID, position)
        got += bodies(frames)
        assert got[-3:] == wanted[: len(got)][-3:]
    writer.join()
    assert got == wanted
