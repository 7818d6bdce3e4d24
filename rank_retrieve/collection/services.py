"""What the handles of an open database share beside its state: metrics, and threads to wait in."""

from __future__ import annotations

from rank_retrieve.collection.asynchronous import AsyncThreads
from rank_retrieve.collection.metrics import Metrics
from rank_retrieve.collection.owner import Owner


class Services:
    """metrics: what was done, and how long it took. threads: for calls that are awaited."""

    def __init__(self, owner: Owner) -> None:
        self.metrics = Metrics()
        self.threads = AsyncThreads(owner)
