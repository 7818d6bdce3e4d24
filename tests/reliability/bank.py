"""A bank in a database: one process moves money, others count it. All must always be there.

usage: python -m tests.reliability.bank write PATH SEED
       python -m tests.reliability.bank read PATH SEED refresh|reopen VIEWS

The writer runs until its standard input ends, a reader until it has counted so many different
views; then each prints what it did as one line of JSON.
"""

import json
import random
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import rank_retrieve as rr
from rank_retrieve.collection.merge_policy import MergePolicy

ACCOUNTS = 40
START = 1_000
TOTAL = ACCOUNTS * START
FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


def account(number: int, balance: int, turn: int) -> dict[str, Any]:
    return {
        "id": f"account-{number}",
        "text": f"account number{number} branch{number % 4}",
        "vector": [float(balance), 1.0],
        "balance": balance,
        "branch": number % 4,
        "turn": turn,
    }


def found(path: Path) -> None:
    """A new bank, with all of its money."""
    bank = rr.open(path)
    accounts = bank.create_collection("accounts", fields=FIELDS)
    batch = rr.WriteBatch()
    for number in range(ACCOUNTS):
        batch.put(account(number, START, 1))
    accounts.write(batch)
    bank.close()


def write(path: Path, seed: int, stopped: Callable[[], bool]) -> dict[str, int]:
    """Transfers, each as one batch; some close an account and give its money to others."""
    rng = random.Random(seed)
    bank = rr.open(path, durability="async", flush_bytes=6_000)
    bank._engine.compaction.policy = MergePolicy(fanout=3)  # eager
    accounts = bank.get_collection("accounts")
    balances = {d["id"]: d["balance"] for d in accounts.documents()}
    turn = max(d["turn"] for d in accounts.documents())
    while not stopped():
        turn += 1
        batch = rr.WriteBatch()
        giving = rng.choice(sorted(balances))
        others = [f"account-{n}" for n in range(ACCOUNTS) if f"account-{n}" != giving]
        taking = rng.choice(others)  # which may have to be opened again
        balances.setdefault(taking, 0)
        if rng.random() < 0.1:  # all of it, and the account is closed
            balances[taking] += balances.pop(giving)
            batch.delete(giving)
        else:
            amount = rng.randrange(balances[giving] + 1)
            balances[giving] -= amount
            balances[taking] += amount
            batch.put(account(int(giving.split("-")[1]), balances[giving], turn))
        batch.put(account(int(taking.split("-")[1]), balances[taking], turn))
        assert sum(balances.values()) == TOTAL
        accounts.write(batch)
        if turn % 500 == 0:
            bank.compact()
        if turn % 100 == 0:  # the manifest changes for other reasons too
            if "side" in bank:
                bank.drop_collection("side")
            else:
                bank.create_collection("side", fields=FIELDS).put(account(0, 0, turn))
    generation = bank.info()["generation"]
    bank.close()
    return {"turns": turn, "generation": generation}


def count(view: Any) -> tuple[int, int]:
    """All the money, counted in every way there is, and the latest turn that shows."""
    documents = list(view.documents())
    total = sum(d["balance"] for d in documents)
    latest = max(d["turn"] for d in documents)
    hits = view.search("account", k=2 * ACCOUNTS)
    assert sum(hit.document["balance"] for hit in hits) == total, "by words"
    near = view.search(vector=[1.0, 1.0], k=2 * ACCOUNTS)
    assert sum(hit.document["balance"] for hit in near) == total, "by vectors"
    branches: Iterable[int] = range(4)
    by_branch = [
        view.search("account", k=2 * ACCOUNTS, where={"branch": branch}) for branch in branches
    ]
    assert sum(hit.document["balance"] for hits in by_branch for hit in hits) == total, "by filter"
    assert view.count() == len(documents) == view.count({"balance": {"$gte": 0}})
    assert sorted(near.ids) == sorted(hits.ids) == sorted(d["id"] for d in documents)
    return total, latest


def read(path: Path, seed: int, how: str, enough: int) -> dict[str, int]:
    """Counts in view after view, each later than the one before, and again in views it kept."""
    rng = random.Random(seed)
    bank = rr.open(path, mode="r")
    kept: list[tuple[Any, tuple[int, int]]] = []
    views = moved = first = latest = 0
    while views < enough:
        if how == "refresh":
            moved += bank.refresh()
        else:
            bank.close()
            bank = rr.open(path, mode="r")
        view = bank.get_collection("accounts").snapshot()
        counted = count(view)
        assert counted[0] == TOTAL, f"{counted[0]} of {TOTAL} at turn {counted[1]}"
        assert counted[1] >= latest, f"turn {latest} was seen, and now {counted[1]}"
        views += counted[1] > latest
        latest = counted[1]
        first = first or latest
        kept.append((view, counted))
        old, before = rng.choice(kept)
        assert count(old) == before, "a view that was kept has changed"
        if len(kept) > 6:
            kept.pop(rng.randrange(len(kept)))[0].close()
    bank.close()
    return {"views": views, "moved": moved, "first": first, "latest": latest}


def main(role: str, path: str, seed: str, *options: str) -> None:
    if role == "write":
        ended = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        done = write(Path(path), int(seed), ended.is_set)
    else:
        done = read(Path(path), int(seed), options[0], int(options[1]))
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
