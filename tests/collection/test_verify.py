"""Verification finds what checksums cannot: parts that are whole and contradict each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
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
    return [part.visible for part in db._stores["c"].disk]


def problems_of(part: LiveSegment) -> list[str]:
    report = VerifyReport()
    verify_segment(part, report)
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
    report = verify_all([[first, second]], [], VerifyReport())
    assert len(report.problems) == 450 - 65
    assert "id 'd1' is alive in" in report.problems[0]
    other = LiveSegment(second.segment, ~first.live_docs, {})
    problems = verify_all([[first, other]], [], VerifyReport()).problems
    assert not any("alive" in problem for problem in problems)


def rewritten(part: LiveSegment, name: str, content: bytes) -> LiveSegment:
    """The same segment with other bytes in a section, and no checksum to tell."""
    segment = part.segment
    sections: Any = segment._sections
    copy = MemorySections(segment.name)
    for section in sections.section_names:
        copy.add(section, content if section == name else bytes(sections.section(section)))
    return LiveSegment(type(segment)(segment.name, copy, segment.schema), part.live, part.deleted)


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
