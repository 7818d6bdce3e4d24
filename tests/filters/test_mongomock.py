"""Filters say of documents what mongomock says of them; `mongo` has where the two agree."""

from __future__ import annotations

import pytest
from mongomock.filtering import filter_applies

from rank_retrieve.filters import parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.types import MemorySections
from tests.filters.mongo import MongoGenerator
from tests.reliability.counts import record

DOCUMENTS = 12
FILTERS = 25


def compare(seed: int) -> int:
    """One set of documents, in columns and plain, and filters over it; how many matched."""
    source = MongoGenerator(seed)
    documents = [source.document() for _ in range(DOCUMENTS)]
    sections = MemorySections()
    write_columns(sections, documents, max_columns=source.random.choice([256, 3]))
    columns = Columns.open(sections)
    matched = 0
    for _ in range(FILTERS):
        where = source.filter()
        expected = [n for n, document in enumerate(documents) if filter_applies(where, document)]
        predicate = parse(where)
        assert [n for n, d in enumerate(documents) if predicate.matches(d)] == expected, where
        assert predicate.evaluate(columns).to_docs().tolist() == expected, where
        matched += 0 < len(expected) < DOCUMENTS
    return matched


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_filters_agree_with_mongomock(start: int) -> None:
    informative = sum(compare(seed) for seed in range(start, start + 20))
    # most filters take some documents and leave others
    assert informative > 20 * FILTERS // 3


@pytest.mark.reliability
@pytest.mark.parametrize("start", range(10_000, 14_000, 500))
def test_100_000_pairs_of_documents_and_filters_agree_with_mongomock(start: int) -> None:
    informative = sum(compare(seed) for seed in range(start, start + 500))
    record(
        "filters as mongomock has them", pairs=500 * FILTERS, documents=500 * DOCUMENTS,
        informative=informative, seeds=f"{start}..{start + 499}",
    )  # fmt: skip
