"""Codecs: speed and size of each, beside what Python offers, answers checked outside the clock.

    python benchmarks/codecs.py [--terms 500000] [--data ../shared/data]

One thread. Each figure is the best of several runs, in processor time; compilation is outside the
clock and reported apart. The terms are the different words of the passages under --data, filled
up with compounds of two of them; without that folder they are made of syllables, which share more.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard

RUNS = 5


def best(run: Callable[[], Any], runs: int = RUNS) -> tuple[float, Any]:
    """Seconds of processor time of the fastest run, and its result."""
    seconds, result = float("inf"), None
    for _ in range(runs):
        start = time.process_time()
        result = run()
        seconds = min(seconds, time.process_time() - start)
    return seconds, result


def row(name: str, figure: str, rival: str = "") -> None:
    print(f"{name:<44}{figure:>26}  {rival}")


def some_terms(folder: Path, count: int) -> tuple[list[bytes], list[bytes]]:
    """The real terms, and `count` terms that begin with them; both sorted."""
    rng = random.Random(1)
    words: set[str] = set()
    for path in sorted((folder / "passages").glob("part-*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                words.update(re.findall(r"\w+", json.loads(line)["text"].lower()))
        if len(words) >= count:
            break
    if not words:
        syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
        words = {"".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(count)}
    real = sorted(word.encode() for word in words)
    pool = sorted(word for word in words if word.isalpha())
    while len(words) < count:
        words.add(rng.choice(pool) + rng.choice(pool))
    return real, sorted(word.encode() for word in words)


def some_texts(folder: Path, count: int) -> list[bytes]:
    """Real passages, as stored; none without the folder."""
    found: list[bytes] = []
    for path in sorted((folder / "passages").glob("part-*.jsonl.gz")):
        with gzip.open(path, "rb") as lines:
            for line in lines:
                found.append(msgspec.msgpack.encode(json.loads(line)))
                if len(found) == count:
                    return found
    return found


def integers() -> None:
    from rank_retrieve.codecs import bitpack, varint, zigzag

    rng = np.random.default_rng(1)
    values = rng.geometric(0.01, 1_000_000).astype(np.uint64)
    seconds, code = best(lambda: varint.encode_array(values))
    listed = values.tolist()
    rival, packed = best(lambda: msgspec.msgpack.encode(listed))
    row(
        "varint encode",
        f"{len(values) / seconds / 1e6:.0f} M/s",
        f"{len(code) / 1e6:.2f} B/value; msgpack of a list {len(values) / rival / 1e6:.0f} M/s,"
        f" {len(packed) / 1e6:.2f} B/value",
    )
    seconds, (back, _) = best(lambda: varint.decode_array(code, len(values)))
    if not np.array_equal(back, values):
        raise SystemExit("varint: wrong answer")
    rival, _ = best(lambda: msgspec.msgpack.decode(packed))
    row(
        "varint decode",
        f"{len(values) / seconds / 1e6:.0f} M/s",
        f"msgpack into a list {len(values) / rival / 1e6:.0f} M/s",
    )
    signed = values.astype(np.int64) - 100
    seconds, codes = best(lambda: zigzag.encode_deltas(signed))

    def numpy_encode() -> Any:
        deltas = np.diff(signed, prepend=0)
        return (deltas << 1) ^ (deltas >> 63)

    rival, _ = best(numpy_encode)
    row(
        "zigzag of deltas, encode",
        f"{len(values) / seconds / 1e6:.0f} M/s",
        f"NumPy {len(values) / rival / 1e6:.0f} M/s",
    )
    seconds, decoded = best(lambda: zigzag.decode_deltas(codes))
    if not np.array_equal(decoded, signed):
        raise SystemExit("zigzag: wrong answer")
    rival, _ = best(
        lambda: np.cumsum((codes >> np.uint64(1)).view("i8") ^ -(codes & np.uint64(1)).view("i8"))
    )
    row(
        "zigzag of deltas, decode",
        f"{len(values) / seconds / 1e6:.0f} M/s",
        f"NumPy {len(values) / rival / 1e6:.0f} M/s",
    )

    from rank_retrieve.codecs import _bitpack_kernels as kernels

    # a call unpacks many values at once here, to time the loop and not the call
    n = 1 << 20
    out, buffer = np.empty(n, dtype=np.uint32), np.empty(4 * n, dtype=np.uint8)
    for bits in (4, 11, 20):
        block = rng.integers(0, 1 << bits, n)
        packing, size = best(lambda: kernels.pack(block, n, bits, buffer, 0))  # noqa: B023
        unpacking, _ = best(lambda: kernels.unpack(buffer, 0, n, bits, out, 0))  # noqa: B023
        if not np.array_equal(out, block) or size != bitpack.packed_size(n, bits):
            raise SystemExit("bitpack: wrong answer")
        narrow = block.astype("<u4")
        columns = np.unpackbits(narrow.view("u1").reshape(n, 4), axis=1, bitorder="little")
        stream = np.packbits(columns[:, :bits], bitorder="little")

        def numpy_unpack() -> Any:
            rows = np.zeros((n, 32), dtype=np.uint8)
            rows[:, :bits] = np.unpackbits(stream, bitorder="little")[: n * bits].reshape(n, bits)  # noqa: B023
            return np.packbits(rows, axis=1, bitorder="little").view("<u4").ravel()

        rival, theirs = best(numpy_unpack, 2)
        if not np.array_equal(theirs, block):
            raise SystemExit("NumPy's bits: wrong answer")
        row(
            f"bitpack {bits} bits, pack / unpack",
            f"{n / packing / 1e6:.0f} / {n / unpacking / 1e6:.0f} M/s",
            f"NumPy's unpackbits {n / rival / 1e6:.0f} M/s",
        )


def blocks(text: bytes) -> None:
    from rank_retrieve.codecs import checksum, frames

    ours, _ = best(lambda: checksum.crc32c(text))
    theirs, _ = best(lambda: zlib.crc32(text))
    gigabytes = len(text) / 1e9
    row("crc32c", f"{gigabytes / ours:.1f} GB/s", f"zlib.crc32 {gigabytes / theirs:.1f} GB/s")
    for kib, level in ((128, 1), (128, 3), (256, 6)):
        chunks = [text[at : at + (kib << 10)] for at in range(0, len(text), kib << 10)]
        seconds, packed = best(lambda: [frames.compress(chunk, level) for chunk in chunks], 2)  # noqa: B023
        rival, deflated = best(lambda: [zlib.compress(chunk, 6) for chunk in chunks], 1)  # noqa: B023
        row(
            f"frames of {kib} KiB, level {level}, compress",
            f"{len(text) / seconds / 1e6:.0f} MB/s",
            f"{len(text) / sum(map(len, packed)):.2f} times smaller; zlib level 6"
            f" {len(text) / rival / 1e6:.0f} MB/s, {len(text) / sum(map(len, deflated)):.2f}",
        )
        pairs = list(zip(packed, map(len, chunks), strict=True))
        seconds, back = best(
            lambda: [frames.decompress(frame, n, origin="", offset=0) for frame, n in pairs]  # noqa: B023
        )
        bare, _ = best(lambda: [zstandard.ZstdDecompressor().decompress(f) for f in packed])  # noqa: B023
        if back != chunks:
            raise SystemExit("frames: wrong answer")
        row(
            f"frames of {kib} KiB, level {level}, decompress",
            f"{len(text) / seconds / 1e6:.0f} MB/s",
            f"zstandard unchecked {len(text) / bare / 1e6:.0f} MB/s",
        )


def words(texts: list[bytes]) -> None:
    """Texts in blocks of 256 KiB as words and frames, beside frames with a trained dictionary."""
    from rank_retrieve.codecs import frames
    from rank_retrieve.codecs.words import WordTable

    raw = sum(map(len, texts))
    sample = texts[:: max(1, raw // (8 << 20))]
    share = sum(map(len, sample)) / raw
    training, table = best(lambda: WordTable.train(sample, share=share), 2)
    row(f"words, choosing {len(table):,}", f"{sum(map(len, sample)) / training / 1e6:.0f} MB/s")
    step = max(1, len(texts) * (256 << 10) // raw)
    groups = [texts[at : at + step] for at in range(0, len(texts), step)]
    seconds, codes = best(lambda: [table.encode(group)[0] for group in groups], 2)
    row(
        "words, encode",
        f"{raw / seconds / 1e6:.0f} MB/s",
        f"{raw / sum(map(len, codes)):.2f} times smaller",
    )
    seconds, back = best(
        lambda: [table.decode(code, most=1 << 30, origin="")[0] for code in codes], 2
    )
    if b"".join(back) != b"".join(texts):
        raise SystemExit("words: wrong answer")
    row("words, decode", f"{raw / seconds / 1e6:.0f} MB/s")
    seconds, packed = best(lambda: [frames.compress(code, 6) for code in codes], 1)
    stored = sum(map(len, packed)) + len(frames.compress(table.to_bytes(), 9))
    dictionary = zstandard.train_dictionary(1 << 20, [*sample], k=512, d=8)
    dictionary.precompute_compress(level=9)
    rival = zstandard.ZstdCompressor(level=9, dict_data=dictionary)
    theirs, blocks = best(lambda: [rival.compress(b"".join(group)) for group in groups], 1)
    size = sum(map(len, blocks)) + len(frames.compress(dictionary.as_bytes(), 9))
    row(
        "words and frames of level 6, compress",
        f"{raw / seconds / 1e6:.0f} MB/s after words",
        f"{raw / stored:.2f} times smaller with the table; zstd level 9 with a dictionary of 1 MiB"
        f" {raw / theirs / 1e6:.0f} MB/s, {raw / size:.2f}",
    )


def edits_one(word: str, terms: set[str]) -> set[str]:
    """The terms within distance one, found by trying every edit."""
    letters = {letter for term in terms for letter in term} if len(terms) < 100 else LETTERS
    near = {word}
    for i in range(len(word) + 1):
        near.add(word[:i] + word[i + 1 :])
        for letter in letters:
            near.update((word[:i] + letter + word[i:], word[:i] + letter + word[i + 1 :]))
    return near & terms


LETTERS: set[str] = set()


def arena_of(terms: list[bytes]) -> tuple[Any, Any]:
    offsets = np.zeros(len(terms) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum([len(term) for term in terms])
    return np.frombuffer(b"".join(terms), dtype=np.uint8), offsets


def building(terms: list[bytes], kind: str) -> bytes:
    from rank_retrieve.codecs import fst

    n = len(terms)
    arena, offsets = arena_of(terms)
    seconds, content = best(lambda: fst.build(arena, offsets))
    row(
        f"FST of {n:,} {kind}, build",
        f"{n / seconds / 1e6:.2f} M terms/s",
        f"{len(content) / n:.2f} B/term; the terms themselves {offsets[-1] / n:.2f}",
    )
    return bytes(content)


def terms_and_fst(real: list[bytes], terms: list[bytes]) -> None:
    from rank_retrieve.codecs import fst

    n = len(terms)
    arena, offsets = arena_of(terms)
    start = time.perf_counter()
    fst.build(arena[: offsets[2]], offsets[:3])
    row("(first use: kernels compiled or loaded)", f"{time.perf_counter() - start:.1f} s")
    building(real, "words")
    content = building(terms, "words and compounds")
    words = fst.Fst.open(content, origin="benchmark")
    if [term for term, _ in words.items()] != terms:
        raise SystemExit("FST: wrong list")
    seconds, _ = best(words.verify, 2)
    row("verify", f"{seconds * 1e3:.0f} ms")
    small = fst.build(arena[: offsets[50]].copy(), offsets[:51].copy())
    seconds, _ = best(lambda: [fst.build(arena[: offsets[50]], offsets[:51]) for _ in range(100)])
    row("build of 50 terms", f"{seconds / 100 * 1e6:.0f} us")
    seconds, _ = best(lambda: [fst.Fst.open(small, origin="") for _ in range(100)])
    row("open", f"{seconds / 100 * 1e6:.1f} us")

    order = np.random.default_rng(2).permutation(n)
    shuffled = [terms[i] for i in order]
    shuffled_arena, shuffled_offsets = arena_of(shuffled)
    table = {term: i for i, term in enumerate(terms)}
    seconds, found = best(lambda: words.get_many(shuffled_arena, shuffled_offsets))
    rival, _ = best(lambda: [table[term] for term in shuffled])
    if not np.array_equal(found, order):
        raise SystemExit("FST: wrong value")
    row(
        "look-up, random order, kernel",
        f"{seconds / n * 1e9:.0f} ns",
        f"dict {rival / n * 1e9:.0f} ns",
    )
    few = shuffled[:2000]
    seconds, _ = best(lambda: [words.get(term) for term in few])
    row("look-up, one call each", f"{seconds / len(few) * 1e9:.0f} ns")
    seconds, _ = best(lambda: sum(1 for _ in words.items()), 3)
    row("listing", f"{seconds / n * 1e9:.0f} ns/term")

    texts = [term.decode() for term in terms]
    LETTERS.update(letter for text in texts for letter in text)
    queries = [text for text in random.Random(3).sample(texts, 300) if len(text) > 4]
    for distance in (1, 2):
        automata = [fst.levenshtein(query, distance) for query in queries]
        seconds, answers = best(lambda: [list(words.search(a)) for a in automata])  # noqa: B023
        if distance == 1:
            everything = set(texts)
            for query, answer in list(zip(queries, answers, strict=True))[:20]:
                if {term.decode() for term, _ in answer} != edits_one(query, everything):
                    raise SystemExit("FST: wrong neighbours")
        hits = sum(map(len, answers)) / len(queries)
        row(
            f"fuzzy, distance {distance}",
            f"{seconds / len(queries) * 1e6:.0f} us",
            f"{hits:.1f} hits",
        )
    for kind, pattern, expression in (
        (fst.wildcard, "comp*", "comp.*"),
        (fst.wildcard, "c?t", "c.t"),
        (fst.wildcard, "*tion", ".*tion"),
        (fst.regex, "(19|20)\\d\\d", "(19|20)[0-9][0-9]"),
    ):
        compiling, automaton = best(lambda: kind(pattern))  # noqa: B023
        seconds, answer = best(lambda: list(words.search(automaton)))  # noqa: B023
        scan = re.compile(expression, re.DOTALL)
        rival, expected = best(lambda: [t for t in texts if scan.fullmatch(t)], 2)  # noqa: B023
        if [term.decode() for term, _ in answer] != expected:
            raise SystemExit(f"FST: wrong answer for {pattern}")
        row(
            f"{pattern} ({len(expected)} hits)",
            f"{seconds * 1e3:.3f} ms",
            f"+ {compiling * 1e6:.0f} us to compile; re over all {rival * 1e3:.0f} ms",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--terms", type=int, default=500_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    real, terms = some_terms(arguments.data, arguments.terms)
    integers()
    blocks(b" ".join(random.Random(4).sample(terms, min(len(terms), 400_000))))
    if texts := some_texts(arguments.data, 50_000):
        words(texts)
    terms_and_fst(real, terms)


if __name__ == "__main__":
    main()
