import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.errors import (
    FormatVersionError,
    InvalidArgument,
    NotFound,
    RankRetrieveError,
)
from rank_retrieve.lexical import bm25 as module
from rank_retrieve.lexical.bm25 import BM25
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.retriever_contract import RetrieverContract
from rank_retrieve.types import Bitmap, Query
from tests.lexical.oracle import BruteForce, one_field

TEXTS = ["a cat sat", "dogs run", "the cat ran", ""]


class TestContract(RetrieverContract):
    def build(self, texts, vectors, ids):
        return BM25.from_texts(texts, ids=ids, analyzer="simple")

    def query(self, query):
        return query.text


def test_the_public_name_is_this_class():
    assert rr.BM25 is BM25


def test_texts_are_found_by_their_stems():
    bm25 = BM25.from_texts(TEXTS)
    assert bm25.search("cats").ids.tolist() == [0, 2]
    assert bm25.search("running").ids.tolist() == [1]


def test_scores_equal_brute_force():
    texts = ["x y x", "y z", "x", "z z z y"]
    bm25 = BM25.from_texts(texts, analyzer="simple", k1=0.9, b=0.4)
    brute = BruteForce(one_field(*texts), k1=0.9, b=0.4)
    hits = bm25.search("x z z")
    assert list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True)) == brute.best(
        [b"x", b"z", b"z"], 10
    )


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["one", "two", "três", ""], ["one", "três"]),
        ([10, -3, 2**62, 0], [10, 2**62]),
        (np.array([7, 5, 3, 1], dtype=np.int32), [7, 3]),
        (None, [0, 2]),
    ],
)
def test_hits_carry_the_ids_given(ids, expected, tmp_path):
    bm25 = BM25.from_texts(TEXTS, ids=ids)
    assert [hit.id for hit in bm25.search("cat")] == expected
    bm25.save(tmp_path / "saved")
    assert [hit.id for hit in BM25.open(tmp_path / "saved").search("cat")] == expected


@pytest.mark.parametrize(
    "ids",
    [
        ["a", "b", "a", "c"],
        [1, 2, 1, 3],
        ["a", 2, "c", 4],
        ["a", "b"],
        [1.0, 2.0, 3.0, 4.0],
        [True, False, 2, 3],
        [2**63, 1, 2, 3],
        ["a", "b", "c", "\ud800"],
        [None, 1, 2, 3],
    ],
)
def test_ids_that_cannot_name_documents_are_refused(ids):
    with pytest.raises(InvalidArgument, match="ids"):
        BM25.from_texts(TEXTS, ids=ids)


@pytest.mark.parametrize("texts", ["one text", [1], [None], ["ok", "\ud800"], [b"bytes"]])
def test_texts_that_are_not_strings_are_refused(texts):
    with pytest.raises(InvalidArgument):
        BM25.from_texts(texts)


@pytest.mark.parametrize("options", [{"k1": -1}, {"b": 2}, {"analyzer": "klingon"}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InvalidArgument):
        BM25.from_texts(TEXTS, **options)


def test_queries_of_stop_words_or_nothing_find_nothing():
    bm25 = BM25.from_texts(TEXTS)
    assert len(bm25.search("the")) == 0
    assert len(bm25.search("")) == 0
    assert len(bm25.search("?!")) == 0


def test_a_megabyte_of_text_is_a_document_and_a_query():
    long = "word " * 200_000
    bm25 = BM25.from_texts(["short word", long], analyzer="simple")
    assert bm25.search(long).ids.tolist() == [1, 0]


def test_a_query_of_many_distinct_terms_is_answered():
    words = " ".join(f"w{i}" for i in range(3000))
    bm25 = BM25.from_texts([words, "w7", "none"], analyzer="simple")
    assert bm25.search(words).ids.tolist() == [0, 1]
    with pytest.raises(InvalidArgument, match="65536"):
        bm25.search(" ".join(f"w{i}" for i in range(70_000)))


def test_progress_counts_texts():
    seen = []
    texts = [f"text {i}" for i in range(5000)]
    with_progress = BM25.from_texts(texts, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4096, 5000), (5000, 5000)]
    without = BM25.from_texts(texts)
    assert with_progress.search("4999 text").scores.tolist() == (
        without.search("4999 text").scores.tolist()
    )


def test_search_many_over_threads_gives_what_search_gives():
    bm25 = BM25.from_texts([f"alpha w{i % 17} w{i % 5}" for i in range(300)])
    queries = [f"alpha w{i % 17}" for i in range(50)]
    for threads in (None, 1, 3):
        found = bm25.search_many(queries, 7, threads=threads)
        for query, hits in zip(queries, found, strict=True):
            expected = bm25.search(query, 7)
            assert hits.ids.tolist() == expected.ids.tolist()
            assert hits.scores.tolist() == expected.scores.tolist()
    with pytest.raises(InvalidArgument):
        bm25.search_many("one query")
    with pytest.raises(InvalidArgument):
        bm25.search_many(queries, threads=0)


def test_search_many_raises_what_search_raises():
    bm25 = BM25.from_texts(TEXTS)
    with pytest.raises(InvalidArgument, match="query"):
        bm25.search_many(["ok", 3], 5, threads=2)


def test_a_document_is_explained_by_its_id():
    bm25 = BM25.from_texts(TEXTS, ids=["w", "x", "y", "z"])
    hits = bm25.search("cat sat")
    assert hits[0].explain() == bm25.explain("cat sat", "w")
    assert bm25.explain("cat", "w").value == bm25.search("cat")[0].score
    assert bm25.explain(Query("cat"), "x").value == 0.0
    with pytest.raises(NotFound):
        bm25.explain("cat", "nobody")


def test_hits_have_no_documents():
    with pytest.raises(InvalidArgument, match="without documents"):
        BM25.from_texts(TEXTS).search("cat")[0].document


def test_saving_again_replaces_and_open_readers_keep_their_view(tmp_path):
    BM25.from_texts(["cat"], ids=["old"]).save(tmp_path)
    old = BM25.open(tmp_path)
    BM25.from_texts(["cat cat", "cat"], ids=["new", "newer"]).save(tmp_path)
    assert old.search("cat").ids.tolist() == ["old"]
    assert BM25.open(tmp_path).search("cat").ids.tolist() == ["new", "newer"]
    assert [path.name for path in tmp_path.iterdir()] == ["bm25.segment"]


def test_an_opened_retriever_can_be_saved_elsewhere():
    first, second = MemoryDirectory(), MemoryDirectory()
    BM25.from_texts(TEXTS, ids=["a", "b", "c", "d"], k1=2.0, b=0.1).save(first)
    BM25.open(first).save(second)
    assert bytes(first.open("bm25.segment")) == bytes(second.open("bm25.segment"))
    reopened = BM25.open(second)
    assert (reopened.k1, reopened.b, reopened.analyzer.name) == (2.0, 0.1, "english")
    reopened.verify()


def test_opening_nothing_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        BM25.open(tmp_path / "nowhere")
    with pytest.raises(NotFound):
        BM25.open(tmp_path)


def test_another_analyzer_under_the_same_name_is_refused(monkeypatch):
    directory = MemoryDirectory()
    bm25 = BM25.from_texts(TEXTS)
    bm25.save(directory)

    class Changed:
        name, fingerprint = "english", "0" * 32

    monkeypatch.setattr(module, "get_analyzer", lambda name: Changed)
    with pytest.raises(FormatVersionError, match="fingerprint"):
        BM25.open(directory)


def use(bm25):
    bm25.verify()
    for query in ("cat", "dog cat run"):
        for hit in bm25.search(query, allowed=Bitmap(len(bm25), full=True)):
            hit.explain()


@pytest.mark.parametrize("ids", [None, ["a", "b", "c", "d"], [4, 3, 2, 1]])
def test_every_damaged_byte_and_truncation_is_noticed(ids):
    directory = MemoryDirectory()
    bm25 = BM25.from_texts(TEXTS, ids=ids)
    bm25.save(directory)
    content = bytes(directory.open("bm25.segment"))
    use(BM25.open(directory))
    wrongs = [content[:size] for size in range(0, len(content), 37)]
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 0x41
        wrongs.append(bytes(changed))
    harmless = 0
    for wrong in wrongs:
        damaged = MemoryDirectory()
        output = damaged.create("bm25.segment")
        output.write(wrong)
        output.close()
        try:
            opened = BM25.open(damaged)
            use(opened)
        except RankRetrieveError:
            continue
        # zeros between sections belong to nobody
        harmless += 1
        assert opened.search("cat run").scores.tolist() == bm25.search("cat run").scores.tolist()
    assert harmless < len(wrongs) // 3
