"""Filters, facets, statistics and orders, beside Arrow's compute kernels and a plain loop.

    python benchmarks/filters.py [--docs 300000] [--runs 30]

One thread, the same values for all. Arrow gets one typed array a field, in memory, and answers
with a boolean array; we start from mapped sections and answer with a bitmap, parsing included.
Each figure is the best of the runs. Every answer is compared with the plain loop, which is
`Predicate.matches` over the documents, outside the clock.
"""

from __future__ import annotations

import argparse
import heapq
import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import rank_retrieve as rr
from rank_retrieve.filters import check_metadata, parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.filters.facets import Facet, count_values, most_frequent
from rank_retrieve.filters.statistics import Statistics, combine, summarise
from rank_retrieve.types import MemorySections

Table = dict[str, Any]


def make_documents(count: int) -> list[dict[str, Any]]:
    pick = random.Random(7)
    return [
        {
            "id": f"doc-{n}",
            "year": pick.randrange(1990, 2026),
            "price": pick.random() * 100,
            "source": pick.choice(["wiki", "news", "web", "book"]),
            "open": pick.random() < 0.5,
            "stamp": pick.randrange(10**12),
            "tags": [pick.choice("abcdefgh") for _ in range(3)],
            **({"stars": pick.randrange(6)} if pick.random() < 0.9 else {}),
        }
        for n in range(count)
    ]


ARROW: dict[str, Callable[[Table], Any]] = {
    "equal int": lambda t: pc.equal(t["year"], 2020),
    "range int": lambda t: pc.greater_equal(t["year"], 2020),
    "between ints": lambda t: pc.and_(pc.greater_equal(t["year"], 2000), pc.less(t["year"], 2010)),
    "range float": lambda t: pc.less(t["price"], 50.0),
    "equal string": lambda t: pc.equal(t["source"], "wiki"),
    "range string": lambda t: pc.greater(t["source"], "c"),
    "equal, a tenth missing": lambda t: pc.equal(t["stars"], 3),
    "range 40-bit int": lambda t: pc.greater(t["stamp"], 5 * 10**11),
    "one id": lambda t: pc.equal(t["id"], "doc-77"),
    "1,000 ids": lambda t: pc.is_in(t["id"], pa.array([f"doc-{n}" for n in range(1_000)])),
    "five clauses": lambda t: pc.and_(
        pc.and_(
            pc.and_(pc.greater_equal(t["year"], 2000), pc.less(t["price"], 50.0)),
            pc.is_in(t["source"], pa.array(["wiki", "web"])),
        ),
        pc.or_(pc.equal(t["open"], True), pc.less(t["stamp"], 10**11)),
    ),
}

WHERE: dict[str, dict[str, Any]] = {
    "equal int": {"year": 2020},
    "range int": {"year": {"$gte": 2020}},
    "between ints": {"year": {"$gte": 2000, "$lt": 2010}},
    "range float": {"price": {"$lt": 50.0}},
    "equal string": {"source": "wiki"},
    "range string": {"source": {"$gt": "c"}},
    "equal, a tenth missing": {"stars": 3},
    "range 40-bit int": {"stamp": {"$gt": 5 * 10**11}},
    "array holds": {"tags": "a"},
    "array holds all": {"tags": {"$all": ["a", "b"]}},
    "one id": {"id": "doc-77"},
    "1,000 ids": {"id": {"$in": [f"doc-{n}" for n in range(1_000)]}},
    "five clauses": {
        "year": {"$gte": 2000},
        "price": {"$lt": 50.0},
        "source": {"$in": ["wiki", "web"]},
        "$or": [{"open": True}, {"stamp": {"$lt": 10**11}}],
    },
    "five clauses with arrays": {
        "year": {"$gte": 2000},
        "source": {"$in": ["wiki", "web"]},
        "$or": [{"price": {"$lt": 10}}, {"tags": "a"}],
        "open": {"$ne": False},
    },
    "$elemMatch": {"tags": {"$elemMatch": {"$gt": "f", "$lt": "h"}}},
    "rows: a whole array": {"tags": ["a", "b", "c"]},
    "rows: the same, one year": {"year": 2020, "tags": ["a", "b", "c"]},
}


def best_of(runs: int, run: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest of some runs in seconds, and what the last one returned."""
    shortest = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        result = run()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, result


def report_filters(documents: list[dict[str, Any]], runs: int) -> None:
    sections = MemorySections()
    seconds, _ = best_of(1, lambda: write_columns(sections, documents))
    size = sum(view.nbytes for view in sections.buffers.values())
    rows = sections.buffers["columns.rows"].nbytes
    columns = Columns.open(sections)
    table = {
        name: pa.array([document.get(name) for document in documents])
        for name in documents[0] | {"stars": 0}
        if name != "tags"
    }
    arrow_size = sum(array.nbytes for array in table.values())
    print(f"{len(documents):,} documents: written in {seconds:.2f} s, {size / 1e6:.1f} MB")
    print(f"  columns {(size - rows) / 1e6:.1f} MB, rows {rows / 1e6:.1f} MB (both with tags)")
    print(f"  arrow, without tags: {arrow_size / 1e6:.1f} MB")
    print(
        f"\n{'filter':28} {'matches':>8} {'ours ms':>9} {'arrow ms':>9} {'ratio':>6} {'loop ms':>9}"
    )
    for name in WHERE:
        report_one(name, documents, columns, table, runs)


def report_one(
    name: str, documents: list[dict[str, Any]], columns: Columns, table: Table, runs: int
) -> None:
    where = WHERE[name]
    predicate = parse(where)
    loop, expected = best_of(1, lambda: [predicate.matches(document) for document in documents])
    few = 2 if name.startswith("rows") else runs
    ours, bitmap = best_of(few, lambda: parse(where).evaluate(columns))
    assert np.array_equal(bitmap.to_mask(), expected), name
    arrow, ratio = "", ""
    if name in ARROW:
        theirs, mask = best_of(runs, lambda: ARROW[name](table))
        assert np.array_equal(mask.fill_null(False).to_numpy(False), expected), name
        arrow, ratio = f"{theirs * 1e3:.3f}", f"{theirs / ours:.1f}x"
    print(f"{name:28} {len(bitmap):8,} {ours * 1e3:9.3f} {arrow:>9} {ratio:>6} {loop * 1e3:9.0f}")


def facets_of(columns: Columns, path: str, within: Any) -> list[Facet]:
    return most_frequent([count_values(columns, (path,), within)])


def statistics_of(columns: Columns, path: str, within: Any) -> Statistics:
    return combine([summarise(columns, (path,), within)], len(within))


def arrow_statistics(array: Any) -> tuple[Any, Any]:
    return pc.min_max(array), pc.sum(array)


def report_aggregates(documents: list[dict[str, Any]], runs: int) -> None:
    """Facets and statistics, over all documents and over one year."""
    sections = MemorySections()
    write_columns(sections, documents)
    columns = Columns.open(sections)
    every = np.ones(len(documents), dtype=np.bool_)
    some = parse({"year": 2020}).evaluate(columns).to_mask()
    print(f"\n{'aggregate':28} {'values':>8} {'ours ms':>9} {'arrow ms':>9} {'ratio':>6}")
    for path, within, shown in (
        ("source", every, ""), ("year", every, ""), ("stars", every, ""), ("tags", every, ""),
        ("price", every, ", all different"), ("source", some, ", one year"),
        ("tags", some, ", one year"),
    ):  # fmt: skip
        chosen = [document for document, one in zip(documents, within, strict=True) if one]
        held = [document.get(path) for document in chosen]
        flat = [v for one in held for v in (set(one) if isinstance(one, list) else [one])]
        expected = Counter(value for value in flat if value is not None)
        few = runs if len(expected) < 1_000 else 2
        ours, facets = best_of(few, partial(facets_of, columns, path, within))
        assert {facet.value: facet.count for facet in facets} == expected
        theirs, _ = best_of(few, partial(pc.value_counts, pa.array(flat)))
        report_pair(f"facets of {path}{shown}", len(facets), ours, theirs)
    for path in ("year", "price", "stamp"):
        array = pa.array([document[path] for document in documents])
        ours, found = best_of(runs, partial(statistics_of, columns, path, every))
        theirs, edges = best_of(runs, partial(arrow_statistics, array))
        assert (found.min, found.max) == tuple(edges[0].as_py().values())
        report_pair(f"statistics of {path}", found.count, ours, theirs)


ORDERS: tuple[tuple[list[str], dict[str, Any]], ...] = (
    (["-price"], {}),
    (["year", "-stamp"], {}),
    (["price"], {"year": 2020}),
)


def first_ten(documents: list[dict[str, Any]], sort: list[str], where: Any) -> list[dict[str, Any]]:
    keys = [(key.lstrip("-"), -1 if key.startswith("-") else 1) for key in sort]
    fitting = (d for d in documents if all(d[path] == value for path, value in where.items()))
    return heapq.nsmallest(10, fitting, key=lambda d: [sign * d[path] for path, sign in keys])


def report_orders(documents: list[dict[str, Any]], runs: int) -> None:
    """`find` with a sort, whole: filter, order, ten documents read."""
    collection = rr.open(":memory:", durability="none").create_collection(
        "papers", fields={"text": rr.Text()}
    )
    collection.put_many(documents)
    collection.flush()
    print(f"\n{'find, ten documents':28} {'matches':>8} {'ours ms':>9} {'loop ms':>9}")
    for sort, where in ORDERS:
        loop, expected = best_of(1, partial(first_ten, documents, sort, where))
        ours, page = best_of(runs, partial(collection.find, where, sort=sort, limit=10))
        assert page.ids == [document["id"] for document in expected]
        name = f"{', '.join(sort)}{' in one year' if where else ''}"
        print(f"{name:28} {page.total:8,} {ours * 1e3:9.3f} {loop * 1e3:9.0f}")


def report_pair(name: str, count: int, ours: float, theirs: float) -> None:
    print(f"{name:28} {count:8,} {ours * 1e3:9.3f} {theirs * 1e3:9.3f} {theirs / ours:5.1f}x")


def report_small_segment(documents: list[dict[str, Any]], runs: int) -> None:
    predicate = parse({"year": {"$gte": 2020}, "source": "wiki"})

    def write() -> MemorySections:
        sections = MemorySections()
        write_columns(sections, documents)
        return sections

    def check() -> None:
        for document in documents:
            check_metadata(document)

    checked, _ = best_of(runs, check)
    written, sections = best_of(runs, write)
    opened, _ = best_of(runs, lambda: Columns.open(sections))
    answered, _ = best_of(runs, lambda: predicate.evaluate(Columns.open(sections)))
    times = (checked, written, opened, answered - opened)
    print(f"{len(documents):9}" + "".join(f"{seconds * 1e6:11.1f}" for seconds in times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--docs", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=30)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    documents = make_documents(arguments.docs)
    report_filters(documents, arguments.runs)
    report_aggregates(documents, arguments.runs)
    report_orders(documents, arguments.runs)
    print("\ndocuments   check us   write us    open us  evaluate us")
    for count in (1, 10, 100):
        report_small_segment(documents[:count], 10 * arguments.runs)


if __name__ == "__main__":
    main()
