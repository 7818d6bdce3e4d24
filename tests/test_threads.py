"""A helper thread, and doing without it."""

import threading

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
