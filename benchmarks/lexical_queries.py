"""Phrases and other query objects beside tantivy: latency, and what positions cost.

    python benchmarks/lexical_queries.py [--limit 300000] [--pin 1]

Phrases are runs of two to four words from the passages themselves, so that every one is found.
Both sides have positions, the same stop words and the Snowball English stemmer, and take turns in
runs of 50 queries. Figures are of the median of the rounds for each query; their time includes
`parse_query`, ours the making of the query object. Outside the clock, the number of documents is
compared with an index without positions that reads the texts again, and with theirs (the two
cut apostrophes and numbers differently, so a few phrases differ).
"""

import argparse
import dataclasses
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

import lexical  # type: ignore[import-not-found]  # the file beside this one
import numpy as np
import tantivy

import rank_retrieve as rr
from rank_retrieve.analysis import Analyzer
from rank_retrieve.analysis.recipes import get_recipe, stop_words


def phrases(texts: Sequence[str], analyzer: Analyzer, n: int) -> list[str]:
    rng = random.Random(2)
    found: list[str] = []
    while len(found) < n:
        words = re.findall(r"[A-Za-z]+", rng.choice(texts))
        size = rng.choice([2, 2, 2, 3, 4])
        if len(words) >= size:
            first = rng.randrange(len(words) - size + 1)
            phrase = " ".join(words[first : first + size])
            if len(analyzer.terms(phrase)) > 1:
                found.append(phrase)
    return found


def index_theirs(texts: Sequence[str], path: Path, stopped: list[str]) -> Any:
    schema = tantivy.SchemaBuilder()
    schema.add_text_field("body", stored=False, tokenizer_name="same", index_option="position")
    path.mkdir()
    index = tantivy.Index(schema.build(), str(path))
    steps = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    steps = steps.filter(tantivy.Filter.lowercase())
    if stopped:
        steps = steps.filter(tantivy.Filter.custom_stopword(stopped))
    index.register_tokenizer("same", steps.filter(tantivy.Filter.stemmer("english")).build())
    writer = index.writer(500_000_000, 1)
    for text in texts:
        writer.add_document(tantivy.Document(body=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def check(ours: rr.BM25, texts: Sequence[str], asked: Sequence[str], index: Any) -> None:
    """Phrases counted by positions, by reading a sample of texts, and by them."""
    terms_of = {i: ours.analyzer.positioned_terms(text) for i, text in enumerate(texts[:3000])}
    for phrase in asked[:100]:
        placed = ours.analyzer.positioned_terms(phrase)
        held = {
            i
            for i, words in terms_of.items()
            if (at := {place: term for term, place in words})
            and any(
                all(at.get(start + place - placed[0][1]) == term for term, place in placed)
                for start in at
            )
        }
        hits = ours.search(rr.Phrase(phrase), k=len(texts)).ids
        assert set(hits[hits < 3000].tolist()) == held, phrase
    searcher, differ = index.searcher(), 0
    for phrase in asked[:300]:
        theirs = searcher.search(index.parse_query(f'"{phrase}"', ["body"]), 1, count=True).count
        differ += theirs != ours.count(rr.Phrase(phrase))
    print(f"  phrases equal the texts read one by one; {differ} of 300 differ from theirs")


def compare(texts: Sequence[str], root: Path, *, stopped: bool, options: Any) -> None:
    recipe = get_recipe("english")
    if not stopped:
        recipe = dataclasses.replace(recipe, stop_words=None)
    analyzer = Analyzer(recipe)
    print(f"{len(texts):,} passages, stop words {'dropped' if stopped else 'kept'}")
    rr.BM25.from_texts(texts[:100], analyzer=analyzer, positions=True)  # compiles
    taken = {}
    for positions in (False, True):
        start = time.perf_counter()
        ours = rr.BM25.from_texts(texts, analyzer=analyzer, positions=positions)
        ours.save(root / f"ours {positions}")
        taken[positions] = time.perf_counter() - start
    index = index_theirs(texts, root / "theirs", sorted(stop_words("english")) if stopped else [])
    sizes = [size_of(root / side) / len(texts) for side in ("ours False", "ours True", "theirs")]
    print(
        f"  size {sizes[0]:.1f} B/doc, with positions {sizes[1]:.1f} : {sizes[2]:.1f}; positions "
        f"take {taken[True] / taken[False] - 1:.0%} more time to index"
    )
    asked = phrases(texts, analyzer, options.n_queries)
    check(ours, texts, asked, index)
    searcher = index.searcher()

    def theirs(query: str) -> Any:
        return searcher.search(index.parse_query(query, ["body"]), 10, count=False)

    sides: dict[str, dict[str, Callable[[str], Any]]] = {
        "phrase, top 10": {
            "ours": lambda text: ours.search(rr.Phrase(text), k=10),
            "theirs": lambda text: theirs(f'"{text}"'),
        },
        "phrase with slop 2, top 10": {
            "ours": lambda text: ours.search(rr.Phrase(text, slop=2), k=10),
            "theirs": lambda text: theirs(f'"{text}"~2'),
        },
        "phrase and a word not, top 10": {
            "ours": lambda text: ours.search(
                rr.Boolean(must=rr.Phrase(text), must_not=rr.Match("time")), k=10
            ),
            "theirs": lambda text: theirs(f'+"{text}" -time'),
        },
        "string in Lucene's syntax": {
            "ours": lambda text: ours.search(rr.parse_query(f'+"{text}" time'), k=10),
            "theirs": lambda text: theirs(f'+"{text}" time'),
        },
    }
    for title, both in sides.items():
        measured = lexical.timed(both, asked, options.rounds, options.clock)
        lexical.report(title, measured["ours"], measured["theirs"])
    alone: dict[str, Callable[[str], rr.LexicalQuery]] = {
        "fuzzy, 1 edit": lambda word: rr.Fuzzy(word, edits=1),
        "fuzzy, 2 edits": lambda word: rr.Fuzzy(word, edits=2),
        "prefix of 4": lambda word: rr.Prefix(word[:4]),
        "wildcard, *word": lambda word: rr.Wildcard(f"*{word[-4:]}"),
    }
    words = [phrase.split()[0] for phrase in asked]
    for title, make in alone.items():
        found = lexical.timed(
            {"ours": lambda word, make=make: ours.search(make(word), k=10)},
            [word for word in words if len(word) > 4][:200],
            2,
            options.clock,
        )["ours"]
        print(f"  {title:28s} mean {found.mean():7.0f} us   p99 {np.percentile(found, 99):7.0f} us")
    for side in root.iterdir():
        shutil.rmtree(side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passages", type=Path, default=lexical.SHARED / "passages")
    parser.add_argument("--limit", type=int, default=300_000)
    parser.add_argument("--n-queries", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=sorted(lexical.CLOCKS), default="wall")
    parser.add_argument("--pin", type=int, nargs="*", help="processors to use")
    options = parser.parse_args()
    if options.pin:
        os.sched_setaffinity(0, set(options.pin))
    print(f"rank-retrieve {version('rank-retrieve')} : tantivy {version('tantivy')}")
    texts = lexical.passages(options.passages, options.limit)
    root = Path(tempfile.mkdtemp(prefix="rank-retrieve-bench-"))
    try:
        for stopped in (True, False):
            compare(texts, root, stopped=stopped, options=options)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
