import threading
import time

import pytest

from rank_retrieve.persistence.group_commit import GroupCommit


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.001)


def test_those_who_come_during_a_sync_share_the_next_one():
    group = GroupCommit()
    written = [1]
    syncs = []
    gate = threading.Event()

    def commit(lsn):
        with group.lead(lsn) as leads:
            if leads:
                syncs.append(written[0])
                if lsn == 1:
                    gate.wait(10)
                group.done(syncs[-1])

    threads = [threading.Thread(target=commit, args=(lsn,)) for lsn in range(1, 9)]
    threads[0].start()
    wait_for(lambda: syncs == [1])
    written[0] = 8
    for thread in threads[1:]:
        thread.start()
    wait_for(lambda: len(group._waiters) == 7)
    gate.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert syncs == [1, 8]


def test_a_leader_releases_everyone_it_covered():
    group = GroupCommit()
    results = []
    with group.lead(5) as leads:
        assert leads
        threads = [
            threading.Thread(target=lambda lsn=lsn: results.append(enter(group, lsn)))
            for lsn in (3, 4, 5, 6)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(group._waiters) == 4)
        group.done(5)
    for thread in threads:
        thread.join(10)
    assert sorted(results) == [False, False, False, True]


def enter(group, lsn):
    with group.lead(lsn) as leads:
        return leads


def test_a_settled_lsn_needs_no_lead():
    group = GroupCommit()
    with group.lead(3):
        group.done(3)
    assert not enter(group, 3)
    assert enter(group, 4)


def test_a_leader_that_fails_passes_the_lead_on():
    group = GroupCommit()
    results = []
    with pytest.raises(OSError, match="sync"), group.lead(1):
        thread = threading.Thread(target=lambda: results.append(enter(group, 2)))
        thread.start()
        wait_for(lambda: len(group._waiters) == 1)
        raise OSError("sync")
    thread.join(10)
    assert results == [True]
    assert enter(group, 3)


def test_without_an_lsn_the_lead_is_always_waited_for():
    group = GroupCommit()
    order = []
    with group.lead(1):
        thread = threading.Thread(target=lambda: order.append(enter(group, 2**63)))
        thread.start()
        wait_for(lambda: len(group._waiters) == 1)
        group.done(1)
        order.append("left")
    thread.join(10)
    assert order == ["left", True]


def test_an_interrupted_waiter_does_not_inherit_the_lead(monkeypatch):
    group = GroupCommit()

    class Interrupted:
        def acquire(self):
            raise KeyboardInterrupt

        def release(self):
            pass

    from rank_retrieve.persistence import group_commit

    class Waiter:
        def __init__(self, lsn):
            self.lsn, self.leads, self.turn = lsn, False, Interrupted()

    monkeypatch.setattr(group_commit, "_Waiter", Waiter)
    group._leader = -7  # another thread
    with pytest.raises(KeyboardInterrupt), group.lead(1):
        pass
    assert group._waiters == []
    group._leader = None
    assert enter(group, 1)


def test_an_interrupted_waiter_that_was_given_the_lead_passes_it_on(monkeypatch):
    group = GroupCommit()
    from rank_retrieve.persistence import group_commit

    class Turn:
        def acquire(self):
            # the lead arrives together with the interrupt
            group._waiters[0].leads = True
            group._waiters.clear()
            group._leader = -1
            raise KeyboardInterrupt

    class Waiter:
        def __init__(self, lsn):
            self.lsn, self.leads, self.turn = lsn, False, Turn()

    monkeypatch.setattr(group_commit, "_Waiter", Waiter)
    group._leader = -7
    with pytest.raises(KeyboardInterrupt), group.lead(1):
        pass
    assert group._leader is None
