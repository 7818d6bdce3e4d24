"""Awaited methods answer like the others, and leave the event loop free."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr

DOCUMENTS: list[dict[str, Any]] = [
    {"id": str(n), "text": f"cats number {n}", "n": n} for n in range(20)
]


def collection() -> rr.Collection:
    made = rr.open(":memory:").create_collection("papers", fields={"text": rr.Text()})
    made.put_many(DOCUMENTS)
    return made


def test_awaited_methods_answer_like_the_others() -> None:
    papers = collection()

    async def ask() -> None:
        hits = await papers.asearch("cats", k=5, where={"n": {"$gte": 10}})
        expected = papers.search("cats", k=5, where={"n": {"$gte": 10}})
        assert hits.ids.tolist() == expected.ids.tolist()
        many = await papers.asearch_many(["cats", "number"], k=2)
        assert [h.ids.tolist() for h in many] == [["0", "1"], ["0", "1"]]
        assert await papers.aget("3") == DOCUMENTS[3]
        assert await papers.acount({"n": 3}) == 1
        assert await papers.acount() == 20
        assert (await papers.afind(sort="-n", limit=1)).ids == ["19"]
        assert (await papers.afacets("n", limit=1))[0].count == 1
        assert (await papers.adistinct("n"))[:2] == [0, 1]
        assert (await papers.astats("n")).sum == 190
        assert await papers.amin_max("n") == (0, 19)
        with papers.snapshot() as view:
            assert await view.aget("3") == DOCUMENTS[3]
            assert len(await view.asearch("cats", k=3)) == 3

    asyncio.run(ask())


def test_awaited_writes_write(tmp_path: Path) -> None:
    async def write() -> None:
        async with rr.open(tmp_path / "db") as database:
            papers = database.create_collection("papers", fields={"text": rr.Text()})
            await papers.aput(DOCUMENTS[0])
            done: list[int] = []
            assert await papers.aput_many(DOCUMENTS, batch_size=8, progress=done.append) == 20
            assert done == [8, 16, 20]
            assert await papers.aput_many(stream(), batch_size=8, progress=done.append) == 20
            assert done == [8, 16, 20, 8, 16, 20]
            assert await papers.aupdate("3", {"n": -3}) is True
            assert await papers.aupdate_where({"n": 4}, {"n": -4}) == 1
            assert await papers.adelete("5") is True
            assert await papers.adelete(where={"n": {"$gt": 10}}) == 9
            await papers.awrite(rr.WriteBatch().put({"id": "x", "text": "new"}).delete("0"))
            await database.aflush()
            await database.acompact()
            hits = await database.asearch("cats new", k=20)
            assert sorted(hits.ids) == sorted([*map(str, [1, 2, 3, 4, 6, 7, 8, 9, 10]), "x"])
        assert database.closed

    async def stream() -> AsyncIterator[dict[str, Any]]:
        for document in DOCUMENTS:
            await asyncio.sleep(0)
            yield document

    asyncio.run(write())


def test_errors_come_out_where_the_call_is_awaited() -> None:
    papers = collection()

    async def ask() -> None:
        with pytest.raises(rr.InvalidArgument, match="k:"):
            await papers.asearch("cats", k=0)
        with pytest.raises(rr.InvalidArgument, match="has no 'id'"):
            await papers.aput({"text": "cats"})

    asyncio.run(ask())


def test_an_awaited_method_is_described_as_the_one_that_it_waits_for() -> None:
    assert list(inspect.signature(rr.Collection.asearch).parameters) == list(
        inspect.signature(rr.Collection.search).parameters
    )
    assert rr.Collection.aput.__name__ == "aput"
    assert inspect.iscoroutinefunction(rr.Collection.aput)


class Gate:
    """An encoder that waits in the middle of a call until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, texts: list[str]) -> list[list[float]]:
        self.entered.set()
        assert self.opened.wait(60)
        return [[1.0, float(len(text))] for text in texts]


def gated() -> tuple[Gate, rr.Collection]:
    gate = Gate()
    encoder = rr.CallableEncoder(gate, dim=2, name="gate")
    database = rr.open(":memory:")
    return gate, database.create_collection("papers", {"text": rr.Text()}, encoder=encoder)


async def until(true: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never")


def test_the_event_loop_runs_while_a_call_is_awaited() -> None:
    gate, papers = gated()

    async def main() -> None:
        put = asyncio.create_task(papers.aput(DOCUMENTS[0]))
        # only a loop that runs can see that the call is in the middle, and let it go on
        await until(gate.entered.is_set)
        assert not put.done()
        assert len(papers) == 0
        gate.opened.set()
        await put
        assert len(papers) == 1

    asyncio.run(main())


def test_many_calls_wait_together_in_a_bounded_number_of_threads() -> None:
    gate, papers = gated()

    async def main() -> None:
        before = threading.active_count()
        puts = [asyncio.create_task(papers.aput(document)) for document in DOCUMENTS * 5]
        await until(gate.entered.is_set)
        await asyncio.sleep(0.05)
        assert threading.active_count() - before <= 33
        gate.opened.set()
        await asyncio.gather(*puts)
        assert len(papers) == 20

    asyncio.run(main())


def test_a_task_that_is_cancelled_goes_on_and_its_write_is_whole_or_never_was() -> None:
    gate, papers = gated()

    async def main() -> None:
        puts = [asyncio.create_task(papers.aput(document)) for document in DOCUMENTS * 5]
        await until(gate.entered.is_set)
        for put in puts:
            put.cancel()
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        gate.opened.set()
        # what had not begun never does: the collection takes the next call at once
        await papers.aput({"id": "last", "text": "dogs"})
        assert await papers.aget("last") is not None
        for document in await papers.afind(with_vectors=False):
            assert document in [*DOCUMENTS, {"id": "last", "text": "dogs"}]
        await papers._threads.run(lambda: None)
        assert len(papers) <= 34

    asyncio.run(main())
    assert papers.search("dogs")[0].id == "last"


def test_a_snapshot_can_be_awaited_after_its_database_was_closed(tmp_path: Path) -> None:
    database = rr.open(tmp_path / "db")
    papers = database.create_collection("papers", fields={"text": rr.Text()})
    papers.put_many(DOCUMENTS)
    view = papers.snapshot()

    async def main() -> None:
        assert len(await view.asearch("cats", k=3)) == 3
        await database.aclose()
        assert len(await view.asearch("cats", k=3)) == 3
        with pytest.raises(rr.InvalidArgument, match="closed"):
            await papers.asearch("cats")

    asyncio.run(main())


def _in_child(papers: rr.Collection, answers: Any) -> None:
    async def ask() -> None:
        try:
            await papers.asearch("cats")
        except rr.ForkedHandleError:
            answers.put("refused")

    asyncio.run(ask())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_refused_and_does_not_wait_for_threads_that_it_lacks() -> None:
    papers = collection()
    asyncio.run(papers.asearch("cats"))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_in_child, args=(papers, answers), daemon=True)
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert answers.get(timeout=10) == "refused"


def test_where_no_thread_can_be_started_the_call_is_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    papers = collection()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(rr.ResourceExhausted, match="threads: can't start new thread"):
                await papers.adelete("3")
        assert await papers.acount() == 20  # the queue is worked off now, without that call
        await asyncio.gather(*(papers.acount() for _ in range(20)))
        assert "3" in papers

    asyncio.run(main())
