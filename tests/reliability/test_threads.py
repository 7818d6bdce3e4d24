"""Threads share a handle, and processes that are forked from it leave it alone."""

import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection.merge_policy import MergePolicy
from tests.reliability import bank
from tests.reliability.counts import record

ACCOUNTS = 12


@contextmanager
def switching_all_the_time() -> Iterator[None]:
    """Let threads take turns after every few instructions."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Crew:
    """Threads that run until the first error or until all of those that end have ended."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._ending: list[threading.Thread] = []
        self._endless: list[threading.Thread] = []
        self._stopped = threading.Event()

    def add(self, step: Callable[[int], Any], times: int | None = None) -> None:
        """Run step(0), step(1), ...; without `times`, until the others are done."""
        crew = self._endless if times is None else self._ending
        crew.append(threading.Thread(target=self._run, args=(step, times)))

    def _run(self, step: Callable[[int], Any], times: int | None) -> None:
        turn = 0
        try:
            while not self._stopped.is_set() and (times is None or turn < times):
                step(turn)
                turn += 1
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            self.errors.append(error)
            self._stopped.set()

    def work(self) -> None:
        for thread in (*self._ending, *self._endless):
            thread.start()
        for thread in self._ending:
            thread.join()
        self._stopped.set()
        for thread in self._endless:
            thread.join()
        if self.errors:
            raise self.errors[0]


def found(db: rr.Database) -> rr.Collection:
    accounts = db.create_collection("accounts", fields=bank.FIELDS)
    batch = rr.WriteBatch()
    for number in range(ACCOUNTS):
        batch.put(bank.account(number, bank.START, 1))
    accounts.write(batch)
    return accounts


def count(view: Any) -> int:
    hits = view.search("account", k=100)
    near = view.search(vector=[1.0, 1.0], k=100)
    total = sum(hit.document["balance"] for hit in hits)
    assert sum(hit.document["balance"] for hit in near) == total
    assert view.count({"balance": {"$gte": 0}}) == ACCOUNTS
    return total


def shared_handle(path: Path, transfers: int, seed: int) -> None:
    db = rr.open(path, durability="group", flush_bytes=3_000)
    db._engine.compaction.policy = MergePolicy(fanout=2)
    accounts = found(db)
    reader = rr.open(path, mode="r")
    followed = reader.get_collection("accounts")
    teller = threading.Lock()  # reading a balance and writing it is one step of the bank's
    views = [0]

    def transfer(turn: int) -> None:
        with teller:
            giving, taking = random.sample(range(ACCOUNTS), 2)
            mine, theirs = (accounts.get(f"account-{n}") for n in (giving, taking))
            assert mine is not None
            assert theirs is not None
            amount = random.randrange(mine["balance"] + 1)
            batch = rr.WriteBatch()
            batch.put(bank.account(giving, mine["balance"] - amount, turn))
            batch.put(bank.account(taking, theirs["balance"] + amount, turn))
            accounts.write(batch)

    def look(turn: int) -> None:
        with accounts.snapshot() as view:
            before = count(view)
            assert before == ACCOUNTS * bank.START
            time.sleep(0.001)
            assert count(view) == before
            views[0] += 1

    def follow(turn: int) -> None:
        reader.refresh()
        assert count(followed.snapshot()) == ACCOUNTS * bank.START

    def upkeep(turn: int) -> None:
        (db.flush, db.compact, db.sync, db.info, db.readers)[turn % 5]()

    def strangers(turn: int) -> None:
        """Documents of others come and go."""
        other = db.create_collection(f"other-{turn}", fields=bank.FIELDS)
        other.put({"id": "x", "text": "stranger"})
        assert other.search("stranger").ids.tolist() == ["x"]
        db.drop_collection(f"other-{turn}")

    random.seed(seed)
    crew = Crew()
    crew.add(transfer, transfers)
    crew.add(transfer, transfers)
    for step in (look, look, follow, follow, upkeep, strangers):
        crew.add(step)
    with switching_all_the_time():
        crew.work()
    assert count(accounts) == ACCOUNTS * bank.START
    generation = db.info()["generation"]
    reader.close()
    db.close()
    with rr.open(path) as again:
        assert count(again.get_collection("accounts")) == ACCOUNTS * bank.START
        assert again.verify().ok
    record("threads", seed=seed, transfers=2 * transfers, views=views[0], generations=generation)


def test_threads_share_a_handle_and_see_whole_batches(tmp_path: Path) -> None:
    shared_handle(tmp_path / "db", transfers=60, seed=1)


@pytest.mark.reliability
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_threads_share_a_handle_for_thousands_of_batches(tmp_path: Path, seed: int) -> None:
    shared_handle(tmp_path / "db", transfers=2_000, seed=seed)


@pytest.mark.parametrize("mode", ["w", "r"])
def test_closing_while_others_use_the_handle_ends_them_with_a_typed_error(
    tmp_path: Path, mode: Any
) -> None:
    with switching_all_the_time():
        for turn in range(8):
            close_amid_use(tmp_path / str(turn), mode)


def close_amid_use(path: Path, mode: Any) -> None:
    with rr.open(path) as made:
        found(made)
    db = rr.open(path, mode, flush_bytes=3_000)
    accounts = db.get_collection("accounts")
    ended: list[BaseException] = []
    uses: dict[str, list[Callable[[], Any]]] = {
        "r": [lambda: count(accounts), db.refresh, db.info, db.verify],
        "w": [
            lambda: accounts.put({"id": "x", "text": "other"}),
            lambda: accounts.search("account"),
            db.flush,
            db.compact,
            db.info,
        ],
    }

    def use(step: Callable[[], Any]) -> None:
        try:
            while True:
                step()
        except BaseException as error:  # noqa: BLE001 - looked at below
            ended.append(error)

    threads = [threading.Thread(target=use, args=(step,)) for step in uses[mode]]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    db.close()
    for thread in threads:
        thread.join()
    assert len(ended) == len(threads)
    for error in ended:
        assert isinstance(error, rr.InvalidArgument), repr(error)
        assert "closed" in str(error)
    with rr.open(path) as again:
        assert again.verify().ok


def use_everything(db: rr.Database, accounts: rr.Collection, view: rr.Snapshot) -> list[str]:
    """What a forked child is told, use by use."""
    uses: dict[str, Callable[[], Any]] = {
        "put": lambda: accounts.put({"id": "child", "text": "account"}),
        "search": lambda: accounts.search("account"),
        "get": lambda: accounts.get("account-1"),
        "len": lambda: len(accounts),
        "flush": db.flush,
        "compact": db.compact,
        "sync": db.sync,
        "refresh": db.refresh,
        "info": db.info,
        "verify": db.verify,
        "create": lambda: db.create_collection("child", fields=bank.FIELDS),
        "snapshot": accounts.snapshot,
        "view": lambda: view.search("account"),
        "view get": lambda: view.get("account-1"),
    }
    told = []
    for name, use in uses.items():
        try:
            use()
            told.append(f"{name} worked")
        except rr.ForkedHandleError as error:
            assert error.owner_pid == os.getppid()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            told.append(f"{name}: {error!r}")
    db.close()  # does nothing here
    return told


def in_a_fork(action: Callable[[], list[str]]) -> str:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            text = "; ".join(action()) or "refused"
        except BaseException as error:  # noqa: BLE001 - told to the parent
            text = repr(error)
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    text = b""
    while chunk := os.read(reading, 10_000):
        text += chunk
    os.close(reading)
    os.waitpid(pid, 0)
    return text.decode()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("mode", ["w", "r"])
def test_a_child_forked_amid_threads_is_refused_everywhere_and_changes_nothing(
    tmp_path: Path, mode: Any
) -> None:
    """Threads hold any of the handle's locks at the moment of the fork."""
    path = tmp_path / "db"
    with rr.open(path) as made:
        found(made)
    db = rr.open(path, mode, durability="async", flush_bytes=3_000, sync_interval_s=0.002)
    accounts = db.get_collection("accounts")
    view = accounts.snapshot()
    crew = Crew()
    crew.add(lambda turn: accounts.search("account"))
    crew.add(lambda turn: db.refresh())
    if mode == "w":
        crew.add(lambda turn: accounts.put(bank.account(turn % ACCOUNTS, bank.START, turn)))
        crew.add(lambda turn: db.compact() if turn % 3 else db.flush())

    def fork(turn: int) -> None:
        assert in_a_fork(lambda: use_everything(db, accounts, view)) == "refused"
        if mode == "w":
            with pytest.raises(rr.LockedError, match=str(os.getpid())):
                rr.open(path)
        else:
            assert os.getpid() in {reader.pid for reader in db.readers()}

    crew.add(fork, 12)
    crew.work()
    db.close()
    with rr.open(path) as again:
        assert count(again.get_collection("accounts")) == ACCOUNTS * bank.START
        assert again.verify().ok


def _open_anew(path: str, answers: Any) -> None:
    with rr.open(path, mode="r") as reader:
        answers.put(count(reader.get_collection("accounts")))
    try:
        rr.open(path)
    except rr.LockedError as error:
        answers.put(error.holder)


def test_a_spawned_process_opens_the_database_anew(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with rr.open(path) as db:
        found(db)
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        child = context.Process(target=_open_anew, args=(str(path), answers))
        child.start()
        assert answers.get(timeout=120) == ACCOUNTS * bank.START
        assert f"pid {os.getpid()} on host" in answers.get(timeout=120)
        child.join()


def test_a_handle_cannot_be_sent_to_another_process(tmp_path: Path) -> None:
    import pickle

    with rr.open(tmp_path / "db") as db:
        accounts = found(db)
        with accounts.snapshot() as view:
            for handle in (db, accounts, view):
                with pytest.raises(TypeError):
                    pickle.dumps(handle)
