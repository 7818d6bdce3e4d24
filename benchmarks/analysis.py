"""Tokenising and stemming English: our Vocabulary beside bm25s's tokenizer and plain Python.

    python benchmarks/analysis.py [--passages 50000] [--data ../shared/data]

One thread, the same texts, the same rules for the rivals as far as they can follow them: the
regular expression below, our English stop words, PyStemmer's English stemmer. "fresh" starts
from an empty vocabulary, "known" analyses the same texts again. Compilation is outside the
clock and reported apart. Agreement is checked outside the clock: plain Python must give the
very same terms on ASCII texts; for bm25s, which stops words before it drops a possessive and
leaves other scripts whole, the share of texts with equal terms is shown.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bm25s
import Stemmer

from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.analysis.recipes import stop_words

PATTERN = r"(?u)[^\W_]+(?:['’][^\W_]+)*"


def read_passages(folder: Path, limit: int) -> list[str]:
    texts: list[str] = []
    for path in sorted(folder.glob("part-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                document = json.loads(line)
                texts.append(f"{document['title']} {document['text']}")
                if len(texts) == limit:
                    return texts
    return texts


def best_of(rounds: int, run: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest of some runs in seconds, and what the last one returned."""
    shortest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        result = run()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest, result


def plain_python(texts: list[str]) -> list[list[str]]:
    words = re.compile(PATTERN)
    stemmer, stopped = Stemmer.Stemmer("english"), stop_words("english")
    result = []
    for text in texts:
        found = [word.removesuffix("'s") for word in words.findall(text.lower())]
        result.append(stemmer.stemWords([word for word in found if word not in stopped]))
    return result


def with_bm25s(texts: list[str]) -> list[list[str]]:
    tokenized = bm25s.tokenize(
        texts,
        token_pattern=PATTERN,
        stopwords=sorted(stop_words("english")),
        stemmer=Stemmer.Stemmer("english"),
        return_ids=False,
        show_progress=False,
    )
    return list(tokenized)


def bm25s_ids(texts: list[str]) -> Any:
    return bm25s.tokenize(
        texts,
        token_pattern=PATTERN,
        stopwords=sorted(stop_words("english")),
        stemmer=Stemmer.Stemmer("english"),
        show_progress=False,
    )


def ours(vocabulary: Vocabulary, texts: list[str]) -> Iterator[list[str]]:
    runs = vocabulary.analyze(texts)
    terms = [term.decode() for term in vocabulary.terms()]
    tokens, offsets = runs.tokens.tolist(), runs.offsets.tolist()
    for text in range(len(texts)):
        yield [terms[token] for token in tokens[offsets[text] : offsets[text + 1]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    options = parser.parse_args()
    texts = read_passages(options.data / "passages", options.passages)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    analyzer = get_analyzer("english")

    compile_s, _ = best_of(1, lambda: Vocabulary(analyzer).analyze(texts[:1]))
    fresh_s, _ = best_of(3, lambda: Vocabulary(analyzer).analyze(texts))
    vocabulary = Vocabulary(analyzer)
    vocabulary.analyze(texts)
    known_s, runs = best_of(3, lambda: vocabulary.analyze(texts))
    bm25s_s, _ = best_of(1, lambda: bm25s_ids(texts))
    python_s, expected = best_of(1, lambda: plain_python(texts))
    query = "what is dense retrieval in information systems"
    calls = 2_000
    query_s, _ = best_of(3, lambda: [analyzer.terms(query) for _ in range(calls)])
    tiny_s, _ = best_of(3, lambda: [vocabulary.analyze([query]) for _ in range(calls)])

    print(f"{len(texts):,} passages, {megabytes:.1f} MB, {len(runs.tokens):,} tokens kept,")
    print(f"{vocabulary.n_terms:,} terms; kernels loaded or compiled in {compile_s:.2f} s\n")
    rows = [
        ("rank-retrieve, known vocabulary", known_s),
        ("rank-retrieve, fresh vocabulary", fresh_s),
        ("bm25s.tokenize + PyStemmer", bm25s_s),
        ("re + PyStemmer", python_s),
    ]
    print(f"{'':34}{'MB/s':>8}{'seconds':>10}{'ratio':>8}")
    for name, seconds in rows:
        print(f"{name:34}{megabytes / seconds:8.1f}{seconds:10.3f}{seconds / fresh_s:8.1f}")
    print(
        f"\none query: terms {query_s / calls * 1e6:.1f} us, analyze {tiny_s / calls * 1e6:.1f} us"
    )

    found = list(ours(Vocabulary(analyzer), texts))
    ascii_texts = [position for position, text in enumerate(texts) if text.isascii()]
    differing = sum(found[position] != expected[position] for position in ascii_texts)
    same = sum(a == b for a, b in zip(found, with_bm25s(texts), strict=True))
    print(f"plain Python: {differing} of {len(ascii_texts):,} ASCII texts differ")
    print(f"bm25s: {same / len(texts):.2%} of texts have the same terms")
    if differing:
        raise SystemExit("the answers differ")


if __name__ == "__main__":
    main()
