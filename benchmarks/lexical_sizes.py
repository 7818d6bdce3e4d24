"""BM25 search beside bm25s, on collections of 1,000 documents and more.

    python benchmarks/lexical_sizes.py [--sizes 1000 10000 100000 1000000] [--pin 1]

The synthetic texts of `lexical.py`, one thread, top 10. Both sides get the text of a query: bm25s
cuts it with a regular expression of its own, and neither side has stop words or a stemmer. Figures
are medians over the rounds for each query; the sides take turns. bm25s searches what it is given
at construction and cannot add, delete or filter.
"""

import argparse
import os
from importlib.metadata import version
from typing import Any

import bm25s
import numpy as np
from lexical import CLOCKS, report, synthetic, timed  # type: ignore[import-not-found]

import rank_retrieve as rr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--n-queries", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--pin", type=int, nargs="*", help="processors to use")
    arguments = parser.parse_args()
    if arguments.pin:
        os.sched_setaffinity(0, set(arguments.pin))
    print(f"rank-retrieve {version('rank-retrieve')} : bm25s {version('bm25s')}")
    for size in arguments.sizes:
        texts, queries = synthetic(size, min(arguments.n_queries, size // 10))
        ours = rr.BM25.from_texts(texts, analyzer="simple")
        pattern = r"(?u)\b\w+\b"
        theirs = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        theirs.index(
            bm25s.tokenize(texts, stopwords=None, token_pattern=pattern, show_progress=False),
            show_progress=False,
        )

        def search(query: str, theirs: bm25s.BM25 = theirs, pattern: str = pattern) -> Any:
            tokens = bm25s.tokenize(
                [query], stopwords=None, token_pattern=pattern, return_ids=False,
                show_progress=False,
            )  # fmt: skip
            return theirs.retrieve(tokens, k=10, show_progress=False, n_threads=0)

        for query in queries[:20]:
            expected = np.sort(search(query).scores[0])[::-1]
            found = ours.search(query, k=10).scores
            assert np.allclose(found, expected[: len(found)], rtol=1e-4), query
        sides = {"ours": lambda query, ours=ours: ours.search(query, k=10), "theirs": search}
        taken = timed(sides, queries, arguments.rounds, arguments.clock)
        report(f"{size:,} documents, top 10", taken["ours"], taken["theirs"])


if __name__ == "__main__":
    main()
