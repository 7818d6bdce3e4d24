import gc

import numpy as np
import pytest

from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.collection.contents import Contents
from rank_retrieve.collection.memtable_segment import LazySections, memtable_segment
from rank_retrieve.collection.record import to_record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.segment import Segment
from rank_retrieve.types import SectionSink, Text, Vector

SCHEMA = Schema({"text": Text(analyzer="simple"), "v": Vector(dim=2)})


def test_a_family_is_written_once_when_the_first_of_it_is_read() -> None:
    written: list[str] = []

    def write(sink: SectionSink) -> None:
        written.append("a")
        sink.add("a", b"1")
        sink.add("a.more", b"2")

    sections = LazySections("<test>")
    sections.add_now(lambda sink: sink.add("b", b"3"))
    sections.add_later("a", write)
    assert bytes(sections.section("b")) == b"3"
    assert "ab" not in sections
    assert written == []
    assert "a.more" in sections
    assert bytes(sections.section("a")) == b"1"
    assert bytes(sections.section("a.more")) == b"2"
    assert written == ["a"]


def test_an_interrupted_family_is_written_again() -> None:
    attempts: list[int] = []

    def write(sink: SectionSink) -> None:
        sink.add("a", b"1")
        attempts.append(1)
        if len(attempts) == 1:
            raise KeyboardInterrupt
        sink.add("a.more", b"2")

    sections = LazySections("<test>")
    sections.add_later("a", write)
    with pytest.raises(KeyboardInterrupt):
        sections.section("a")
    assert bytes(sections.section("a.more")) == b"2"
    assert len(attempts) == 2


def segment() -> Segment:
    documents = [
        {"id": "a", "text": "red fox", "v": [1, 2], "year": 1990},
        {"id": "b", "text": "red hen", "year": 2000},
    ]
    vocabularies = {g.name: Vocabulary(get_analyzer(g.analyzer)) for g in SCHEMA.groups}
    records = [to_record(SCHEMA, document) for document in documents]
    return memtable_segment(Contents.of(SCHEMA, records, vocabularies), vocabularies)


def test_only_words_are_there_before_anything_is_read() -> None:
    sections = segment()._sections
    assert isinstance(sections, LazySections)
    assert sorted(sections._waiting) == ["columns", "encoded.v", "ids", "vectors.v"]


def test_every_structure_is_there_when_it_is_read() -> None:
    found = segment()
    assert [found.id(doc) for doc in range(2)] == ["a", "b"]
    assert found.ids.find("b") == 1
    assert found.ids.find("c") == -1
    assert found.index("text0").n_docs == 2
    column = found.vectors("v")
    assert column is not None
    assert column.vectors.tolist() == [[1.0, 2.0]]
    assert len(found.encoded("v")) == 0
    assert found.columns.n_docs == 2
    assert found.document(0)["v"].tolist() == [1.0, 2.0]
    assert found.document(1) == {"id": "b", "text": "red hen", "year": 2000}
    assert np.array_equal(found.record(0).vectors["v"], [1.0, 2.0])


def test_what_waits_does_not_hold_the_tokens() -> None:
    """A snapshot may be kept for long; the memtable that it came from is flushed soon."""
    found = segment()
    gc.collect()
    assert not any(
        isinstance(held, Contents) and held.schema is SCHEMA for held in gc.get_objects()
    )
    assert found.ids.find("b") == 1
    assert found.columns.paths == ("id", "year")
