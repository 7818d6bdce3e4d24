"""A filtered search returns min(k, matches) hits: every selectivity, every index, every mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.types import INDEX_OPTIONS

IN_FILE, IN_MEMORY = 2_400, 150
SHARES = [0, 1, 3, 30, 300, 1_275, 2_400, 2_549, 2_550]
"""Documents that a filter lets through, of all."""


def vectors(count: int, seed: int) -> Any:
    """In clusters, as embeddings lie: where a filter follows a cluster, neighbours are far."""
    pick = np.random.default_rng(seed)
    centres = pick.normal(size=(12, 8))
    return centres[pick.integers(12, size=count)] + 0.1 * pick.normal(size=(count, 8))


@pytest.fixture(scope="module", params=sorted(INDEX_OPTIONS))
def filled(request: pytest.FixtureRequest) -> tuple[rr.Collection, dict[str, dict[str, Any]]]:
    """A segment with an index, documents in memory, and some that are deleted or lack a part."""
    fields = {"text": rr.Text(), "vector": rr.Vector(dim=8, index=request.param)}
    collection = rr.open(":memory:", compaction="manual").create_collection("c", fields=fields)
    pick = np.random.default_rng(1)
    places = pick.permutation(IN_FILE + IN_MEMORY)
    rows = vectors(IN_FILE + IN_MEMORY, 2)
    documents = {}
    for number, (place, row) in enumerate(zip(places.tolist(), rows, strict=True)):
        document: dict[str, Any] = {
            "id": str(number), "place": place, "near": float(row[0]),
            "text": "common rare" if number % 40 == 0 else "common" if number % 3 else "other",
        }  # fmt: skip
        if number % 17:
            document["vector"] = row
        documents[document["id"]] = document
    every = list(documents.values())
    collection.put_many(every[:IN_FILE])
    collection.flush()
    collection.put_many(every[IN_FILE:])
    for number in range(0, IN_FILE + IN_MEMORY, 23):
        collection.delete(str(number))
        del documents[str(number)]
    return collection, documents


def matches(document: dict[str, Any], mode: str) -> bool:
    words, vector = document["text"] != "other", "vector" in document
    return {"lexical": words, "dense": vector, "hybrid": words or vector}[mode]


@pytest.mark.parametrize("mode", ["lexical", "dense", "hybrid"])
@pytest.mark.parametrize("by", ["place", "near"])
def test_a_filtered_search_returns_as_many_hits_as_match_up_to_k(
    filled: tuple[rr.Collection, dict[str, dict[str, Any]]], by: str, mode: Any
) -> None:
    collection, documents = filled
    values = sorted(document[by] for document in documents.values())
    query = {"query": "common rare", "vector": vectors(1, 5)[0], "mode": mode}
    for share in SHARES:
        bound = values[min(share, len(values) - 1)]
        where = {by: {"$lt": bound}} if share < len(values) else {}
        fitting = {
            name
            for name, document in documents.items()
            if matches(document, mode) and (not where or document[by] < bound)
        }
        for k in (1, 10, 200, 3_000):
            hits = collection.search(**query, k=k, where=where)
            assert len(hits) == min(k, len(fitting)), (share, k, hits.plan)
            assert len(set(hits.ids)) == len(hits)
            assert set(hits.ids) <= fitting
