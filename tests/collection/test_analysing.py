import itertools
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from rank_retrieve.analysis import TokenRuns, Vocabulary, get_analyzer
from rank_retrieve.collection import analysing
from rank_retrieve.collection.record import Record, to_record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Text

ONE = Schema({"text": Text(analyzer="simple")})
TWO = Schema({"title": Text(analyzer="simple"), "text-2": Text(analyzer="simple")})


def terms_of(schema: Schema, records: list[Record]) -> list[list[bytes]]:
    """The terms of each field of each record, one after the other."""
    (group,) = schema.groups
    vocabulary = Vocabulary(get_analyzer(group.analyzer))
    forward = analysing.analysed(records, group, vocabulary)
    terms, offsets = vocabulary.terms(), forward.offsets.tolist()
    assert forward.n_docs == len(records)
    return [
        [terms[token] for token in forward.tokens[start:end].tolist()]
        for start, end in itertools.pairwise(offsets)
    ]


def test_each_field_of_each_document_is_a_run_of_terms() -> None:
    documents = [
        {"id": "a", "title": "Red fox", "text-2": "runs, runs", "year": 1990},
        {"id": "b", "text-2": None, "title": "Ötzi", "tags": ["x", {"y": b"z"}]},
        {"id": "c"},
    ]
    records = [to_record(TWO, document) for document in documents]
    assert terms_of(TWO, records) == [
        [b"red", b"fox"], [b"runs", b"runs"], ["ötzi".encode()], [], [], [],
    ]  # fmt: skip


def test_a_group_of_one_field_reads_that_field_only() -> None:
    records = [to_record(ONE, {"id": "a", "text": "cat", "title": "not a text field"})]
    assert terms_of(ONE, records) == [[b"cat"]]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        to_record(TWO, {"id": str(i), "title": f"t{i % 7}", "text-2": f"a b{i} c" * (i % 3)})
        for i in range(50)
    ]
    at_once = terms_of(TWO, records)
    monkeypatch.setattr(analysing, "CHUNK_DOCS", 8)
    assert terms_of(TWO, records) == at_once
    assert at_once[:4] == [[b"t0"], [], [b"t1"], [b"a", b"b1", b"c"]]


@pytest.mark.parametrize("body", [b"\xc1", b"\x81\xa4text\x01", b"\x81\xa4text\xa1\xff"])
def test_a_damaged_body_is_corruption(body: bytes) -> None:
    with pytest.raises(CorruptionError):
        terms_of(ONE, [Record("a", body)])


def test_few_chunks_are_decoded_before_they_are_analysed(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = analysed = most = 0
    texts_of, lock = analysing._texts, threading.Lock()

    def counted_texts(records: list[Record], fields: tuple[str, ...]) -> list[str]:
        nonlocal decoded, most
        with lock:
            decoded += 1
            most = max(most, decoded - analysed)
        return texts_of(records, fields)

    class Slow(Vocabulary):
        def analyze(self, texts: Sequence[str], **options: Any) -> TokenRuns:
            nonlocal analysed
            runs = super().analyze(texts, **options)
            time.sleep(0.001)
            with lock:
                analysed += 1
            return runs

    monkeypatch.setattr(analysing, "_texts", counted_texts)
    monkeypatch.setattr(analysing, "CHUNK_DOCS", 5)
    records = [to_record(ONE, {"id": str(i), "text": f"w{i}"}) for i in range(200)]
    forward = analysing.analysed(records, ONE.groups[0], Slow(get_analyzer("simple")))
    assert forward.n_docs == 200
    assert analysed == 40
    assert most <= analysing.PENDING_CHUNKS + 1


def test_positions_go_through_chunks_and_are_there_only_where_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = Schema({"title": Text(positions=True), "text": Text()})
    records = [
        to_record(
            schema, {"id": str(i), "title": "the cat", "text": "a dog and the fox " * (i % 3)}
        )
        for i in range(20)
    ]
    (group,) = schema.groups

    def positions() -> list[int]:
        forward = analysing.analysed(records, group, Vocabulary(get_analyzer("english")))
        assert forward.positions is not None
        return forward.positions.tolist()

    at_once = positions()
    monkeypatch.setattr(analysing, "CHUNK_DOCS", 8)
    assert positions() == at_once
    # document 2: "cat" at 1; twice "dog" and "fox" at 1 and 4
    assert at_once[:9] == [1, 1, 1, 4, 1, 1, 4, 6, 9]
    (plain,) = ONE.groups
    records = [to_record(ONE, {"id": "a", "text": "cat"})]
    vocabulary = Vocabulary(get_analyzer("simple"))
    assert analysing.analysed(records, plain, vocabulary).positions is None
