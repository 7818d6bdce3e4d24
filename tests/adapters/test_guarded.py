"""What adapters of several threads share is touched under its lock."""

import threading
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.adapters import databases


class Watched(dict[Any, Any]):
    """A dict that says whether the lock is held whenever it is looked at or changed."""

    def __init__(self, lock: Any) -> None:
        super().__init__()
        self.lock, self.held = lock, list[bool]()

    def get(self, key: Any, default: Any = None) -> Any:
        self.held.append(self.lock.locked())
        return super().get(key, default)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    lock = threading.Lock()
    made = Watched(lock)
    monkeypatch.setattr(databases, "_lock", lock)
    monkeypatch.setattr(databases, "_shared", made)
    return made


def test_a_path_is_leased_under_the_lock(watched: Watched, tmp_path: Path) -> None:
    lease = databases.lease(tmp_path / "db")
    assert watched.held == [True]
    lease.close()


def test_a_lease_ends_under_the_lock(watched: Watched, tmp_path: Path) -> None:
    lease = databases.lease(tmp_path / "db")
    watched.held.clear()
    lease.close()
    assert watched.held == [True]


def test_a_database_of_the_caller_is_leased_under_the_lock(
    watched: Watched, tmp_path: Path
) -> None:
    with rr.open(tmp_path / "db") as db:
        databases.lease(db).close()
    assert watched.held
    assert all(watched.held)


class Documents:
    """Stands in for a store's documents, and says whether it is writing under the lock."""

    def __init__(self, held: Any) -> None:
        self._held, self.under = held, list[bool]()

    def __getattr__(self, name: str) -> Any:
        self.under.append(self._held())
        return lambda *arguments: None


CALLS: dict[str, Any] = {
    "write": lambda store: store.write_documents([]),
    "delete": lambda store: store.delete_documents(["a"]),
    "delete all": lambda store: store.delete_all_documents(),
    "delete by filter": lambda store: store.delete_by_filter({}),
    "update by filter": lambda store: store.update_by_filter({}, {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_haystack_store_writes_one_call_at_a_time(name: str) -> None:
    pytest.importorskip("haystack")
    from rank_retrieve.adapters.haystack import RankRetrieveDocumentStore

    store: Any = RankRetrieveDocumentStore()
    held = threading.Lock()
    store._writing, documents = held, Documents(held.locked)
    store._documents = documents
    store._stored = lambda filters: documents.stored() or []
    CALLS[name](store)
    assert documents.under
    assert all(documents.under)
