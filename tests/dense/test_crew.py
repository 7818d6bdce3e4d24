import threading
import time
from functools import partial

import pytest

from rank_retrieve.dense.crew import run_all
from rank_retrieve.dense.exact import Exact


@pytest.mark.parametrize("threads", [1, 2, 5, 100])
def test_results_come_in_the_order_of_the_calls(threads):
    assert run_all([partial(pow, i, 2) for i in range(40)], threads) == [i**2 for i in range(40)]
    assert run_all([], threads) == []


def test_calls_run_side_by_side():
    barrier = threading.Barrier(3, timeout=30)
    assert sorted(run_all([barrier.wait] * 3, 3)) == [0, 1, 2]


def test_the_caller_works_alone_where_no_thread_starts(monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert run_all([partial(pow, i, 2) for i in range(9)], 4) == [i**2 for i in range(9)]
    found = Exact.from_vectors([[1.0, 0.0], [0.0, 1.0]]).search_many([[1.0, 0.0]] * 5, 1, threads=3)
    assert [hits.ids.tolist() for hits in found] == [[0]] * 5


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_is_raised_when_all_that_ran_has_ended(error):
    running, begun = [], []

    def slow(i):
        begun.append(i)
        running.append(i)
        if i == 1:
            running.remove(i)
            raise error(str(i))
        time.sleep(0.05)
        running.remove(i)

    with pytest.raises(error, match="1"):
        run_all([partial(slow, i) for i in range(50)], 3)
    assert running == []
    assert len(begun) < 10
