"""BM25 search beside tantivy: latency, indexing and size, on real passages and made-up ones.

    python benchmarks/lexical.py [--passages FOLDER] [--synthetic 1000000] [--pin 1]

Both sides get the same texts, the same stop words, the Snowball English stemmer and one thread.
They take turns in runs of 250 queries, through their public interfaces: ours from the text of
the query to hits, theirs from `parse_query` (timed) to hits. Figures are of the median of the
rounds for each query. Answers are checked outside the clock: ours against scoring every posting
and, for some queries, against the formula in NumPy; theirs by how much the two top-10 lists
overlap. `--clock cpu` counts the processor time of the thread, for machines with other work.
"""

import argparse
import dataclasses
import gzip
import json
import os
import random
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tantivy

import rank_retrieve as rr
from rank_retrieve.analysis import Analyzer
from rank_retrieve.analysis.recipes import get_recipe, stop_words
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.thread_time}
DEPTHS = (10, 100, 1000)
# the sides take turns after so many queries: other work on the machine hits both. The first few
# queries of a turn find the processor's caches full of the other side's data: with turns of 50
# they alone would make the 99th percentile
RUN = 250


def passages(folder: Path, limit: int) -> list[str]:
    texts: list[str] = []
    for part in sorted(folder.glob("part-*.jsonl.gz")):
        with gzip.open(part, "rt", encoding="utf-8") as lines:
            for line in lines:
                if len(texts) == limit:
                    return texts
                record = json.loads(line)
                texts.append(f"{record['title']} {record['text']}")
    return texts


def real_queries(folder: Path, n: int) -> list[str]:
    queries = [
        line.strip()
        for name in ("msmarco-passage-dev.txt", "nq.txt")
        for line in (folder / name).read_text(encoding="utf-8").splitlines()
    ]
    random.Random(1).shuffle(queries)
    return queries[:n]


def synthetic(n_docs: int, n_queries: int) -> tuple[list[str], list[str]]:
    """Zipfian words with topics and repetitions; queries of words that stand together in a doc."""
    random_state = np.random.default_rng(1)
    n_words, n_topics, topic_words = 500_000, 2000, 1500
    share = 1.0 / (np.arange(n_words) + 2.7) ** 1.05
    of_topics = np.where(np.arange(n_words) < 80, 0.0, share) ** 0.65
    totals = [np.cumsum(p) / p.sum() for p in (share, of_topics)]
    topics = np.searchsorted(totals[1], random_state.random((n_topics, topic_words)))
    lengths = np.clip(random_state.lognormal(np.log(52), 0.4, n_docs), 6, 400).astype(np.int64)
    words = np.array([f"w{number:x}q" for number in range(n_words)], dtype=object)
    rank_in_topic = np.cumsum(1.0 / (np.arange(topic_words) + 5.0))
    rank_in_topic /= rank_in_topic[-1]
    popularity = np.cumsum(1.0 / (np.arange(n_topics) + 20))
    popularity /= popularity[-1]
    texts: list[str] = []
    queries: list[str] = []
    wanted = set(random_state.choice(n_docs, 4 * n_queries, replace=False).tolist())
    for first in range(0, n_docs, 20_000):
        sizes = lengths[first : first + 20_000]
        n = int(sizes.sum())
        doc_topics = np.searchsorted(popularity, random_state.random((len(sizes), 2)))
        which = np.repeat(doc_topics, sizes, axis=0)[
            np.arange(n), (random_state.random(n) > 0.7).astype(np.int64)
        ]
        special = topics[which, np.searchsorted(rank_in_topic, random_state.random(n))]
        common = np.searchsorted(totals[0], random_state.random(n))
        tokens = np.where(random_state.random(n) < 0.6, common, special)
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        for doc in range(len(sizes)):
            run = tokens[bounds[doc] : bounds[doc + 1]]
            texts.append(" ".join(words[run].tolist()))
            if first + doc in wanted and len(queries) < n_queries:
                size = int(random_state.choice([2, 3, 4, 5, 6], p=[0.4, 0.25, 0.17, 0.1, 0.08]))
                rare = np.unique(run[run >= 80])
                if len(rare) >= size:
                    picked = random_state.choice(rare, size, replace=False).tolist()
                    if random_state.random() < 0.15:
                        picked[0] = int(random_state.integers(0, 80))
                    queries.append(" ".join(words[picked].tolist()))
    return texts, queries


def index_theirs(texts: Sequence[str], path: Path, stopped: list[str]) -> tuple[float, Any]:
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("body", stored=False, tokenizer_name="same", index_option="freq")
    schema.add_integer_field("number", stored=True, indexed=False)
    path.mkdir()
    index = tantivy.Index(schema.build(), str(path))
    steps = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    steps = steps.filter(tantivy.Filter.lowercase())
    if stopped:
        steps = steps.filter(tantivy.Filter.custom_stopword(stopped))
    index.register_tokenizer("same", steps.filter(tantivy.Filter.stemmer("english")).build())
    start = time.perf_counter()
    writer = index.writer(500_000_000, 1)
    for number, text in enumerate(texts):
        writer.add_document(tantivy.Document(body=text, number=number))
    writer.commit()
    writer.wait_merging_threads()
    seconds = time.perf_counter() - start
    index.reload()
    return seconds, index


def index_ours(texts: Sequence[str], path: Path, analyzer: Analyzer) -> tuple[float, rr.BM25]:
    rr.BM25.from_texts(texts[:100], analyzer=analyzer).save(path)  # compiles
    start = time.perf_counter()
    made = rr.BM25.from_texts(texts, analyzer=analyzer)
    made.save(path)
    return time.perf_counter() - start, made


def their_search(index: Any) -> Callable[[str, int, bool], Any]:
    searcher = index.searcher()

    def search(query: str, k: int, count: bool) -> Any:
        return searcher.search(index.parse_query(query, ["body"]), k, count=count)

    return search


def timed(
    sides: dict[str, Callable[[str], Any]], queries: Sequence[str], rounds: int, clock: str
) -> dict[str, np.ndarray[Any, Any]]:
    """Microseconds of each query on each side: the median of the rounds."""
    now = CLOCKS[clock]
    taken = {name: np.zeros((rounds, len(queries))) for name in sides}
    for turn in range(rounds):
        for first in range(0, len(queries), RUN):
            for name, search in sides.items():
                for number in range(first, min(first + RUN, len(queries))):
                    start = now()
                    search(queries[number])
                    taken[name][turn, number] = (now() - start) * 1e6
    return {name: np.median(each, axis=0) for name, each in taken.items()}


def report(title: str, ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> None:
    parts = []
    for name, statistic in (
        ("mean", np.mean),
        ("p50", np.median),
        ("p99", lambda each: np.percentile(each, 99)),
    ):
        a, b = float(statistic(ours)), float(statistic(theirs))
        parts.append(f"{name} {a:7.0f} us : {b:7.0f} us = {b / a:4.2f}x")
    print(f"  {title:28s} {'   '.join(parts)}", flush=True)


def check(found: rr.BM25, texts: Sequence[str], queries: Sequence[str], index: Any) -> None:
    """Ours against all postings and against the formula; the overlap with theirs."""
    part: LexicalPart = found._searcher.parts[0]
    everything = LexicalSearcher([part], found.scorer, skipping=False)
    for query in queries:
        terms = found.analyzer.terms(query)
        for k in DEPTHS:
            a, b = found._searcher.search(terms, k), everything.search(terms, k)
            assert a.docs.tolist() == b.docs.tolist(), query
            assert a.scores.tolist() == b.scores.tolist(), query
    lengths = part.index.lengths.astype(np.float64)
    for query in queries[:25]:
        scores = np.zeros(part.index.n_docs)
        for term in found.analyzer.terms(query):
            ordinal = int(part.index.ordinals([term])[0])
            if ordinal >= 0:
                docs, tf = part.index.postings(ordinal)
                idf = found.scorer.idf(part.index.n_docs, len(docs))
                norm = 1.2 * (0.25 + 0.75 * lengths[docs] / lengths.mean())
                scores[docs] += idf * tf / (tf + norm)
        ranked = found.search(query, k=10)
        best = np.sort(scores)[::-1][: len(ranked)]
        assert np.allclose(ranked.scores, best, rtol=1e-6), query
    searcher, overlaps = index.searcher(), []
    for query in queries[:200]:
        parsed = index.parse_query(query, ["body"])
        theirs = {
            searcher.doc(address)["number"][0]
            for _, address in searcher.search(parsed, 10, count=False).hits
        }
        ours = set(found.search(query, k=10).ids.tolist())
        overlaps.append(len(ours & theirs) / max(len(ours), len(theirs), 1))
    print(f"  answers equal scoring everything; top-10 overlap {np.mean(overlaps):.3f}")


def compare(
    name: str,
    texts: Sequence[str],
    queries: Sequence[str],
    root: Path,
    *,
    stopped: bool,
    arguments: argparse.Namespace,
) -> None:
    recipe = get_recipe("english")
    if not stopped:
        recipe = dataclasses.replace(recipe, stop_words=None)
    analyzer = Analyzer(recipe)
    print(f"{name}: {len(texts):,} documents, stop words {'dropped' if stopped else 'kept'}")
    words_stopped = sorted(stop_words("english")) if stopped else []
    our_s, ours = index_ours(texts, root / "ours", analyzer)
    their_s, index = index_theirs(texts, root / "theirs", words_stopped)
    n, n_postings = len(texts), ours._searcher.parts[0].index.n_postings
    sizes = [
        sum(file.stat().st_size for file in (root / side).iterdir()) / n
        for side in ("ours", "theirs")
    ]
    print(
        f"  indexing {n / our_s:,.0f} : {n / their_s:,.0f} docs/s = {their_s / our_s:.2f}x; "
        f"size {sizes[0]:.1f} : {sizes[1]:.1f} B/doc = {sizes[0] / sizes[1]:.2f}, "
        f"{sizes[0] * n / n_postings:.2f} : {sizes[1] * n / n_postings:.2f} B/posting"
    )
    check(ours, texts, queries, index)
    theirs = their_search(index)
    for k in DEPTHS:
        sides: dict[str, Callable[[str], Any]] = {
            "ours": lambda query, k=k: ours.search(query, k=k),  # type: ignore[misc]
            "theirs": lambda query, k=k: theirs(query, k, False),  # type: ignore[misc]
        }
        taken = timed(sides, queries, arguments.rounds, arguments.clock)
        report(f"union, top {k}", taken["ours"], taken["theirs"])
    if hasattr(ours, "count"):
        sides = {
            "ours": lambda query: (ours.search(query, k=10), ours.count(query)),
            "theirs": lambda query: theirs(query, 10, True),
        }
        taken = timed(sides, queries, arguments.rounds, arguments.clock)
        report("union, top 10, exact count", taken["ours"], taken["theirs"])
    several = [words for query in queries if len(words := content_words(query, words_stopped)) > 1]
    for k in (10, 1000):
        sides = {
            "ours": lambda text, k=k: ours.search(rr.Match(text, operator="and"), k=k),  # type: ignore[misc]
            "theirs": lambda text, k=k: theirs(required(text), k, False),  # type: ignore[misc]
        }
        joined = [" ".join(each) for each in several]
        taken = timed(sides, joined, arguments.rounds, arguments.clock)
        report(f"intersection, top {k}", taken["ours"], taken["theirs"])
    shutil.rmtree(root / "ours")
    shutil.rmtree(root / "theirs")


def content_words(query: str, stopped: Sequence[str]) -> list[str]:
    """The words of a query that are searched: a required stop word would match nothing there."""
    return [word for word in query.lower().split() if word not in set(stopped)]


def required(text: str) -> str:
    """A query of theirs for documents with every word."""
    return " ".join(f"+{word}" for word in text.split())


def scaling(ours: rr.BM25, queries: Sequence[str]) -> None:
    """Queries per second of `search_many` with one thread and with two."""
    many = list(queries) * 8
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(6):
        for threads, taken in seconds.items():
            start = time.perf_counter()
            ours.search_many(many, k=10, threads=threads)
            # the first turn is to warm up
            taken.extend([time.perf_counter() - start] if turn else [])
    rates = [len(many) / float(np.median(taken)) for taken in seconds.values()]
    print(
        f"search_many: {rates[0]:,.0f} and {rates[1]:,.0f} queries/s = {rates[1] / rates[0]:.2f}x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=Path, default=SHARED / "passages")
    parser.add_argument("--queries", type=Path, default=SHARED / "queries")
    parser.add_argument("--limit", type=int, default=300_000, help="passages; 0 for none")
    parser.add_argument("--n-queries", type=int, default=1000)
    parser.add_argument("--synthetic", type=int, default=1_000_000, help="documents; 0 for none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall")
    parser.add_argument("--pin", type=int, nargs="*", help="processors to use")
    arguments = parser.parse_args()
    cores = os.sched_getaffinity(0)
    if arguments.pin:
        os.sched_setaffinity(0, set(arguments.pin))
    print(f"rank-retrieve {version('rank-retrieve')} : tantivy {version('tantivy')}")
    root = Path(tempfile.mkdtemp(prefix="rank-retrieve-bench-"))
    try:
        if arguments.limit:
            texts = passages(arguments.passages, arguments.limit)
            # their query language has signs that ours, for now, reads as text
            queries = [
                re.sub(r"[^\w ]", " ", query)
                for query in real_queries(arguments.queries, arguments.n_queries)
            ]
            for stopped in (True, False):
                compare("passages", texts, queries, root, stopped=stopped, arguments=arguments)
            if len(cores) > 1:
                os.sched_setaffinity(0, cores)
                scaling(rr.BM25.from_texts(texts), queries)
        if arguments.synthetic:
            if arguments.pin:
                os.sched_setaffinity(0, set(arguments.pin))
            texts, queries = synthetic(arguments.synthetic, arguments.n_queries)
            compare("synthetic", texts, queries, root, stopped=False, arguments=arguments)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
