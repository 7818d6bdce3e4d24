import pytest

from rank_retrieve.errors import CorruptionError, NotFound, ResourceExhausted
from rank_retrieve.persistence import reading
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.reading import recover_beside_writer
from rank_retrieve.persistence.recovery_report import RecoveryReport
from tests.persistence.mini_engine import MiniEngine, records_of


class Busy(MemoryDirectory):
    """A directory whose writer publishes just before a log file is opened, `times` times."""

    def __init__(self, engine, times):
        super().__init__(engine.directory.files())
        self.engine, self.left = engine, times

    def open(self, name):
        if name.startswith("wal-") and self.left:
            self.left -= 1
            self.engine.put(b"%d" % self.left)
            self.engine.flush()
            self.engine.put(b"%d, in the log" % self.left)
            for stale in self.list():
                self.delete(stale)
            for fresh, contents in self.engine.directory.files().items():
                self.create(fresh).write(contents)
        return super().open(name)


def an_engine():
    engine = MiniEngine(MemoryDirectory())
    engine.put(b"first")
    return engine


def test_a_state_that_was_replaced_while_it_was_read_is_not_taken():
    engine = an_engine()
    directory = Busy(engine, times=5)
    found = recover_beside_writer(directory)
    assert found.manifest == engine.manifest
    assert len(records_of(found)) == 1 + 2 * 5
    assert directory.left == 0


def test_the_report_is_of_the_attempt_that_was_taken():
    report = RecoveryReport()
    recover_beside_writer(Busy(an_engine(), times=3), report=report)
    names = [step.name for step in report.steps]
    assert names == ["identify", "select", "validate", "segments", "inventory", "log"]


def test_a_writer_that_always_publishes_first_is_told(monkeypatch):
    monkeypatch.setattr(reading, "ATTEMPTS", 3)
    with pytest.raises(ResourceExhausted, match="published a new state during each of 3"):
        recover_beside_writer(Busy(an_engine(), times=1_000))


def test_damage_and_absence_are_told_at_once():
    engine = an_engine()
    files = engine.directory.files()
    files["manifest"] = files["manifest"][:-1] + b"?"
    with pytest.raises(CorruptionError, match="manifest"):
        recover_beside_writer(MemoryDirectory(files))
    with pytest.raises(NotFound):
        recover_beside_writer(MemoryDirectory())
    del files["manifest"]
    with pytest.raises(CorruptionError, match="manifest beside wal"):
        recover_beside_writer(MemoryDirectory(files))
