"""A helper thread, and doing without it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rank_retrieve._threads import HelperThread


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_calls_run_in_order_in_another_thread() -> None:
    seen: list[tuple[int, bool]] = []
    caller = threading.current_thread()

    def call(number: int) -> int:
        seen.append((number, threading.current_thread() is caller))
        return 2 * number

    with HelperThread() as helper:
        results = [helper.submit(call, number) for number in range(5)]
    assert [result.result() for result in results] == [0, 2, 4, 6, 8]
    assert seen == [(number, False) for number in range(5)]


def test_where_no_thread_starts_the_caller_makes_each_call_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    with HelperThread() as helper:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", no_thread)
            assert helper.submit(seen.append, 1).done()
        helper.submit(seen.append, 2)  # now one would start, and run what was left behind
    assert seen == [1, 2]


def test_the_caller_waits_for_the_calls_before_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, seen = threading.Event(), []

    def slow() -> None:
        begun.wait(10)
        seen.append("slow")

    with HelperThread() as helper:
        helper.submit(slow)

        def refused(*_: object) -> None:
            begun.set()
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")

        monkeypatch.setattr(helper._pool, "submit", refused)
        helper.submit(seen.append, "caller's")
    assert seen == ["slow", "caller's"]


def test_what_a_call_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with HelperThread() as helper, pytest.raises(ZeroDivisionError):
        helper.submit(divmod, 1, 0)


def test_an_interrupt_of_the_wait_comes_out_when_the_calls_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[int] = []
    shutdown = ThreadPoolExecutor.shutdown

    def interrupted_once(pool: ThreadPoolExecutor, **options: Any) -> None:
        monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shutdown)
        raise KeyboardInterrupt

    def slow(number: int) -> None:
        time.sleep(0.05)
        ended.append(number)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", interrupted_once)
    with pytest.raises(KeyboardInterrupt), HelperThread() as helper:
        first = helper.submit(slow, 1)
        while not first.running():
            time.sleep(0.001)
        second = helper.submit(slow, 2)
    assert ended == [1]
    assert second.cancelled()
