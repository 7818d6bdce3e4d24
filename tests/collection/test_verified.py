"""Damage that no ordinary use meets: verification, repair and encoders look at all of it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.errors import CorruptionError
from rank_retrieve.lexical.inverted_index import InvertedIndex
from rank_retrieve.persistence import MemoryDirectory, SegmentReader

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}


def lengths(texts: list[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


def segment_files() -> dict[str, bytes]:
    directory = MemoryDirectory()
    with rr.open(directory, compaction="manual") as db:
        collection = db.create_collection("c", fields=FIELDS)
        collection.put_many({"id": str(n), "text": f"word {n}", "vector": [1, n]} for n in range(9))
    return directory.files()


def test_a_wrong_byte_between_two_sections_is_found_by_verify() -> None:
    files = segment_files()
    (name,) = (name for name in files if name.startswith("segment-"))
    contents = bytearray(files[name])
    reader = SegmentReader.open(MemoryDirectory(files), name, kind=None)
    offset, size, _ = next(
        entry for entry in reader._entries.values() if entry[1] % 64 and entry[0] + entry[1]
    )
    contents[offset + size] = 1
    with rr.open(MemoryDirectory({**files, name: bytes(contents)}), mode="r") as db:
        assert list(db.get_collection("c").ids())
        (problem,) = db.verify().problems
        assert "zeros between sections" in problem


def test_what_the_check_of_an_index_finds_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as contradictions that a writer made, under checksums that hold."""

    def contradicts(index: InvertedIndex) -> None:
        raise CorruptionError(index.origin, 7, "length 1", "frequencies 2")

    monkeypatch.setattr(InvertedIndex, "verify", contradicts)
    with rr.open(MemoryDirectory(segment_files()), mode="r") as db:
        (problem,) = db.verify().problems
        assert "frequencies 2" in problem


def test_an_encoder_of_another_model_is_refused() -> None:
    directory = MemoryDirectory()
    with rr.open(directory) as db:
        made = rr.CallableEncoder(lengths, 2, "lengths")
        db.create_collection("c", {"text": rr.Text()}, encoder=made).put({"id": "a", "text": "x"})
    with rr.open(directory) as db:
        with pytest.raises(rr.InvalidArgument, match="not the one that made"):
            db.get_collection("c", encoder=rr.CallableEncoder(lengths, 2, "others"))
        assert db.get_collection("c", encoder=made).search("x").ids.tolist() == ["a"]


def test_an_encoder_with_any_wrong_byte_is_not_taken_over_by_a_repair(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        made = db.create_collection("c", {"text": rr.Text()}, encoder=rr.LSAEncoder(dim=2))
        made.put_many({"id": str(n), "text": f"cat number {n}"} for n in range(6))
        made.fit_encoder()
    (file,) = (tmp_path / "db").glob("encoder-*")
    contents = bytearray(file.read_bytes())
    reader = SegmentReader.open(MemoryDirectory({file.name: bytes(contents)}), file.name, kind=None)
    offset, size, _ = next(entry for entry in reader._entries.values() if entry[1] % 64)
    contents[offset + size] = 1
    shutil.copytree(tmp_path / "db", tmp_path / "damaged")
    (tmp_path / "damaged" / file.name).write_bytes(contents)
    assert rr.repair(tmp_path / "db", tmp_path / "sound").lost == []
    (lost,) = rr.repair(tmp_path / "damaged", tmp_path / "new").lost
    assert "zeros between sections" in lost
