"""Space: what documents and posting lists take on disk, beside Lucene's way and tantivy.

    python benchmarks/space.py [--data ../shared/data] [--passages 50000] [--trade] [--postings]

Documents: *raw* is the msgpack of each document's fields except its id, as it lies uncompressed in
the log, UTF-8 inside; *stored* is all `documents*` sections of the segment, tables included. It is
given as flushed, and after `compact()`. For orientation, the same records the way that Lucene's
stored fields (BEST_SPEED: LZ4; BEST_COMPRESSION: DEFLATE level 6 in blocks of 48 KiB, with a
preset dictionary in practice) and tantivy's (LZ4 or zstd in blocks of 16 KiB) compress them, done
here with zlib and zstd over blocks of those sizes. `get` is the processor time of
one document at random; of a large collection, most blocks are not in the cache.

--trade prints the table that the sizes of blocks and the levels were chosen by.
--postings compares the lexical sections (terms, posting lists, lengths, block tables) with the
directory of tantivy (`pip install tantivy`) that indexes the same analysed terms: stop words
dropped and stemmed by us, freqs but no positions, nothing stored, one merged segment.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import zstandard

import rank_retrieve as rr
from rank_retrieve.collection.documents import (
    QUICK,
    SMALL,
    DocumentStore,
    Packing,
    stream_documents,
    train,
)
from rank_retrieve.types import MemorySections

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data"
GETS = 2_000


def passages(folder: Path, count: int) -> Iterator[dict[str, Any]]:
    for file in sorted((folder / "passages").glob("part-*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                if not count:
                    return
                count -= 1
                document = json.loads(line)
                document["id"] = document.pop("_id")
                yield document


def judged(folder: Path) -> Iterator[dict[str, Any]]:
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            document = json.loads(line)
            document["id"] = document.pop("_id")
            yield document


def corpora(folder: Path, count: int) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for path in sorted((folder / "judged").iterdir()):
        yield path.name, list(judged(path))
    yield "passages", list(passages(folder, count))


def bodies_of(documents: list[dict[str, Any]]) -> list[bytes]:
    return [msgspec.msgpack.encode({k: v for k, v in d.items() if k != "id"}) for d in documents]


def blocks(bodies: list[bytes], size: int) -> Iterator[bytes]:
    block: list[bytes] = []
    for body in bodies:
        block.append(body)
        if sum(map(len, block)) >= size:
            yield b"".join(block)
            block = []
    yield b"".join(block)


def rivals(bodies: list[bytes]) -> dict[str, float]:
    """Ratio of each way, tables left out."""
    raw = sum(map(len, bodies))
    zstd = zstandard.ZstdCompressor(level=3)
    return {
        "DEFLATE 48 KiB": raw / sum(len(zlib.compress(b, 6)) for b in blocks(bodies, 48 << 10)),
        "zstd 16 KiB": raw / sum(len(zstd.compress(b)) for b in blocks(bodies, 16 << 10)),
    }


def sections(collection: rr.Collection) -> dict[str, int]:
    """Bytes of the sections of all segments, by kind."""
    found: dict[str, int] = {}
    for part in collection._store.disk:
        reader: Any = part.visible.segment._sections
        for name in reader.section_names:
            kind = name.split(".")[0]
            if name.endswith(".text0"):
                kind = "lexical"
            found[kind] = found.get(kind, 0) + reader.section_size(name)
    return found


def documents(folder: Path, count: int) -> None:
    columns = ("documents", "raw MB", "flushed", "compacted", "DEFLATE", "zstd 16K", "get us")
    print("".join([f"{'':<12}", *(f"{name:>11}" for name in columns)]))
    for name, given in corpora(folder, count):
        bodies = bodies_of(given)
        raw = sum(map(len, bodies))
        with (
            tempfile.TemporaryDirectory() as scratch,
            rr.open(
                scratch + "/db", compaction="manual", durability="none", flush_bytes=1 << 40
            ) as db,
        ):
            made = db.create_collection("c", fields={"title": rr.Text(), "text": rr.Text()})
            made.put_many(given)
            made.flush()
            flushed = sections(made)["documents"]
            made.compact()
            compacted = sections(made)["documents"]
            chosen = random.Random(1).choices(given, k=GETS)
            start = time.process_time()
            found = [made.get(document["id"]) for document in chosen]
            seconds = time.process_time() - start
            if found != chosen:
                raise SystemExit(f"{name}: another document came back")
        others = rivals(bodies)
        print(
            f"{name:<12}{len(given):>11,}{raw / 1e6:>11.1f}{raw / flushed:>11.2f}"
            f"{raw / compacted:>11.2f}{others['DEFLATE 48 KiB']:>11.2f}"
            f"{others['zstd 16 KiB']:>11.2f}{seconds / GETS * 1e6:>11.0f}"
        )


def trade(folder: Path, count: int) -> None:
    bodies = bodies_of(list(passages(folder, count)))
    raw = sum(map(len, bodies))
    print(f"{raw / 1e6:.1f} MB of passages; seconds of one core; body() of a cold block")
    print(f"{'block':>8}{'words':>8}{'level':>7}{'ratio':>8}{'write MB/s':>12}{'body us':>9}")
    for packing in [
        QUICK,
        *(
            Packing(block << 10, sample << 20, level)
            for sample in (0, 1, 8)
            for block in (16, 64, 128, 256)
            for level in (1, 3, 6, 9)
        ),
        SMALL,
    ]:
        made = MemorySections()
        start = time.process_time()
        step = max(1, -(-raw // max(1, packing.sample_bytes)))
        stream_documents(made, train(bodies[::step], raw, packing), bodies, packing)
        seconds = time.process_time() - start
        store = DocumentStore(made, len(bodies))
        store.body(0)
        chosen = random.Random(1).choices(range(len(bodies)), k=GETS)
        start = time.process_time()
        for doc in chosen:
            store.body(doc)
        reading = time.process_time() - start
        stored = sum(map(len, made.buffers.values()))
        print(f"{packing.block_bytes >> 10:>5} KiB{packing.sample_bytes >> 20:>5} MB"
              f"{packing.level:>7}{raw / stored:>8.3f}{raw / seconds / 1e6:>12.0f}"
              f"{reading / GETS * 1e6:>9.0f}")  # fmt: skip


def postings(folder: Path, count: int) -> None:
    import tantivy

    from rank_retrieve.analysis import get_analyzer

    given = list(passages(folder, count))
    with tempfile.TemporaryDirectory() as scratch:
        with rr.open(scratch + "/ours", compaction="manual", durability="none") as db:
            made = db.create_collection("c", fields={"text": rr.Text()})
            made.put_many({"id": d["id"], "text": f"{d['title']} {d['text']}"} for d in given)
            made.compact()
            ours = sections(made)["lexical"]
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", tokenizer_name="whitespace", index_option="freq")
        theirs_path = Path(scratch) / "theirs"
        theirs_path.mkdir()
        index = tantivy.Index(builder.build(), str(theirs_path))
        writer = index.writer(heap_size=512 << 20, num_threads=1)
        analyzer = get_analyzer("english")
        for document in given:
            terms = analyzer.terms(f"{document['title']} {document['text']}")
            writer.add_document(tantivy.Document(text=b" ".join(terms).decode()))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        theirs = sum(f.stat().st_size for f in theirs_path.iterdir() if f.suffix != ".json")
        segments = index.searcher().num_segments
    n = len(given)
    print(f"{n:,} passages: ours {ours / n:.1f} B/doc, tantivy {theirs / n:.1f} B/doc"
          f" in {segments} segments, ratio {ours / theirs:.2f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEFAULT)
    parser.add_argument("--passages", type=int, default=50_000)
    parser.add_argument("--trade", action="store_true")
    parser.add_argument("--postings", action="store_true")
    arguments = parser.parse_args()
    if arguments.trade:
        trade(arguments.data, arguments.passages)
    elif arguments.postings:
        postings(arguments.data, arguments.passages)
    else:
        documents(arguments.data, arguments.passages)


if __name__ == "__main__":
    main()
