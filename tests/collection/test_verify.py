"""Verification finds what checksums cannot: parts that are whole and contradict each other."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.collection import doctor, rereading
from rank_retrieve.collection.documents import DocumentBlocks
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.verify import VerifyReport, verify_all, verify_segment
from rank_retrieve.lexical import DeletedStatistics
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.types import Bitmap, MemorySections

FIELDS: dict[str, Any] = {"title": rr.Text(boost=2.0), "text": rr.Text(), "v": rr.Vector(dim=2)}
VALUES: list[Any] = [
    1999, None, 2.5, "pets", True, [1, "two", {"a": 3}], {"deep": {"er": "x"}}, -7, b"raw",
]  # fmt: skip


def filled(compaction: bool = True) -> rr.Database:
    db = rr.open(MemoryDirectory(), compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    for start in (0, 150, 300):
        documents.put_many(
            {
                "id": f"d{i}",
                "title": f"cat {i}",
                "text": "the cat and the dog " * (i % 9),
                "v": [i + 1, 2],
                "any": VALUES[i % len(VALUES)],
                "year": 1990 + i % 30,
                "tags": ["x", "y", "z"][: i % 4],
            }
            for i in range(start, start + 150)
        )
        documents.flush()
    if compaction:
        documents.compact()
    for i in range(0, 450, 7):
        documents.delete(f"d{i}")
    documents.flush()
    return db


def parts(db: rr.Database) -> list[LiveSegment]:
    return [part.visible for part in db._engine.state.stores["c"].disk]


def problems_of(part: LiveSegment, encoder_field: str | None = None) -> list[str]:
    report = VerifyReport()
    verify_segment(part, encoder_field, report)
    return report.problems


@pytest.mark.parametrize("compaction", [True, False])
def test_sound_segments_have_no_problems_and_everything_is_counted(compaction: bool) -> None:
    db = filled(compaction)
    report = db.verify()
    assert report.ok, str(report)
    assert report.checked["documents"] == report.checked["vectors"] == 450
    assert report.checked["posting lists"] > 450
    assert report.checked["columns"] > 4
    assert report.checked["files"] == (2 if compaction else 6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: DeletedStatistics(s.ordinals, s.counts, s.n_docs - 1, s.total_length),
        lambda s: DeletedStatistics(s.ordinals, s.counts, s.n_docs, s.total_length + 1),
        lambda s: DeletedStatistics(s.ordinals[:-1], s.counts[:-1], s.n_docs, s.total_length),
        lambda s: DeletedStatistics(s.ordinals, s.counts + 1, s.n_docs, s.total_length),
        lambda s: DeletedStatistics.none(),
    ],
)
def test_wrong_statistics_of_deleted_documents_are_found(wrong: Any) -> None:
    (part,) = parts(filled())
    damaged = LiveSegment(part.segment, part.live, {"text0": wrong(part.deleted["text0"])})
    (problem,) = problems_of(damaged)
    assert "statistics of 65 deleted documents of text0" in problem


def test_a_deletion_without_statistics_is_found() -> None:
    (part,) = parts(filled())
    assert "deleted documents" in problems_of(LiveSegment(part.segment, Bitmap(450)))[0]


def test_an_id_that_is_alive_twice_is_found() -> None:
    first, second = (parts(filled())[0] for _ in range(2))
    object.__setattr__(second.segment, "schema", first.segment.schema)
    report = verify_all([([first, second], None)], [], VerifyReport())
    assert len(report.problems) == 450 - 65
    assert "id 'd1' is alive in" in report.problems[0]
    other = LiveSegment(second.segment, ~first.live_docs, {})
    problems = verify_all([([first, other], None)], [], VerifyReport()).problems
    assert not any("alive" in problem for problem in problems)


def rewritten(part: LiveSegment, name: str, content: bytes) -> LiveSegment:
    """The same segment with other bytes in a section, and no checksum to tell."""
    segment = part.segment
    sections: Any = segment._sections
    copy = MemorySections(segment.name)
    for section in sections.section_names:
        copy.add(section, content if section == name else bytes(sections.section(section)))
    return live_segment(copy, part)


def live_segment(copy: MemorySections, part: LiveSegment) -> LiveSegment:
    segment = type(part.segment)(copy.origin, copy, part.segment.schema)
    return LiveSegment(segment, part.live, part.deleted)


def with_bodies(part: LiveSegment, bodies: dict[int, Any]) -> LiveSegment:
    """The same segment with other bodies, and nothing made of them."""
    stored: Any = part.segment._sections
    kept = list(part.segment.bodies.bodies())
    copy = MemorySections(part.segment.name)
    for name in stored.section_names:
        if not name.startswith("documents"):
            copy.add(name, bytes(stored.section(name)))
    chosen = [bodies.get(doc, bytes(body)) for doc, body in enumerate(kept)]
    DocumentBlocks(
        [body if isinstance(body, bytes) else msgspec.msgpack.encode(body) for body in chosen]
    ).write(copy)
    return live_segment(copy, part)


def small() -> rr.Database:
    db = rr.open(MemoryDirectory(), compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put_many(
        {"id": f"d{i}", "title": "bird", "text": "the cat sat", **({"v": [1, i]} if i % 2 else {})}
        for i in range(20)
    )
    documents.flush()
    return db


def section(part: LiveSegment, name: str) -> bytearray:
    return bytearray(part.segment._sections.section(name))


def test_metadata_that_differs_from_the_documents_is_found() -> None:
    (part,) = parts(filled())
    other = rr.open(MemoryDirectory(), compaction="manual")
    made = other.create_collection("c", fields=FIELDS)
    with rr.open(MemoryDirectory()):
        pass
    made.put_many(
        {**document, "year": 1 + document.get("year", 0)}
        for document in filled().get_collection("c").documents()
    )
    made.compact()
    (moved,) = parts(other)
    sound = LiveSegment(moved.segment)
    assert problems_of(sound) == []
    year = moved.segment.columns.paths.index("year")
    found = section(sound, f"columns.{year}")
    found[0] ^= 1
    (problem,) = problems_of(rewritten(sound, f"columns.{year}", bytes(found)))
    assert "metadata differs from the documents in column 'year'" in problem
    rows = section(part, "columns.rows")
    at = rows.rindex(b"two")
    rows[at] = ord("T")
    (problem,) = problems_of(rewritten(part, "columns.rows", bytes(rows)))
    assert "in rows" in problem


def test_every_byte_of_small_sections_is_read() -> None:
    """Without checksums too: whatever is flipped contradicts something else."""
    db = rr.open(MemoryDirectory(), compaction="manual")
    documents = db.create_collection("c", fields={"text": rr.Text()})
    documents.put_many({"id": f"d{i}", "text": f"cat number {i}", "n": i} for i in range(9))
    documents.flush()
    (part,) = parts(db)
    for name in ("lengths.text0", "ids", "ids.hashes", "ids.docs", "columns.0"):
        original = bytes(section(part, name))
        for at in range(len(original)):
            damaged = bytearray(original)
            damaged[at] ^= 0x11
            try:
                problems = problems_of(rewritten(part, name, bytes(damaged)))
            except rr.CorruptionError as error:
                problems = [str(error)]
            padding = name == "columns.0" and at >= 9
            assert problems or padding, f"byte {at} of {name}"


def test_vectors_and_their_norms_agree() -> None:
    (part,) = parts(filled())
    norms = np.frombuffer(section(part, "vectors.v.norms"), dtype="<f4").copy()
    norms[3] += 1
    (problem,) = problems_of(rewritten(part, "vectors.v.norms", norms.tobytes()))
    assert "norms of 'v'" in problem


def test_one_damaged_structure_does_not_hide_another(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db", compaction="manual") as db:
        documents = db.create_collection("c", fields=FIELDS)
        documents.put_many({"id": str(i), "text": "cat", "n": i} for i in range(20))
    (file,) = (tmp_path / "db").glob("segment-*")
    with rr.open(tmp_path / "db", mode="r") as db:
        reader: Any = parts(db)[0].segment._sections
        places = [reader._entries[name][0] for name in ("postings.text0", "documents")]
    damaged = bytearray(file.read_bytes())
    for place in places:
        damaged[place] ^= 1
    file.write_bytes(bytes(damaged))
    with rr.open(tmp_path / "db", mode="r") as db:
        report = db.verify()
    assert any("'postings.text0'" in problem for problem in report.problems)
    assert any("'documents'" in problem for problem in report.problems)


@pytest.mark.parametrize(
    "body",
    [
        {"title": "bird", "text": "the zebra sat"},  # as many words
        {"title": "bird", "text": "sat sat cat"},  # the same words
        {"title": "cat sat", "text": "bird"},  # in other fields
        {"title": "bird"},
        {"title": None, "text": "cat sat"},
    ],
)
def test_words_that_are_not_those_of_the_posting_lists_are_found(body: dict[str, Any]) -> None:
    (part,) = parts(small())
    assert problems_of(with_bodies(part, {5: {"text": "CAT, sat", "title": "the birds"}})) == []
    (problem,) = problems_of(with_bodies(part, {5: body, 7: body}))
    assert "the words of 2 documents are not those of the posting lists of text0" in problem
    assert "first is doc 5" in problem


def test_words_are_compared_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rereading, "CHUNK_CHARACTERS", 50)
    (part,) = parts(filled())
    assert problems_of(part) == []
    (problem,) = problems_of(with_bodies(part, {448: {}}))[:1]
    assert "the words of 1 documents" in problem


def test_a_text_field_without_text_is_found() -> None:
    (part,) = parts(small())
    problems = problems_of(with_bodies(part, {3: {"title": "bird", "text": 5}, 4: {"text": []}}))
    assert "2 documents have no text in text field 'text', the first is doc 3" in problems[0]
    assert "the words of 2 documents" in problems[1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\x81\xa1m\xd4\x05\x01", "metadata of documents"),  # a msgpack extension
        ({"a.b": 1}, "metadata of documents"),
        ({"year": 5}, "column 'year'"),
        (b"\xc1", "a msgpack document"),
    ],
)
def test_bodies_that_nobody_can_have_put_are_reported(body: Any, message: str) -> None:
    (part,) = parts(small())
    assert any(message in problem for problem in problems_of(with_bodies(part, {3: body})))


def test_every_byte_of_a_head_is_a_problem_and_never_an_error() -> None:
    (part,) = parts(small())
    for name in ("index.text0", "terms.fst.text0", "vectors.v.meta", "ids.offsets", "columns"):
        original = bytes(section(part, name))
        for at in range(min(16, len(original))):
            damaged = bytearray(original)
            damaged[at] ^= 0x7F
            assert problems_of(rewritten(part, name, bytes(damaged))), f"byte {at} of {name}"


def test_rows_that_are_not_padded_with_zeros_are_found() -> None:
    (part,) = parts(small())
    rows = np.frombuffer(section(part, "vectors.v"), dtype="<f4").copy()
    rows[5] = np.nan
    (problem,) = problems_of(rewritten(part, "vectors.v", rows.tobytes()))
    assert "rows of 'v' are not padded with zeros" in problem


def test_vectors_of_an_encoder_are_there_and_the_encoder_too() -> None:
    (part,) = parts(small())
    made = section(part, "encoded.v")
    made[0] = 0b0000_0010
    flagged = rewritten(part, "encoded.v", bytes(made))
    assert problems_of(flagged, "v") == []
    (problem,) = problems_of(flagged)
    assert "are said to be of an encoder, and it has none" in problem
    made[0] = 0b0000_0100
    (problem,) = problems_of(rewritten(part, "encoded.v", bytes(made)), "v")
    assert "that the encoder made are not there" in problem


def test_a_file_of_another_version_is_a_problem() -> None:
    class Reader:
        def verify(self) -> None:
            raise rr.FormatVersionError("x", "version 2", "version 1")

    readers: Any = [Reader()]
    (problem,) = verify_all([], readers, VerifyReport()).problems
    assert "version 2" in problem


@pytest.mark.parametrize("body", [{"text": "zebra"}, {"text": 5}, b"\xc1"])
def test_a_document_with_another_body_can_be_deleted(body: Any) -> None:
    """The posting lists say what is gone, so that the next search counts right."""
    (part,) = parts(small())
    damaged = with_bodies(part, {5: body})
    assert damaged.without([4]).without([5]).deleted["text0"].total_length == (
        part.without([4, 5]).deleted["text0"].total_length
    )
    after = damaged.without([4]).without([5])
    assert not [problem for problem in problems_of(after) if "deleted documents" in problem]


def test_a_diagnosis_reports_what_is_stored_and_cannot_be_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise rr.InvalidArgument("field", "a.b", "must not have a dot")

    directory = MemoryDirectory()
    rr.open(directory).close()
    monkeypatch.setattr(doctor, "_examine", refuse)
    diagnosis = rr.diagnose(directory)
    assert diagnosis.problems == ["field: must not have a dot (got 'a.b')."]
    assert "repair" in diagnosis.advice[-1]
