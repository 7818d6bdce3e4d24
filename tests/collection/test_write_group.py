"""Who leads, who waits for whom, and what an interrupt leaves to the others."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rank_retrieve.collection.write_group import APPOINTED, Batch, Group, WriteGroup, _wake
from rank_retrieve.errors import OutcomeUnknown
from tests.mutants.guarding import Guarded, OwnedLock


def batch(name: str = "") -> Batch:
    return Batch(None, {}, None, name.encode())  # type: ignore[arg-type]


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.001)


class Log:
    """Commits groups; the first of them not before `gate` is set."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.gate = threading.Event()
        self.writers = WriteGroup(self.commit)

    def commit(self, group: Group) -> None:
        group.begun = True
        self.groups.append([one.body.decode() for one in group.batches])
        if len(self.groups) == 1:
            assert self.gate.wait(10)
        for one in group.batches:
            one.settled = True

    def join(self, name: str) -> threading.Thread:
        thread = threading.Thread(target=lambda: self.writers.join(batch(name)))
        thread.start()
        return thread

    def crowd(self, names: str) -> list[threading.Thread]:
        """The first leads; the others wait, in this order."""
        threads = []
        for number, name in enumerate(names):
            threads.append(self.join(name))
            wait_for(lambda: self.groups)
            wait_for(lambda n=number: len(self.writers._waiting) == n)
        return threads


def ended(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_those_who_come_during_a_commit_go_together_in_their_order() -> None:
    log = Log()
    threads = log.crowd("abcdefgh")
    log.gate.set()
    ended(threads)
    assert log.groups == [["a"], list("bcdefgh")]


def test_a_single_writer_leads_at_once_every_time() -> None:
    log = Log()
    log.gate.set()
    for name in "abc":
        log.writers.join(batch(name))
    assert log.groups == [["a"], ["b"], ["c"]]


def test_nobody_leads_before_those_of_the_group_before_have_left() -> None:
    log = Log()
    log.gate.set()
    slow = batch("slow")
    log.writers._told = {slow}
    thread = log.join("next")
    wait_for(lambda: log.writers._waiting)
    time.sleep(0.01)
    assert log.groups == []
    log.writers._leave(slow)
    ended([thread])
    assert log.groups == [["next"]]


def test_the_lead_passes_at_once_where_nobody_was_told() -> None:
    log = Log()
    threads = log.crowd("ab")
    log.gate.set()
    ended(threads)
    assert log.writers._leader is None
    assert not log.writers._told


def guarded_log() -> tuple[Log, Guarded]:
    log, guarded = Log(), Guarded(OwnedLock())
    log.gate.set()
    log.writers._mutex = guarded.lock  # type: ignore[assignment]
    guarded.attributes(log.writers, "_leader", "_waiting", "_group", "_told")
    return log, guarded


def test_a_single_writer_touches_the_queue_under_the_mutex_only() -> None:
    log, guarded = guarded_log()
    log.writers.join(batch("a"))
    assert guarded.seen
    assert not guarded.missed


def test_who_was_appointed_touches_the_queue_under_the_mutex_only() -> None:
    log, guarded = guarded_log()
    held = log.writers.__dict__
    held["_leader"] = -7  # another thread
    thread = log.join("a")
    wait_for(lambda: held["_waiting"])
    held["_leader"] = APPOINTED
    _wake(held["_waiting"][0])
    ended([thread])
    assert log.groups == [["a"]]
    assert not guarded.missed


def test_nobody_leads_beside_a_leader() -> None:
    log = Log()
    log.gate.set()
    log.writers._leader = -7
    thread = log.join("a")
    thread.join(0.02)
    assert thread.is_alive()
    assert log.groups == []
    log.writers._leader = APPOINTED
    _wake(log.writers._waiting[0])
    ended([thread])


def interrupted_leader(*, begun: bool) -> tuple[list[BaseException | None], list[list[str]]]:
    """A leads alone, B leads C and D and is interrupted; what became of B, C and D."""
    log, results = Log(), {}
    commit = log.commit

    def interrupting(group: Group) -> None:
        if group.batches[0].body == b"b":
            group.begun = begun
            raise KeyboardInterrupt
        commit(group)

    log.writers._commit = interrupting

    def join(name: str) -> None:
        one = batch(name)
        try:
            log.writers.join(one)
            results[name] = one.error
        except KeyboardInterrupt as error:
            results[name] = error

    threads = []
    for number, name in enumerate("abcd"):
        threads.append(threading.Thread(target=join, args=(name,)))
        threads[-1].start()
        wait_for(lambda: log.groups)
        wait_for(lambda n=number: len(log.writers._waiting) == n)
    log.gate.set()
    ended(threads)
    return [results[name] for name in "bcd"], log.groups


def test_what_an_interrupted_leader_had_not_begun_to_write_is_led_by_another() -> None:
    (b, c, d), groups = interrupted_leader(begun=False)
    assert isinstance(b, KeyboardInterrupt)
    assert (c, d) == (None, None)
    assert groups == [["a"], ["c", "d"]]


def test_what_an_interrupted_leader_may_have_written_is_told_to_be_unknown() -> None:
    (b, c, d), groups = interrupted_leader(begun=True)
    assert isinstance(b, KeyboardInterrupt)
    assert isinstance(c, OutcomeUnknown)
    assert isinstance(d, OutcomeUnknown)
    assert c is not d
    assert groups == [["a"]]


class Sleep:
    """What a writer sleeps on, which an interrupt ends; `before` runs first."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.before, self.taken = before, False

    def acquire(self) -> bool:
        if self.taken:
            self.before()
            raise KeyboardInterrupt
        self.taken = True
        return True

    def locked(self) -> bool:
        return self.taken

    def release(self) -> None:
        pass


def interrupt_sleeper(
    writers: WriteGroup, monkeypatch: pytest.MonkeyPatch, before: Callable[[], None]
) -> None:
    from rank_retrieve.collection import write_group

    locks: Iterator[Any] = itertools.chain([Sleep(before)], iter(threading.Lock, None))

    class Threading:
        Lock = staticmethod(lambda: next(locks))
        get_ident = staticmethod(threading.get_ident)

    with monkeypatch.context() as patch:
        patch.setattr(write_group, "threading", Threading)
        with pytest.raises(KeyboardInterrupt):
            writers.join(batch("sleeper"))


def test_an_interrupted_sleeper_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    log.gate.set()
    log.writers._leader = -7  # another thread
    interrupt_sleeper(log.writers, monkeypatch, lambda: None)
    assert log.writers._waiting == []
    log.writers._leader = None
    log.writers.join(batch("after"))
    assert log.groups == [["after"]]


def test_an_interrupted_sleeper_that_was_appointed_passes_the_lead_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    log.gate.set()
    log.writers._leader = -7
    threads: list[threading.Thread] = []

    def appoint() -> None:
        threads.append(log.join("behind"))
        wait_for(lambda: len(log.writers._waiting) == 2)
        log.writers._leader = APPOINTED

    interrupt_sleeper(log.writers, monkeypatch, appoint)
    ended(threads)
    assert log.groups == [["behind"]]
    assert log.writers._leader is None


def test_an_interrupted_sleeper_that_was_told_lets_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    log.gate.set()
    writers = log.writers
    writers._leader = -7

    def tell() -> None:
        (mine,) = writers._waiting
        writers._waiting = []
        mine.settled = True
        writers._told.add(mine)
        writers._leader = None

    interrupt_sleeper(writers, monkeypatch, tell)
    assert not writers._told
    writers.join(batch("after"))
    assert log.groups == [["after"]]


@pytest.mark.parametrize("mark", ["leader", "told"])
def test_what_an_interrupt_left_of_a_thread_is_cleared_when_it_comes_again(mark: str) -> None:
    log = Log()
    log.gate.set()
    old = batch("old")
    old.settled = True
    if mark == "leader":
        log.writers._leader, log.writers._group = threading.get_ident(), Group([old])
    else:
        log.writers._told = {old}
    log.writers.join(batch("new"))
    assert log.groups == [["new"]]


def test_an_interrupt_while_telling_leaves_nobody_asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    threads = log.crowd("abcd")
    from rank_retrieve.collection import write_group

    wake, woken = write_group._wake, []

    def interrupted(one: Batch) -> None:
        woken.append(one)
        if len(woken) == 2:
            raise KeyboardInterrupt
        wake(one)

    monkeypatch.setattr(write_group, "_wake", interrupted)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    log.gate.set()
    ended(threads)
    assert log.groups == [["a"], ["b", "c", "d"]]
